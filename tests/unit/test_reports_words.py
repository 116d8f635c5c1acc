"""The reports speak English and Japanese, completely, and say times, shares and rates plainly."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from string import Formatter

import pytest

from pipeline.alerts.alerts import Severity
from pipeline.alerts.evidence import EvidenceKind
from pipeline.alerts.reviews import VERDICTS
from pipeline.distillation.student_model import STUDENT
from pipeline.drift.judge import Severity as DriftSeverity
from pipeline.drift.reference import FUSED, PICTURES
from pipeline.errors import SettingsError
from pipeline.footage.admission import Reason
from pipeline.health.events import Trouble
from pipeline.lighting.events import UNKNOWN
from pipeline.lighting.states import Kind
from pipeline.reports import words as words_module
from pipeline.reports.words import LANGUAGES, Words, catalogue
from pipeline.retention.policy import Why
from pipeline.scoring.anomaly import Place
from pipeline.scoring.experts import EXPERTS

HOME = Path(words_module.__file__).parent
AT = datetime(2026, 3, 2, 3, 4, 5, tzinfo=UTC)

# Keys that are put together from a name: prefix -> the names.
BUILT = {
    "light.": [*Kind, UNKNOWN],
    "reason.": [
        *(reason.value for reason in Reason),
        *(trouble.value for trouble in Trouble if trouble.blinds),
    ],
    "alert.severity.": [severity.value for severity in Severity],
    "verdict.": [*VERDICTS, "none", "suppressed"],
    "evidence.": [kind.value for kind in EvidenceKind],
    "evidence.removed.": [why.value for why in Why],
    "headline.alerts.": ["none", "one", "many"],
    "coverage.": ["watched", "waiting", "too_short_to_score", "removed_unscored", "no_footage"],
    "coverage.short.": ["waiting", "too_short_to_score", "removed_unscored", "no_footage"],
    "expert.": [*EXPERTS, STUDENT],
    "time.": ["full", "minute", "clock", "tick", "tick.seconds", "tick.day"],
    "period.": ["day", "week", "month"],
    "compared.": ["alerts", "watched", "alert_rate", "false_rate", "precision"],
    "drift.": [*DriftSeverity],
    "drift.severity.": [*DriftSeverity],
    "drift.of.": [FUSED, *PICTURES],
    "budget.kept.": ["kept", "exceeded", "open", "unknown"],
    "place.": [
        *("upper_left", "upper", "upper_right", "left", "centre"),
        *("right", "lower_left", "lower", "lower_right"),
    ],
}
BUILT_KEYS = {prefix + name for prefix, names in BUILT.items() for name in names} | {
    f"expert.{name}.meaning" for name in BUILT["expert."]
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    assert list(catalogue("en")) == list(catalogue("ja"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_occurs_twice(language: str) -> None:
    text = (HOME / "text" / f"{language}.json").read_text(encoding="utf-8")
    pairs: list[str] = []
    json.loads(text, object_pairs_hook=lambda items: pairs.extend(key for key, _ in items))
    assert len(pairs) == len(set(pairs))


def test_both_languages_fill_in_the_same_things() -> None:
    english, japanese = catalogue("en"), catalogue("ja")
    different = {k for k in english if fields(english[k]) != fields(japanese[k])}
    assert different == set()


def test_japanese_texts_are_japanese() -> None:
    same = {key for key, text in catalogue("ja").items() if text == catalogue("en")[key]}
    assert {key for key in same if not key.startswith("time.")} == {"alert.review_hint"}
    untranslated = {
        key
        for key, text in catalogue("ja").items()
        if not re.search(r"[぀-ヿ一-鿿、～]", text) and key not in same
    }
    assert untranslated == {"headline.both", "time.tick.day"}


def test_every_key_is_used_and_every_used_key_exists() -> None:
    sources = [*HOME.glob("*.py"), *(HOME / "templates").glob("*.html")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    written = set(re.findall(r"""["']([a-z]+(?:\.[a-z_]+)*)["']""", code))
    known = set(catalogue("en"))
    assert known - written - BUILT_KEYS == set()
    assert BUILT_KEYS - known == set()
    called = set(re.findall(r"""\b(?:t|words|self)\(\s*["']([a-z_.]+)["']""", code))
    assert called - known - set(BUILT) == set()


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(SettingsError, match="en, ja"):
        Words("de", "UTC")


def test_times_are_those_of_the_camera() -> None:
    assert Words("en", "Asia/Tokyo").time(AT) == "2026-03-02 12:04:05"
    assert Words("ja", "Asia/Tokyo").time(AT) == "2026年3月2日 12:04:05"
    assert Words("en", "Europe/Berlin").time(AT, "clock") == "04:04:05"


def test_a_stretch_of_time_names_its_day_once() -> None:
    words = Words("en", "Asia/Tokyo")
    assert words.times(AT, AT + timedelta(seconds=9)) == "2026-03-02 12:04:05 to 12:04:14"
    late = AT + timedelta(hours=14)
    assert words.times(AT, late) == "2026-03-02 12:04:05 to 2026-03-03 02:04:05"


@pytest.mark.parametrize(
    ("seconds", "english", "japanese"),
    [
        (0, "0 s", "0 秒"),
        (2.5, "2.5 s", "2.5 秒"),
        (59.7, "1 min 0 s", "1 分 0 秒"),
        (125, "2 min 5 s", "2 分 5 秒"),
        (3599.8, "1 h 0 min", "1 時間 0 分"),
        (43_080, "11 h 58 min", "11 時間 58 分"),
        (86_400, "24 h 0 min", "24 時間 0 分"),
        (180_000, "2 d 2 h", "2 日 2 時間"),
    ],
)
def test_lengths_in_their_two_largest_units(seconds: float, english: str, japanese: str) -> None:
    assert Words("en", "UTC").length(seconds) == english
    assert Words("ja", "UTC").length(seconds) == japanese


@pytest.mark.parametrize(
    ("per_day", "english", "japanese"),
    [
        (30.0, "about 30 times a day", "1 日に約 30 回"),
        (3.0, "about once in 8 hours", "約 8 時間に 1 回"),
        (1.0, "about once a day", "1 日に約 1 回"),
        (0.025, "about once in 40 days", "約 40 日に 1 回"),
        (0.001, "about once in 3 years", "約 3 年に 1 回"),
        (1e-9, "less than once in 10 years", "10 年に 1 回未満"),
        (2.3e-308, "less than once in 10 years", "10 年に 1 回未満"),
    ],
)
def test_rates_become_frequencies(per_day: float, english: str, japanese: str) -> None:
    assert Words("en", "UTC").often(per_day) == english
    assert Words("ja", "UTC").often(per_day) == japanese


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (0.0, "0 %"),
        (0.0001, "< 0.1 %"),
        (0.457, "45.7 %"),
        (0.99999, "> 99.9 %"),
        (1.0, "100 %"),
    ],
)
def test_shares_never_round_to_all_or_nothing(share: float, words: str) -> None:
    assert Words("en", "UTC").share(share) == words


