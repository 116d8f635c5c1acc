"""Quiet hours and due times by the clocks on the wall, and what the settings refuse."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipeline.alerts.alerts import Severity
from pipeline.errors import SettingsError
from pipeline.notification.quiet import is_quiet, parse_quiet
from pipeline.notification.rules import DEFAULT_RULES, Rules, day_due, sinks_for
from pipeline.settings import Settings, load_settings

BERLIN, TOKYO = "Europe/Berlin", "Asia/Tokyo"


def quiet_at(text: str, moment: str, zone: str = BERLIN) -> bool:
    local = datetime.fromisoformat(moment).replace(tzinfo=ZoneInfo(zone))
    return is_quiet([parse_quiet(text)], local.astimezone(UTC), zone)


@pytest.mark.parametrize(
    ("text", "moment", "quiet"),
    [
        # 2026-03-02 is a Monday.
        ("22:00-06:00", "2026-03-02T21:59:59", False),
        ("22:00-06:00", "2026-03-02T22:00", True),
        ("22:00-06:00", "2026-03-03T05:59:59", True),
        ("22:00-06:00", "2026-03-03T06:00", False),
        ("12:00-13:00", "2026-03-02T12:30", True),
        ("12:00-13:00", "2026-03-02T13:00", False),
        ("00:00-24:00", "2026-03-02T23:59:59", True),
        ("08:00-08:00", "2026-03-02T07:59", True),
        ("fri 22:00-06:00", "2026-03-06T23:00", True),
        ("fri 22:00-06:00", "2026-03-07T05:00", True),
        ("fri 22:00-06:00", "2026-03-07T23:00", False),
        ("fri 22:00-06:00", "2026-03-06T05:00", False),
        ("sat,sun 00:00-24:00", "2026-03-08T23:59", True),
        ("sat, sun 00:00-24:00", "2026-03-09T00:00", False),
        ("mon-fri 18:00-24:00", "2026-03-06T18:00", True),
        ("mon-fri 18:00-24:00", "2026-03-07T18:00", False),
        ("sat-mon 10:00-11:00", "2026-03-08T10:30", True),
        ("sat-mon 10:00-11:00", "2026-03-10T10:30", False),
    ],
)
def test_quiet_hours_are_those_on_the_wall(text: str, moment: str, quiet: bool) -> None:
    assert quiet_at(text, moment) is quiet


@pytest.mark.parametrize(
    ("evening", "minutes"),
    [("2026-03-27", 480), ("2026-03-28", 420), ("2026-10-24", 540), ("2026-10-25", 480)],
    ids=["usual night", "clocks go forward", "clocks go back", "the night after"],
)
def test_a_night_lasts_as_long_as_the_clocks_say(evening: str, minutes: int) -> None:
    hours = [parse_quiet("22:00-06:00")]
    noon = datetime.fromisoformat(f"{evening}T12:00").replace(tzinfo=ZoneInfo(BERLIN))
    moments = [noon.astimezone(UTC) + timedelta(minutes=step) for step in range(24 * 60)]
    assert sum(is_quiet(hours, moment, BERLIN) for moment in moments) == minutes


@pytest.mark.parametrize(
    "text",
    ["", "22-6", "22:00", "25:00-06:00", "22:00-24:30", "xyz 22:00-06:00", "22:00-06:00 mon"],
)
def test_what_is_no_time_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(ValueError, match="write 22:00-06:00") as caught:
        parse_quiet(text)
    assert not text or text not in str(caught.value).replace("write 22:00-06:00", "")


def test_the_last_due_time_is_today_or_yesterday_where_the_camera_is() -> None:
    seven = time(7)
    day, due, before = day_due(seven, TOKYO, datetime(2026, 3, 1, 22, 0, tzinfo=UTC))
    assert (day, due) == ("2026-03-02", datetime(2026, 3, 1, 22, 0, tzinfo=UTC))
    assert due - before == timedelta(days=1)
    assert day_due(seven, TOKYO, due - timedelta(microseconds=1))[0] == "2026-03-01"
    clocks_went_forward = datetime(2026, 3, 29, 12, tzinfo=UTC)
    _, due, before = day_due(seven, BERLIN, clocks_went_forward)
    assert due - before == timedelta(hours=23)


def test_an_alert_goes_to_the_sinks_that_want_it() -> None:
    rules = [
        DEFAULT_RULES,
        Rules(name="press", cameras=("press-?", "belt")),
        Rules(name="pager", least_severity=Severity.CRITICAL),
    ]
    assert sinks_for(rules, "press-1", Severity.NOTICE) == ("file", "press")
    assert sinks_for(rules, "press-12", Severity.WARNING) == ("file",)
    assert sinks_for(rules, "belt", Severity.CRITICAL) == ("file", "press", "pager")


# settings -----------------------------------------------------------------------------------

EMAIL = 'kind = "email"\nhost = "mail"\nsender = "a@b.example"\nto = ["c@b.example"]\n'


def settings_of(folder: Path, text: str) -> Settings:
    (folder / "kizashi.toml").write_text(text, encoding="utf-8")
    return load_settings(folder)


def test_tables_become_rules_and_none_are_the_folder_of_files(tmp_path: Path) -> None:
    assert settings_of(tmp_path, "").notify_rules() == (DEFAULT_RULES,)
    text = (
        'language = "ja"\n[[notify]]\nkind = "webhook"\nurl = "https://a.example/x"\n'
        f'[[notify]]\nname = "day"\ndigest_at = "07:00"\nat_most = 3\n{EMAIL}'
        'quiet = ["22:00-06:00", "sat,sun 00:00-24:00"]\nleast_severity = "warning"\n'
    )
    hook, mail = settings_of(tmp_path, text).notify_rules()
    assert hook == Rules(name="webhook")
    assert (mail.name, mail.digest_at, mail.at_most, mail.per_seconds) == ("day", time(7), 3, 3600)
    assert len(mail.quiet) == 2
    assert mail.least_severity is Severity.WARNING


def test_the_environment_wins_over_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(
        "KIZASHI_NOTIFY", '[{"kind": "file", "name": "box", "quiet": "22:00-06:00"}]'
    )
    (rules,) = settings_of(tmp_path, "[[notify]]\nkind = 'prefect'\n").notify_rules()
    assert (rules.name, len(rules.quiet)) == ("box", 1)
    monkeypatch.setenv("KIZASHI_NOTIFY", "cAnArY7")
    with pytest.raises(SettingsError, match="must be JSON") as caught:
        load_settings(tmp_path)
    assert "cAnArY7" not in str(caught.value)


@pytest.mark.parametrize(
    ("table", "said"),
    [
        ('kind = "fax"', "[[notify]] 1: kind must be file, webhook, email, mqtt or prefect"),
        ('name = "x"', "[[notify]] 1: kind must be"),
        ('kind = "webhook"', "(webhook): give exactly one of url, url_env, url_file"),
        ('kind = "webhook"\nurl = "http://plant.example"', "must begin with https://"),
        ('kind = "webhook"\nurl = "https://u:cAnArY7@a.example"', "url holds a secret"),
        ('kind = "webhook"\nurl = "https://a.example/?token=cAnArY7"', "url holds a secret"),
        ('kind = "webhook"\nsecret = "cAnArY7"', "secret is never written here"),
        (
            'kind = "webhook"\nurl = "https://a.example"\nsecret_env = "A"\nsecret_file = "b"',
            "not both",
        ),
        ('kind = "email"\npassword = "cAnArY7"', "password is never written here"),
        (EMAIL + 'user = "me"', "user together with password_env or password_file"),
        (EMAIL + 'user = "me"\npassword_env = "P"\nsecurity = "none"', "a password needs security"),
        (EMAIL.replace("c@b.example", "c@b.example\\nBcc: x@y"), "plain addresses"),
        ('kind = "mqtt"\nhost = "b"\ntopic = "a/#"', "(mqtt): topic"),
        (
            'kind = "mqtt"\nhost = "b"\nuser = "me"\npassword_env = "P"\ntls = false',
            "a password needs tls = true",
        ),
        ('kind = "file"\nquiet = "at night"', "(file): quiet: write 22:00-06:00"),
        ('kind = "file"\nquiet = 22', "(file): quiet: write a text"),
        ('kind = "file"\ndigest_at = "7"', "(file): digest_at: write a time of day such as 07:00"),
        ('kind = "file"\ndigest_at = 7', "(file): digest_at: write a time of day in quotes"),
        ('kind = "file"\nat_most = 0', "(file): at_most"),
        ('kind = "file"\nfrobnicate = 1', "(file): frobnicate"),
        ('kind = "file"\n[[notify]]\nkind = "file"', "two tables are called file"),
    ],
)
def test_a_table_that_is_wrong_is_one_line_that_names_it(
    tmp_path: Path, table: str, said: str
) -> None:
    with pytest.raises(SettingsError, match=r"\A[^\n]+\Z") as caught:
        settings_of(tmp_path, f"[[notify]]\n{table}\n")
    assert said in str(caught.value)
    assert "cAnArY7" not in str(caught.value)
