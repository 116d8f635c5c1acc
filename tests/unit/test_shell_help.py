"""Help as a manual has it: a description and examples of every command, exit codes, completion."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

from pipeline import errors
from pipeline.cli import main
from pipeline.commands.examples import EXAMPLES, EXIT_CODES
from tests.unit.test_shell_docs import COMMANDS, KIZASHI, rows_of

ROOT = Path(__file__).parents[2]


def parsed(line: str) -> Any:
    """Parse a command line as a shell and kizashi would, without running it; return the last
    context."""
    words = shlex.split(line.partition(" > ")[0])
    assert words[0] == "kizashi"
    command = KIZASHI
    context = command.make_context("kizashi", words[1:])
    while hasattr(command, "resolve_command"):
        name, command, rest = command.resolve_command(
            context, [*context._protected_args, *context.args]
        )
        context = command.make_context(name, rest, parent=context)
    return context


def shown_examples() -> Iterator[tuple[str, str]]:
    for name, lines in EXAMPLES.items():
        yield from ((name, line) for line in lines)


def test_every_command_has_an_example_and_every_example_a_command() -> None:
    assert {f"kizashi {name}" for name in EXAMPLES} == set(COMMANDS)
    assert all(EXAMPLES.values())


@pytest.mark.parametrize(("name", "line"), list(shown_examples()))
def test_an_example_parses_and_is_of_its_command(name: str, line: str) -> None:
    context = parsed(line)
    assert context.command_path.removeprefix("kizashi ") == name


@pytest.mark.parametrize(
    "line",
    [
        "kizashi ingest --frobnicate",
        "kizashi camera add belt",
        "kizashi report --period year",
        "kizashi completion powershell",
        "kizashi train --effort none",
    ],
)
def test_an_example_that_could_not_be_typed_is_seen(line: str) -> None:
    with pytest.raises(typer.TyperException):
        parsed(line)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_help_of_a_command_is_a_page(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*name.split()[1:], "--help"]) == 0
    page = capsys.readouterr().out
    usage, _, rest = page.partition("\n\n")
    assert usage.startswith("Usage: kizashi ")
    description = rest.partition("\n\nOptions:")[0].partition("\n\nArguments:")[0]
    # One sentence that says what it does, and a paragraph on what is good to know.
    assert len(description.split("\n\n")) >= 2, description
    assert "\n  Examples:\n    kizashi " in page
    wordless = [item.name for item in COMMANDS[name].params if not getattr(item, "help", None)]
    assert wordless == []


def test_no_description_in_a_list_of_commands_is_cut(capsys: pytest.CaptureFixture[str]) -> None:
    groups = ("camera", "model", "notify", "retention", "store", "trial", "user")
    for group in ([], *([name] for name in groups)):
        main([*group, "--help"])
        assert "..." not in capsys.readouterr().out.replace("[ARGS]...", "")


def test_the_root_help_has_the_exit_codes_of_the_errors(capsys: pytest.CaptureFixture[str]) -> None:
    main(["--help"])
    page = capsys.readouterr().out
    for code, meaning in EXIT_CODES.items():
        assert f"{code:>3}  {meaning}" in page
    raised = {getattr(errors, name).exit_code for name in errors.__all__}
    assert raised | {0, 130, 141, 143} == set(EXIT_CODES)


def test_every_exit_code_is_documented_with_what_to_do() -> None:
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    rows = [row for row in rows_of(text) if row[0].isdigit()]
    assert {int(row[0]) for row in rows} == set(EXIT_CODES)
    for code, error, meaning, advice in rows:
        assert meaning or advice, code
        if error:
            assert meaning, error
            assert advice, error


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_of_completion_is_printed(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    script = capsys.readouterr().out
    assert f"_KIZASHI_COMPLETE=complete_{shell}" in script
    assert "kizashi" in script


@pytest.mark.parametrize(
    ("typed", "offered"),
    [("kizashi ca", {"camera"}), ("kizashi report --per", {"--period"}), ("kizashi zz", set())],
)
def test_bash_is_offered_what_may_come_next(typed: str, offered: set[str]) -> None:
    words = typed.split()
    done = subprocess.run(
        [sys.executable, "-m", "pipeline.cli"],
        cwd=ROOT,
        env={
            **os.environ,
            "_KIZASHI_COMPLETE": "complete_bash",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(words) - 1),
        },
        capture_output=True,
        text=True,
        check=True,
    )
    assert set(done.stdout.split()) == offered


def test_the_script_for_bash_is_bash() -> None:
    script = subprocess.run(
        [sys.executable, "-m", "pipeline.cli", "completion", "bash"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    subprocess.run(["bash", "-n"], input=script, text=True, check=True)