@pytest.mark.parametrize(
    ("place", "english", "japanese"),
    [
        ((0.0, 0.0, 0.2, 0.2), "upper left, about 4 % of the picture", "左上、画面の約 4 %"),
        ((0.4, 0.4, 0.2, 0.2), "centre, about 4 % of the picture", "中央、画面の約 4 %"),
        ((0.9, 0.9, 0.1, 0.1), "lower right, about 1 % of the picture", "右下、画面の約 1 %"),
        ((0.0, 0.0, 1.0, 1.0), "centre, about 100 % of the picture", "中央、画面の約 100 %"),
    ],
)
def test_places_in_words(
    place: tuple[float, float, float, float], english: str, japanese: str
) -> None:
    x, y, width, height = place
    where = Place(x=x, y=y, width=width, height=height)
    assert Words("en", "UTC").place(where) == english
    assert Words("ja", "UTC").place(where) == japanese


def test_an_expert_without_words_goes_by_its_name() -> None:
    words = Words("en", "UTC")
    assert words.expert("thermal") == "thermal"
    assert words.expert_meaning("thermal") == "its value is unusual for this place"


@pytest.mark.parametrize(
    ("value", "words"),
    [
        (0.0, "0"),
        (0.0001, "< 0.001"),
        (0.011, "0.011"),
        (0.11, "0.11"),
        (1.0, "1"),
        (1.25, "1.2"),
        (12345.6, "12,346"),
    ],
)
def test_numbers_without_powers(value: float, words: str) -> None:
    assert Words("en", "UTC").number(value) == words
