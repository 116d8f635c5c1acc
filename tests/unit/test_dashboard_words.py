"""The dashboard speaks English and Japanese, completely, and its scripts hold no words."""

from __future__ import annotations

import json
import re
from pathlib import Path
from string import Formatter

import pytest

import dashboards
from pipeline.accounts.accounts import Role
from pipeline.evaluation.refusals import Refusal
from pipeline.feedback.patterns import EndReason
from pipeline.learning.registry import ModelState
from pipeline.reports.words import LANGUAGES, catalogue
from pipeline.retention.policy import Kind, Why
from pipeline.synthesis.shelf import SampleKind
from pipeline.trial.status import Stage, Step
from pipeline.watching import Watching
from pipeline.zones.zone import ZoneKind

HOME = Path(dashboards.__file__).parent
TEXTS = {
    language: json.loads((HOME / "text" / f"{language}.json").read_text(encoding="utf-8"))
    for language in LANGUAGES
}
TEMPLATES = {path.name: path.read_text(encoding="utf-8") for path in HOME.glob("templates/*.html")}
SOURCES = "".join(path.read_text(encoding="utf-8") for path in HOME.rglob("*.py"))

# Keys that are put together from a name: prefix -> the names.
BUILT = {
    "nav.": ["overview", "review", "alerts", "reports", "models", "runs", "sql", "trials"],
    "login.": [
        *("wrong", "locked"),
        *(
            f"oidc.{why}"
            for why in ("state", "provider", "token", "group", "domain", "closed", "taken", "name")
        ),
    ],
    "role.": [role.value for role in Role],
    "error.": ["403", "404", "409", "422", "500", "503"],
    "watching.": [
        *(state.value for state in Watching),
        *(f"{state.value}.since" for state in Watching if state not in ("watching", "empty")),
    ],
    "camera.": ["hour", "day", "week", "month"],
    "kept.kind.": [kind.value for kind in Kind],
    "kept.why.": [why.value for why in Why],
    "trials.stage.": [stage.name.lower() for stage in Stage],
    "trials.step.": [step.value for step in Step],
    "samples.": [kind.value for kind in SampleKind],
    "compare.why.": [why.value for why in Refusal],
    "models.state.": [state.value for state in ModelState],
    "ended.": [why.value for why in EndReason],
    "pattern.of_this.": ["active", "asleep"],
    "pattern.state.": ["active", "asleep"],
    "areas.kind.": [kind.value for kind in ZoneKind],
}
BUILT_KEYS = {prefix + name for prefix, names in BUILT.items() for name in names}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(TEXTS["en"]) == list(TEXTS["ja"])


@pytest.mark.parametrize("key", TEXTS["en"])
def test_both_languages_fill_in_the_same_things(key: str) -> None:
    assert fields(TEXTS["en"][key]) == fields(TEXTS["ja"][key])


def test_every_text_is_used_and_every_text_used_is_there() -> None:
    asked = set(re.findall(r"""\bt\(["']([a-z_.0-9]+)["']""", "".join(TEMPLATES.values())))
    asked |= set(re.findall(r"""\(?"([a-z_]+\.[a-z_.]+)"\)""", TEMPLATES["alert.html"]))
    asked |= set(re.findall(r"""words\(\s*"([a-z_.]+)\"""", SOURCES))
    chosen = re.findall(r"""key = "([a-z_.]+)" if [^\n]+ else "([a-z_.]+)\"""", SOURCES)
    asked |= {key for pair in chosen for key in pair}
    asked = {key for key in asked if not key.endswith(".")}
    known = set(TEXTS["en"]) | set(catalogue("en")) | set(catalogue("en", "pipeline.trial.text"))
    assert asked - known == set()
    assert set(TEXTS["en"]) - asked - BUILT_KEYS == set()


def test_keys_that_are_put_together_are_there() -> None:
    assert BUILT_KEYS - set(TEXTS["en"]) == set()


@pytest.mark.parametrize("name", TEMPLATES)
def test_templates_hold_no_words_of_their_own(name: str) -> None:
    text = re.sub(r"{[{%#].*?[}%#]}|<script.*?</script>", " ", TEMPLATES[name], flags=re.DOTALL)
    bare = re.sub(r"<[^>]*>|&\w+;", " ", text)
    assert re.findall(r"[A-Za-z]{2,}", bare) in ([], ["SQL"])


@pytest.mark.parametrize("path", sorted(HOME.glob("static/*.js")), ids=lambda path: path.name)
def test_scripts_hold_no_japanese_and_load_nothing(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"[\u3040-\u30ff\u4e00-\u9fff]", text)
    assert "http:" not in text
    assert "https:" not in text


def test_japanese_texts_are_japanese() -> None:
    plain = {key for key, text in TEXTS["ja"].items() if text.isascii()}
    assert plain == {"nav.sql", "models.none"} & plain
