"""The command line: parses, calls one function of the pipeline, prints. The outermost shell.

Errors are one line on standard error and an exit code by kind; --debug adds the traceback.
Nothing heavy (torch, SQLAlchemy, Prefect, pandas, pydantic) is imported before a command needs it.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands import (
    alerts,
    drifting,
    exports,
    first_camera,
    health,
    models,
    people,
    recording,
    sites,
    stages,
    synthesis,
)
from pipeline.commands.areas import cameras_app
from pipeline.commands.completion import COMPLETE_VARIABLE, completion, prepare_completion
from pipeline.commands.examples import root_epilog, texts_of
from pipeline.commands.feedback import feedback_app
from pipeline.commands.notify import notify_app
from pipeline.commands.retention import retention_app
from pipeline.commands.shell import Shell
from pipeline.commands.trials import trial_app
from pipeline.errors import KizashiError
from pipeline.stopping import Stopped, stopped_by_signals

__all__ = ["app", "main"]

INTERRUPTED = 130
"""128 + SIGINT, as shells count."""
STOPPED = 143
"""128 + SIGTERM; systemd takes it for a good end."""
BROKEN_PIPE = 141

app = typer.Typer(
    name="kizashi",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Plain help, as a manual has it: no boxes, lines of examples stay as they are.
    rich_markup_mode=None,
    epilog=root_epilog(),
    help="Learns what normal operation of a fixed camera looks like, and writes few, explained "
    "alerts to SQL.",
)


_COMMANDS: tuple[Callable[..., None], ...] = (
    sites.demo,
    first_camera.init,
    health.doctor,
    recording.record,
    stages.ingest,
    stages.train,
    drifting.drift,
    drifting.retrain,
    stages.score,
    stages.report,
    alerts.alerts,
    alerts.review,
    alerts.what_if,
    alerts.sql,
    exports.export,
    synthesis.generate,
    synthesis.interpolate,
    sites.evaluate,
    sites.serve,
    people.dashboard,
    completion,
)
for command in _COMMANDS:
    app.command(**texts_of(command.__name__.replace("_", "-")))(command)
app.add_typer(cameras_app, name="camera")
app.add_typer(trial_app, name="trial")
app.add_typer(notify_app, name="notify")
app.add_typer(retention_app, name="retention")
app.add_typer(models.models_app, name="model")
app.add_typer(feedback_app, name="feedback")
app.add_typer(people.users_app, name="user")
app.add_typer(sites.store_app, name="store")


def _print_version(asked: bool) -> None:
    if asked:
        from importlib import metadata

        sys.stdout.write(f"kizashi {metadata.version('kizashi')}\n")
        raise typer.Exit


@app.callback()
def root(
    context: typer.Context,
    site: Annotated[
        Path, typer.Option(help="Folder of the site.", envvar="KIZASHI_SITE", show_default=False)
    ] = Path("."),
    debug: Annotated[
        bool, typer.Option("--debug", help="Log everything, and show tracebacks.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option(
            "--version", help="Print the version and exit.", callback=_print_version, is_eager=True
        ),
    ] = False,
) -> None:
    """Set up what every command shares."""
    from pipeline.logs import configure_logs

    context.obj = Shell(folder=site.expanduser().resolve(), debug=debug)
    # Without --debug too: what libraries warn of is to be masked as well.
    configure_logs(debug=debug)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; return its exit code."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if COMPLETE_VARIABLE in os.environ:
        prepare_completion()
    with stopped_by_signals():
        return _run(given)


def _run(given: list[str]) -> int:
    try:
        outcome = app(args=given, prog_name="kizashi", standalone_mode=False)
        sys.stdout.flush()
    except typer.TyperException as error:
        message = error.format_message()
        context = getattr(error, "ctx", None)
        if context is not None and message == context.get_help():  # a group without a command
            sys.stdout.write(f"{message}\n")
            return error.exit_code
        said = f"{message.rstrip('.')}; see {_help_of(error)}"
        return _fail(said, error.exit_code, given, error)
    except (typer.Abort, KeyboardInterrupt):
        return _fail("interrupted", INTERRUPTED, [], None)
    except Stopped:
        return _fail("stopped", STOPPED, [], None)
    except (BrokenPipeError, SystemExit) as error:
        # typer and rich turn a broken pipe into SystemExit themselves.
        if isinstance(error, SystemExit) and not isinstance(error.__context__, BrokenPipeError):
            raise
        # `kizashi alerts | head`: the reader left, which is no error. Python would complain
        # once more when it flushes at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    except KizashiError as error:
        return _fail(str(error), error.exit_code, given, error)
    except Exception as error:  # the last line of defence: ours to mend, not the user's
        text = f"unexpected {type(error).__name__}: {error}; please report it with --debug's output"
        return _fail(text, 1, given, error)
    return outcome if isinstance(outcome, int) else 0


def _help_of(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'kizashi'} --help"


def _fail(message: str, code: int, given: Sequence[str], error: BaseException | None) -> int:
    import traceback

    from pipeline.commands.output import plain, print_failure
    from pipeline.masking import masked

    if error is not None and "--debug" in given:
        for line in "".join(traceback.format_exception(error)).splitlines():
            sys.stderr.write(plain(masked(line)) + "\n")
    print_failure(message)
    return code


if __name__ == "__main__":
    sys.exit(main())
