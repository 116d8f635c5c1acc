"""The page of a trial says what its figures are, in both languages, and trusts no text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from string import Formatter

import pytest

from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.reports.words import LANGUAGES, Words, catalogue
from pipeline.trial import trial_report
from pipeline.trial.decision import BARS
from pipeline.trial.phrases import amount, payback
from pipeline.trial.trial import Assumptions, QualityBar
from pipeline.trial.trial_file import load_trial
from pipeline.trial.trial_report import write_trial_report
from tests.alerts_makers import NOON, camera
from tests.trial_makers import at, morning_trial, site_of_a_morning

HOME = Path(trial_report.__file__).parent
TEXTS = "pipeline.trial.text"
UNKNOWN = ("alarms", "precision", "payback", "unwatched", "learnt_apart")
BUILT = (
    {f"{kind}.{bar}" for kind in ("bar", "todo") for bar in BARS}
    | {f"unmet.{bar}" for bar in BARS}
    | {f"unmet.{bar}.unknown" for bar in UNKNOWN}
    | {f"assumption.{name}" for name in Assumptions.model_fields}
    | {f"unit.{unit}" for unit in ("hours", "minutes", "watts")}
    | {f"payback.{unit}{one}" for unit in ("years", "months", "days") for one in ("", ".one")}
)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return a site where one alert is real and two have no verdict; its texts are hostile."""
    opened, _ = site_of_a_morning(tmp_path_factory.mktemp("site"), "anomaly")
    opened.store.put_camera(camera(purpose="<script>alert(1)</script>", owner='"><img src=x>'))
    yield opened
    opened.close()


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)


def page(site: Site, language: str) -> str:
    done = write_trial_report(site, load_trial(site, "small"), language=language)
    return done.page.read_text(encoding="utf-8")


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_text_of_others_becomes_markup(site: Site, language: str) -> None:
    text = page(site, language)
    tags = _Tags()
    tags.feed(text)
    assert not tags.names & {"script", "img", "board", "iframe", "object"}
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "a &lt;board&gt; lay across &amp; blocked it" in text
    assert not re.search(r"(?:src|href)=\"(?!data:|#)", text)


def test_the_page_names_each_unmet_bar_and_no_other(site: Site) -> None:
    done = write_trial_report(site, load_trial(site, "small"), language="en")
    assert not done.go
    assert set(done.unmet) == {"alarms", "verdicts", "unreviewed", "days"}
    reasons = re.findall(r"<li><strong>(.*?)</strong><span>(.*?)</span>", page(site, "en"))
    assert [reason for reason, _ in reasons] == [
        "alarms a day: 27; at most 1 were asked for",
        "alarms with a verdict: 1; with fewer than 3 a precision says nothing",
        "alarms without a verdict: 2; at most 0 may be left",
        "days watched: 0.11; with fewer than 3 every rate is a guess",
    ]
    assert all(todo for _, todo in reasons)


def test_the_figures_lie_beside_it(site: Site) -> None:
    done = write_trial_report(site, load_trial(site, "small"), language="ja")
    assert done.page.parent == done.figures.parent == site.reports_folder / "line-1"
    found = json.loads(done.figures.read_text(encoding="utf-8"))
    assert found["go"] is False
    assert (found["alarms"], found["unreviewed"]) == (3, 2)
    assert found["verdicts"] == {"anomaly": 1, "known_harmless": 0, "false_alarm": 0}
    assert found["watched_seconds"] == 9_780.0
    assert [bar["key"] for bar in found["bars"]] == list(BARS)
    assert [bar["key"] for bar in found["bars"] if not bar["met"]] == list(done.unmet)
    assert set(found["cases"]) == {"low", "middle", "high"}
    assert len(found["faults"]) == 1


def test_a_go_names_what_chance_may_have_met(tmp_path: Path) -> None:
    generous = QualityBar(most_alarms_a_day=40.0, least_watched_days=0.1)
    site, _ = site_of_a_morning(
        tmp_path, "anomaly", "anomaly", "false_alarm", trial=morning_trial(bar=generous)
    )
    text = page(site, "en")
    site.close()
    assert "<h2>Go</h2>" in text
    assert "would not be: Alarms a day, Precision." in text


def test_nothing_watched_yet_is_said(site: Site) -> None:
    early = at(site, NOON - timedelta(hours=1))
    text = page(early, "en")
    for sentence in (
        "no time was watched, so alarms a day are not known",
        "no alarm has a verdict, so the precision is not known",
        "No time was watched, so there is nothing to reckon with.",
        "Watching has not begun.",
    ):
        assert sentence in text, sentence


def test_a_short_trial_calls_its_year_a_guess(site: Site) -> None:
    assert "Only 2 h 43 min were watched: a year reckoned from so little is a guess." in page(
        site, "en"
    )


def test_an_unknown_language_writes_nothing(site: Site) -> None:
    with pytest.raises(SettingsError, match="en, ja"):
        write_trial_report(site, load_trial(site, "small"), language="de")


def test_missing_evidence_is_said(site: Site) -> None:
    assert "Evidence is missing or was changed" in page(site, "en")


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_say_the_same_things_with_the_same_figures() -> None:
    english, japanese = catalogue("en", TEXTS), catalogue("ja", TEXTS)
    assert list(english) == list(japanese)
    assert {k for k in english if fields(english[k]) != fields(japanese[k])} == set()
    assert not set(english) & set(catalogue("en"))
    untranslated = {key for key, text in japanese.items() if not re.search(r"[぀-ヿ一-鿿～]", text)}
    assert untranslated == {"unit.watts", "amount"}


def test_every_text_is_used_and_every_used_text_exists() -> None:
    sources = [*HOME.glob("*.py"), *(HOME / "templates").glob("*.html")]
    code = "\n".join(path.read_text(encoding="utf-8") for path in sources)
    written = set(re.findall(r"""["']([a-z_]+(?:\.[a-z_]+)*)["']""", code))
    known = set(catalogue("en", TEXTS))
    assert known - written - BUILT == set()
    assert BUILT - known == set()
    called = set(re.findall(r"""\b(?:t|words)\(\s*["']([a-z_.]+)["']""", code))
    assert called - known - set(catalogue("en")) == set()


@pytest.mark.parametrize(
    ("years", "english", "japanese"),
    [
        (None, "never", "回収できない"),
        (0.001, "1 day", "1 日"),
        (0.1, "37 days", "37 日"),
        (0.5, "6 months", "6 か月"),
        (1.0, "1 year", "1 年"),
        (2.25, "2.2 years", "2.2 年"),
    ],
)
def test_payback_in_words(years: float | None, english: str, japanese: str) -> None:
    assert payback(years, Words("en", "UTC", TEXTS)) == english
    assert payback(years, Words("ja", "UTC", TEXTS)) == japanese


@pytest.mark.parametrize(
    ("value", "shown"), [(1234.5, "1,234 EUR"), (-7.0, "−7 EUR"), (-0.2, "0 EUR")]
)
def test_money_in_words(value: float, shown: str) -> None:
    assert amount(value, "EUR", Words("en", "UTC", TEXTS)) == shown
