"""Notifications speak English and Japanese, completely, and say what was not watched."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import datetime, time, timedelta
from pathlib import Path
from string import Formatter

import pytest

from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.notification import texts as texts_module
from pipeline.notification.compose import compose_digest, compose_test
from pipeline.notification.deliver import deliver_pending
from pipeline.notification.message import Message
from pipeline.notification.outbox import Digest
from pipeline.notification.texts import Texts, catalogue
from pipeline.reports.words import LANGUAGES
from tests.alerts_makers import NOON
from tests.notification_makers import Recorder, channel
from tests.reports_makers import add_alerts, fill_morning, open_small_site

HOME = Path(texts_module.__file__).parent
BUILT_KEYS = {
    *(f"held.title.{number}" for number in ("one", "many")),
    *(f"daily.alerts.{number}" for number in ("none", "one", "many")),
}


def fields(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_in_the_same_order() -> None:
    english, japanese = catalogue("en"), catalogue("ja")
    assert list(english) == list(japanese)


@pytest.mark.parametrize("language", LANGUAGES)
def test_no_key_occurs_twice(language: str) -> None:
    text = (HOME / "text" / f"{language}.json").read_text(encoding="utf-8")
    pairs: list[str] = []
    json.loads(text, object_pairs_hook=lambda items: pairs.extend(key for key, _ in items))
    assert len(pairs) == len(set(pairs))


def test_both_languages_fill_in_the_same_things() -> None:
    english, japanese = catalogue("en"), catalogue("ja")
    assert {k for k in english if fields(english[k]) != fields(japanese[k])} == set()


def test_japanese_texts_are_japanese() -> None:
    english, japanese = catalogue("en"), catalogue("ja")
    assert [key for key in english if english[key] == japanese[key]] == []
    plain = {key for key, text in japanese.items() if not re.search(r"[぀-ヿ一-鿿、]", text)}
    assert plain == {"daily.share", "line.alert"}


def test_every_key_is_used_and_every_used_key_exists() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in HOME.glob("*.py"))
    written = set(re.findall(r"""["']([a-z]+(?:\.[a-z_]+)+)["']""", code))
    known = set(catalogue("en"))
    assert known - written - BUILT_KEYS == set()
    assert BUILT_KEYS - known == set()
    called = set(re.findall(r"""\btexts\(\s*["']([a-z_.]+)["']""", code))
    assert called - known == set()


def test_an_unknown_language_is_refused() -> None:
    with pytest.raises(SettingsError, match="en, ja"):
        Texts("de", "UTC")


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    """A site with three hours of a camera, two holes in them, and three alerts."""
    opened = open_small_site(tmp_path)
    add_alerts(opened, fill_morning(opened))
    yield opened
    opened.close()


def digest_of(site: Site, since: datetime, until: datetime, language: str = "en") -> Message:
    from dataclasses import replace

    spoken = replace(site, settings=site.settings.model_copy(update={"language": language}))
    digest = Digest.of_day("test", "line-1", "2026-03-02", since, until)
    return compose_digest(spoken, site.store.camera("line-1"), digest)


def test_a_daily_digest_says_alerts_verdicts_and_what_was_not_watched(site: Site) -> None:
    from pipeline.alerts.reviews import review_alert

    alerts = site.store.alerts()
    review_alert(site, alerts[0].alert_id, "anomaly", "Tanaka")
    message = digest_of(site, NOON, NOON + timedelta(hours=6))
    said = dict(message.rows)
    assert message.title == "[Kizashi] line-1: daily digest, 3 alerts"
    assert said["Verdicts"] == "1 real anomaly, 2 not reviewed yet"
    # 3 h of footage less 2 min and 15 min; then nothing.
    assert said["Watched"] == "2 h 43 min (45.3 %)"
    assert said["Not watched"] == "3 h 17 min (54.7 %), mostly: no footage"
    assert sum(message.fields["not_watched_seconds"].values()) == 3 * 3600 + 17 * 60
    assert message.fields["watched_seconds"] == 3 * 3600 - 17 * 60
    assert message.fields["verdicts"]["anomaly"] == 1
    assert [one["alert_id"] for one in message.fields["alerts"]] == [a.alert_id for a in alerts]
    assert message.lines[-1].endswith("not known.")
    assert sum(alert.alert_id[:12] in line for alert in alerts for line in message.lines) == 3


def test_a_day_on_which_nothing_was_watched_is_not_called_quiet(site: Site) -> None:
    message = digest_of(site, NOON - timedelta(days=1), NOON)
    assert message.title == "[Kizashi] line-1: daily digest, nothing was watched"
    assert dict(message.rows)["Not watched"] == "24 h 0 min (100 %), mostly: no footage"


def test_digests_speak_japanese(site: Site) -> None:
    message = digest_of(site, NOON, NOON + timedelta(hours=3), "ja")
    assert message.title == "【Kizashi】line-1：日次まとめ、アラート 3 件"
    assert dict(message.rows)["監視できた時間"].startswith("2 時間 43 分")
    assert "件" in dict(message.rows)["判定"]


def test_a_long_digest_is_cut_and_says_how_many_more() -> None:
    from tests.alerts_makers import alert

    lines = Texts("en", "UTC").alert_lines("line-1", [(alert(n), "none") for n in range(53)])
    assert len(lines) == 51
    assert lines[-1] == "and 3 more: kizashi alerts --camera line-1"


def test_a_test_says_that_it_is_one(site: Site) -> None:
    message = compose_test(site, "line-3")
    assert message.title == "[Kizashi] TEST: this is only a test"
    assert message.body()["message"] == "test"
    assert "line-3" in message.lines[0]


def test_the_round_sends_the_digest_of_each_camera(site: Site) -> None:
    sink = Recorder()
    # The clock stands at 18:00 in Tokyo.
    assert deliver_pending(site, [channel(sink, digest_at=time(16))]).digests == 1
    assert sink.got[0].title == "[Kizashi] line-1: daily digest, 3 alerts"
