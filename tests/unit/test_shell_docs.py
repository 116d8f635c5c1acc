"""The documents name everything there is: settings, commands, options, errors, reasons."""

import re
import shlex
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
import typer.main

from pipeline import errors
from pipeline.camera import Camera
from pipeline.cli import app
from pipeline.footage.admission import Reason
from pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
TEMPLATE = files("pipeline.commands").joinpath("kizashi.toml").read_text(encoding="utf-8")


def document(name: str) -> str:
    return (ROOT / "docs" / name).read_text(encoding="utf-8")


def rows_of(text: str) -> list[list[str]]:
    """Return the cells of every row of every table in a Markdown text."""
    return [
        [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
        for line in text.splitlines()
        if line.startswith("|")
    ]


@pytest.mark.parametrize("name", sorted(Settings.model_fields))
def test_every_setting_is_documented_with_its_default(name: str) -> None:
    rows = {row[0]: row for row in rows_of(document("settings.md"))}
    default = Settings.model_fields[name].default
    if default is None:
        assert rows[f"`{name}`"][2]
    else:
        shown = f'"{default}"' if isinstance(default, str) else str(default)
        assert rows[f"`{name}`"][1] == f"`{shown}`"


def test_no_setting_is_documented_that_is_not_there() -> None:
    table = document("settings.md").split("## Cameras")[0]
    named = {row[0].strip("`") for row in rows_of(table) if row[0].startswith("`")}
    assert named == set(Settings.model_fields)


def test_the_file_that_init_writes_shows_every_setting_with_its_default() -> None:
    assert tomllib.loads(TEMPLATE) == {}
    uncommented = "\n".join(re.findall(r"^# (\w+ = .*)$", TEMPLATE, re.MULTILINE))
    shown: dict[str, Any] = tomllib.loads(uncommented)
    assert set(shown) == set(Settings.model_fields)
    shown.pop("database_url")
    assert shown == {
        name: field.default
        for name, field in Settings.model_fields.items()
        if field.default is not None
    }


def test_every_field_of_a_camera_is_documented() -> None:
    text = document("settings.md")
    assert [field.name for field in fields(Camera) if f"`{field.name}`" not in text] == []


def commands(command: Any, path: str = "kizashi") -> Iterator[tuple[str, Any]]:
    """Yield every command of the command line with its full name."""
    below = getattr(command, "commands", None)
    if not below:
        yield path, command
        return
    for name, inner in below.items():
        yield from commands(inner, f"{path} {name}")


KIZASHI: Any = typer.main.get_command(app)
COMMANDS = dict(commands(KIZASHI))


def test_the_documented_commands_are_the_ones_there_are() -> None:
    documented = {
        re.sub(r" ([A-Z\[\"].*)?$", "", row[0].strip("`") + " ")
        for row in rows_of(document("commands.md"))
        if row[0].startswith("`kizashi")
    }
    assert documented == set(COMMANDS)


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_the_documented_options_are_the_ones_there_are(name: str) -> None:
    by_name = {
        re.sub(r" ([A-Z\[\"].*)?$", "", row[0].strip("`") + " "): row
        for row in rows_of(document("commands.md"))
    }
    same = {"kizashi camera set": "kizashi camera add"}
    row = by_name[same.get(name, name)]
    there = {
        option for parameter in COMMANDS[name].params for option in parameter.opts if "-" in option
    }
    assert set(re.findall(r"--[a-z-]+", row[2])) == there - {"--help"}


def shown_commands() -> Iterator[tuple[str, str]]:
    """Yield every line of a code block in the documents that calls kizashi, with its page."""
    for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]:
        text = page.read_text(encoding="utf-8")
        blocks = re.findall(r"^```\w*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        indented = re.findall(r"^    (kizashi .*)$", text, re.MULTILINE)
        for line in [*"\n".join(blocks).splitlines(), *indented]:
            parts = [part.strip().removeprefix("$ ") for part in line.split("&&")]
            yield from ((page.name, part) for part in parts if part.startswith("kizashi "))


def options_of(command: Any, *, flags_only: bool = False) -> set[str]:
    return {"--help"} | {
        option
        for parameter in command.params
        if not flags_only or getattr(parameter, "is_flag", False)
        for option in parameter.opts
    }


def problem_with(shown: str) -> str | None:
    """Return what is wrong with a command line, or None."""
    words = shlex.split(shown, comments=True)[1:]
    command = KIZASHI
    while words:
        word = words.pop(0)
        if word.startswith("--"):
            if word not in options_of(command):
                return f"no option {word} of {command.name}"
            if word not in options_of(command, flags_only=True):
                words = words[1:]
        elif below := getattr(command, "commands", None):
            if word not in below:
                return f"no command {word}"
            command = below[word]
    return None


def test_every_command_that_the_documents_show_can_be_typed() -> None:
    wrong = [
        f"{page}: {shown}: {problem}"
        for page, shown in shown_commands()
        if (problem := problem_with(shown))
    ]
    assert wrong == []


@pytest.mark.parametrize(
    "shown", ["kizashi frobnicate", "kizashi ingest --frobnicate", "kizashi camera rename belt"]
)
def test_a_command_that_is_not_there_is_seen(shown: str) -> None:
    assert problem_with(shown)


@pytest.mark.parametrize("reason", [reason.value for reason in Reason])
def test_every_reason_is_documented_with_what_to_do(reason: str) -> None:
    rows = {row[0]: row for row in rows_of(document("errors.md"))}
    assert all(rows[f"`{reason}`"])


@pytest.mark.parametrize("name", errors.__all__)
def test_every_error_is_documented_with_its_exit_code(name: str) -> None:
    rows = {row[1]: row for row in rows_of(document("errors.md"))}
    assert rows[name][0] == str(getattr(errors, name).exit_code)


def test_the_drawn_tree_of_errors_is_the_real_one() -> None:
    drawn = {
        match[1]: match[2]
        for line in (errors.__doc__ or "").splitlines()
        if (match := re.match(r"[|` -]*(\w+) +(\d)? ", line)) and hasattr(errors, match[1])
    }
    assert set(drawn) == set(errors.__all__)
    stated = {name: int(code) for name, code in drawn.items() if code}
    assert {name: getattr(errors, name).exit_code for name in stated} == stated


def test_decisions_are_numbered_without_a_gap_and_say_why() -> None:
    pages = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert [int(page.name[:4]) for page in pages] == list(range(1, len(pages) + 1))
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.startswith(f"# {int(page.name[:4])}. "), page.name
        assert all(f"\n## {part}\n" in text for part in ("Context", "Decision")), page.name


def test_links_between_documents_lead_somewhere() -> None:
    broken = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")]
        for target in re.findall(r"\]\(([^)#\s]+)", page.read_text(encoding="utf-8"))
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert broken == []


def test_pins_fit_what_the_project_asks_for() -> None:
    from packaging.requirements import Requirement

    pins = dict(
        line.split("==") for line in (ROOT / "constraints.txt").read_text("utf-8").splitlines()
    )
    by_name = {re.sub(r"[-_.]+", "-", name).lower(): pin for name, pin in pins.items()}
    assert by_name["torch"] == "2.13.0"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    asked = ("dev", "mqtt", "parquet", "postgres")
    for line in [*project["dependencies"], *(line for extra in asked for line in extras[extra])]:
        asked = Requirement(line)
        pin = by_name[re.sub(r"[-_.]+", "-", asked.name).lower()]
        assert asked.specifier.contains(pin, prereleases=True), line
