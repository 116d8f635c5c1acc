"""What is wrong with a setting, a trial, an id or a view is said in plain words."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from pipeline.accounts.oidc_table import OidcTable
from pipeline.assembly import open_site
from pipeline.errors import SettingsError
from pipeline.plain_words import pattern_in_words
from pipeline.settings import load_settings
from pipeline.store.views import PUBLIC_VIEWS
from pipeline.trial.trial import Trial
from pipeline.trial.trial_file import load_trial, start_trial, trial_path
from tests.command_line import Run, command_line
from tests.store_samples import fill
from tests.trial_makers import morning_trial, site_of_a_morning

OURS = re.compile(r"should|Input|pattern|\^|\\|valid (string|integer|number)|instance of")


@pytest.fixture
def kizashi(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one command on a site with a camera, a model and an alert."""
    site = open_site(tmp_path)
    fill(site.store)
    site.close()

    return command_line(tmp_path, capsys)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('preset = "huge"', "preset: must be compact, standard, full or paper"),
        ('language = "de"', "language: must be en or ja"),
        ("seed = -1", "seed: must be 0 or more"),
        ("seed = 1.5", "seed: must be a whole number"),
        ('seed = "one"', "seed: must be a whole number"),
        ("stall_seconds = 0", "stall_seconds: must be more than 0"),
        ("lease_seconds = 4000", "lease_seconds: must be 3600 or less"),
        ('retrain_promotes = "perhaps"', "retrain_promotes: must be true or false"),
        ("language = 1", 'language: must be a text in quotes: "..."'),
        ("lanugage = 'en'", "lanugage: nothing of this name is known; see how it is spelt"),
        ("cluster_address = 'tcp://me:word@host'", "cluster_address: must not hold an @"),
        ("record = 1", "record: must be a list: [ ... ]"),
        ("[[record]]\ncamera = 'Belt!'", "[[record]] 1: camera: use 1 to 63 of a-z 0-9 - _"),
        ("[[record]]\nurl = 'rtsp://h/s'", "[[record]] 1: camera: is missing"),
        (
            "[[notify]]\nkind = 'file'\nname = 'A!'",
            "[[notify]] 1 (file): name: use 1 to 63 of a-z 0-9 - _",
        ),
        (
            "[[notify]]\nkind = 'file'\ncameras = []",
            "[[notify]] 1 (file): cameras: must not be empty",
        ),
        (
            "[[notify]]\nkind = 'mqtt'\nhost = 'h'\ntopic = '#'",
            "[[notify]] 1 (mqtt): topic: give words with / between them",
        ),
    ],
)
def test_a_setting_is_refused_in_plain_words(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "kizashi.toml").write_text(text + "\n", encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_settings(tmp_path)
    line = str(refused.value)
    assert line.startswith(f"{tmp_path / 'kizashi.toml'} or KIZASHI_*: {said}")
    assert line.endswith("; correct it (docs/settings.md)")
    assert "\n" not in line
    assert not OURS.search(line)
    assert "word@host" not in line


def patterns_of(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        if isinstance(schema.get("pattern"), str):
            yield schema["pattern"]
        for part in schema.values():
            yield from patterns_of(part)
    elif isinstance(schema, list):
        for part in schema:
            yield from patterns_of(part)


def models() -> Iterator[type[BaseModel]]:
    from pipeline.notification import configuration as notify
    from pipeline.recording.configuration import RecordTable
    from pipeline.settings import Settings

    yield from (Trial, OidcTable, RecordTable, notify.FileTable, notify.WebhookTable)
    yield from (notify.EmailTable, notify.MqttTable, notify.PrefectTable)
    # Its tables have schemas of their own, of which some hold what JSON has no word for.
    for name, field in Settings.model_fields.items():
        if name not in ("record", "dashboard", "notify"):
            for rule in field.metadata:
                pattern = getattr(rule, "pattern", None)
                assert pattern is None or pattern_in_words(pattern), name


def test_every_pattern_has_words() -> None:
    found = {
        pattern
        for model in models()
        for field in model.model_fields.values()
        for rule in field.metadata
        if (pattern := getattr(rule, "pattern", None)) is not None
    }
    found |= set(patterns_of(Trial.model_json_schema()))
    assert len(found) >= 4
    assert [pattern for pattern in sorted(found) if not pattern_in_words(pattern)] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--name=-x",), "name: use 1 to 63 of a-z 0-9 - _, a letter or digit first"),
        (("--learn-days", "0"), "learn_days: must be more than 0"),
        (("--least-precision", "2"), "least_precision: must be 1 or less"),
        (("--most-alarms-a-day", "nan"), "most_alarms_a_day: must be a number"),
    ],
)
def test_a_trial_is_refused_in_plain_words(
    kizashi: Run, arguments: tuple[str, ...], said: str
) -> None:
    code, out, err = kizashi("trial", "start", "press-1", *arguments)
    assert (code, out, err) == (2, "", f"kizashi: trial of press-1: {said}\n")


def test_the_file_of_a_trial_is_corrected_in_plain_words(tmp_path: Path) -> None:
    site, _ = site_of_a_morning(tmp_path)
    start_trial(site, morning_trial(name="other"))
    path = trial_path(site, "other")
    text = path.read_text(encoding="utf-8")
    changed = text.replace('currency = "EUR"', 'currency = "€"').replace("Z\n", "\n", 1)
    path.write_text(changed, encoding="utf-8")
    with pytest.raises(SettingsError) as refused:
        load_trial(site, "other")
    said = str(refused.value)
    assert "start_utc: must be a moment with a time zone" in said
    assert "assumptions.currency: use 1 to 8 letters, such as EUR" in said
    assert not OURS.search(said)
    site.close()


@pytest.mark.parametrize(
    ("arguments", "what", "command"),
    [
        (("review", "{alert}", "anomaly"), "an alert", "kizashi alerts"),
        (("feedback", "remove", "abcde"), "a pattern", "kizashi feedback list"),
        (("retention", "release", "abcde"), "a hold", "kizashi retention holds"),
        (("model", "show", "{model}"), "a model", "kizashi model list"),
    ],
)
def test_five_characters_of_an_id_are_too_few(
    kizashi: Run, arguments: tuple[str, ...], what: str, command: str
) -> None:
    (alert,) = json.loads(kizashi("alerts", "--format", "json")[1])
    (model,) = json.loads(kizashi("model", "list", "--format", "json")[1])
    short = {"alert": alert["alert"][:5], "model": model["model"][:5]}
    given = [one.format(**short) for one in arguments]
    code, out, err = kizashi(*given)
    assert (code, out) == (5 if what == "a model" else 6, "")
    shown = next(one for one in reversed(given) if len(one) == 5)
    assert err == (
        f"kizashi: {shown!r} is too short to name {what}; give at least the first 6 characters, "
        f"as listed by: {command}\n"
    )


def test_an_unknown_view_names_those_there_are(kizashi: Run) -> None:
    code, out, err = kizashi("sql", "select * from flagged")
    assert (code, out) == (6, "")
    assert err == f"kizashi: there is no view flagged; use {', '.join(PUBLIC_VIEWS)}\n"
