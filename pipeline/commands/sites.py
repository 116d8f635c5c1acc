"""kizashi demo, evaluate, serve, store: what concerns a whole site, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.examples import texts_of
from pipeline.commands.output import print_line, progress_lines
from pipeline.commands.shell import site_folder

__all__ = ["demo", "evaluate", "serve", "store_app"]

store_app = typer.Typer(
    no_args_is_help=True, rich_markup_mode=None, help="Look after the database."
)


def demo(
    folder: Annotated[Path, typer.Option(help="Where the demonstration is made.")] = Path("demo"),
    fast: Annotated[
        bool, typer.Option("--fast", help="Shorter footage and training; finds less.")
    ] = False,
    render_only: Annotated[
        bool,
        typer.Option("--render-only", help="Only footage: a minute to learn, then one fault."),
    ] = False,
) -> None:
    """Render a production line, learn it, find its faults, write the report: the whole job.

    It prints what was found beside the truth. Killed, it goes on where it was; done again, it
    changes nothing.
    """
    from pipeline.demo.run_demo import run_demo
    from pipeline.demo.short_line import write_short_line
    from pipeline.demo.show import show_demo

    if render_only:
        with progress_lines() as progress:
            line = write_short_line(folder, progress=progress)
        print_line(str(line))
        return
    with progress_lines() as progress:
        result = run_demo(folder, fast=fast, progress=progress)
    show_demo(result)


def evaluate(
    test: Annotated[Path, typer.Option(help="Footage to score.")],
    labels: Annotated[Path, typer.Option(help="CSV: video,start_seconds,end_seconds.")],
    out: Annotated[Path, typer.Option(help="Folder for result.json, frame_scores.csv, report.")],
    train: Annotated[
        Path | None, typer.Option(help="Footage to learn from, all taken as normal.")
    ] = None,
    masks: Annotated[Path | None, typer.Option(help="Folder of NAME.npz with `mask`.")] = None,
    preset: Annotated[str, typer.Option(help="compact, standard, full or paper.")] = "compact",
    seed: Annotated[list[int] | None, typer.Option(help="Seed; repeatable. None: 0.")] = None,
    model: Annotated[Path | None, typer.Option(help="Folder of a model, to train none.")] = None,
    folder_rate: Annotated[
        float, typer.Option(min=0.001, max=240, help="Frames a second of folders of pictures.")
    ] = 10.0,
) -> None:
    """Measure detection on anyone's footage, in the strict and the literature column.

    Learns from the normal footage, scores the test footage, and holds the scores against the
    labels, beside trivial rivals. With several seeds it gives mean and deviation.
    """
    from pipeline.evaluation.protocol import evaluate as run_evaluation
    from pipeline.evaluation.tables import print_result

    with progress_lines() as progress:
        result = run_evaluation(
            train=train,
            test=test,
            labels=labels,
            masks=masks,
            preset=preset,
            seeds=tuple(seed or (0,)),
            model=model,
            out=out,
            progress=progress,
            folder_rate=folder_rate,
        )
    print_result(result)


def serve(context: typer.Context) -> None:
    """Run the flows of this site on their schedules, on a running Prefect server; until stopped.

    Start the server first: prefect server start. One process serves a site. The intervals are
    settings of the site; the flows call the same functions as the commands.
    """
    from flows.deployments import serve_site

    serve_site(site_folder(context), print_line)


@store_app.command("upgrade", **texts_of("store upgrade"))
def upgrade(context: typer.Context) -> None:
    """Bring the schema of the database up to date, after a backup copy where that is a file.

    SQLite is brought up to date by itself at the first command; PostgreSQL only by this one, since
    others may be using it.
    """
    from pipeline.assembly import store_url
    from pipeline.settings import load_settings
    from pipeline.store.sql import upgrade_store

    folder = site_folder(context)
    done = upgrade_store(store_url(folder, load_settings(folder)))
    copy = f"; the copy before it is {done.backup}" if done.backup else ""
    print_line(f"schema {done.before or 'empty'} -> {done.after}{copy}")
