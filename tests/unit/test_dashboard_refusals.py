"""Errors on Japanese pages are in Japanese, and the catalogue follows the sentences of the code."""

from __future__ import annotations

import ast
import json
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

import dashboards
import pipeline
from dashboards.refusals import in_language

HOME = Path(dashboards.__file__).parent
PIPELINE = Path(pipeline.__file__).parent
CATALOGUE: dict[str, str] = json.loads(
    (HOME / "text" / "refusals.ja.json").read_text(encoding="utf-8")
)

# Rooms of which every error can reach a page.
SHOWN = [
    HOME / "access.py",
    HOME / "keeping.py",
    HOME / "moments.py",
    HOME / "stills.py",
    HOME / "trials.py",
    *sorted((HOME / "routes").glob("*.py")),
    PIPELINE / "alerts" / "reviews.py",
    PIPELINE / "camera.py",
    PIPELINE / "feedback" / "undo.py",
    PIPELINE / "learning" / "promotion.py",
    PIPELINE / "learning" / "registry.py",
    PIPELINE / "retention" / "holds.py",
    PIPELINE / "store" / "alerts.py",
    PIPELINE / "store" / "cameras.py",
    PIPELINE / "store" / "feedback.py",
    PIPELINE / "store" / "models.py",
    PIPELINE / "store" / "query.py",
    PIPELINE / "store" / "query_sqlite.py",
    PIPELINE / "zones" / "areas.py",
    PIPELINE / "zones" / "hours.py",
    PIPELINE / "zones" / "polygon.py",
    PIPELINE / "zones" / "zone.py",
]
# What the command line alone can reach, or what asks for a repair by hand.
NOT_SHOWN = {
    "{} is no polygon; give corners like '0,0 0.3,0 0.3,0.5'",
    "sqlite:///{} is gone; restore it",
}
ERRORS = ("Error", "Refused", "Changed", "Conflict", "Exception", "ShowsMore", "NotPromoted")
"""What names of errors that people read end with; a ValueError is for who calls a function."""


def literals(tree: ast.AST) -> Iterator[str]:
    """Yield every text, with {} for what is filled in."""
    for node in ast.walk(tree):
        text = literal(node)
        if text is not None:
            yield text


def literal(node: ast.AST) -> str | None:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return node.value
    if isinstance(node, ast.JoinedStr):
        return "".join(
            str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values
        )
    return None


def choices(node: ast.expr) -> Iterator[str]:
    """Yield the text of an argument, or both of `one if so else the other`."""
    for part in (node.body, node.orelse) if isinstance(node, ast.IfExp) else (node,):
        if text := literal(part):
            yield text


def without_names(template: str) -> str:
    return "".join(
        text + ("{}" if name is not None else "")
        for text, name, _, _ in Formatter().parse(template)
    )


def raised(path: Path) -> Iterator[str]:
    """Yield the sentences of the errors that a module makes."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        name = (
            node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
        )
        if isinstance(node, ast.Call) and name.endswith(ERRORS) and name != "ValueError":
            yield from (text for part in node.args for text in choices(part))


@pytest.mark.parametrize("path", SHOWN, ids=lambda path: path.stem)
def test_every_sentence_that_a_page_can_meet_is_translated(path: Path) -> None:
    known = {without_names(english) for english in CATALOGUE}
    missing = {text for text in raised(path) if text not in known and text not in NOT_SHOWN}
    assert not missing


def test_no_row_is_of_a_sentence_that_nobody_says_any_more() -> None:
    files = [*HOME.rglob("*.py"), *PIPELINE.rglob("*.py")]
    said = {text for file in files for text in literals(ast.parse(file.read_text("utf-8")))}
    assert not {english for english in CATALOGUE if without_names(english) not in said}


@pytest.mark.parametrize("english", CATALOGUE)
def test_a_translation_fills_in_what_its_sentence_has(english: str) -> None:
    japanese = CATALOGUE[english]
    names = {name for _, name, _, _ in Formatter().parse(english) if name}
    wanted = {name for _, name, _, _ in Formatter().parse(japanese) if name}
    assert wanted <= names
    assert any("\u3040" <= letter <= "\u9fff" for letter in japanese)
    filled = {name: f"<{name}>" for name in names}
    assert in_language(english.format(**filled), "ja") == japanese.format(**filled)


def test_what_is_filled_in_is_translated_where_it_is_a_phrase_of_ours() -> None:
    said = in_language(
        "camera belt, zone 'door': its sides cross; give the corners in order around it", "ja"
    )
    assert said.startswith("カメラ belt、ゾーン 'door'：辺が交わっています")


def test_a_camera_that_is_called_like_a_role_keeps_its_name() -> None:
    assert in_language("you may not see camera admin; ask an administrator", "ja").startswith(
        "カメラ admin を"
    )


def test_the_parts_of_a_form_are_translated_one_by_one() -> None:
    said = in_language("retention_days: must be 1 or more; owner: must not be empty", "ja")
    assert said == "retention_days：1 以上にしてください; owner：空にしないでください"


@pytest.mark.parametrize("text", ["something else happened", "x" * 10_000, "{camera}", ""])
def test_what_the_catalogue_lacks_stays_as_it_is(text: str) -> None:
    assert in_language(text, "ja") == text


def test_english_stays_english() -> None:
    said = "this page is out of date; load it again"
    assert in_language(said, "en") == said
