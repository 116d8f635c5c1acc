"""Streams in kizashi.toml: what is refused, and that no secret of theirs is ever shown."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

from pipeline.assembly import Site, open_site
from pipeline.camera import Camera, ClockSource
from pipeline.cli import main
from pipeline.errors import CameraError, SettingsError
from pipeline.recording.record import live_cameras
from pipeline.recording.stream import Stream, place_of
from pipeline.settings import load_settings

CANARY = "cAnArY7"
WAYS = {
    "password": f"rtsp://u:{CANARY}@h/s",
    "dotted user": f"rtsp://first.last:{CANARY}@h/s",
    "percent-encoded": f"rtsp://u%40er:{CANARY}%2F@h/s",
    "no user": f"rtsp://:{CANARY}@h/s",
    "token": f"rtsp://h/s?token={CANARY}",
    "in the path": f"rtsp://h/user=a_password={CANARY}_channel=1",
    "unescaped": f"rtsp://u:a/{CANARY}@h/s",
    "wrong kind": f"http://u:{CANARY}@h/s",
    "with a blank": f"rtsp://u:{CANARY} @h/s",
}


def write(folder: Path, *lines: str) -> Path:
    text = "\n".join(("[[record]]", 'camera = "belt"', *lines))
    (folder / "kizashi.toml").write_text(text, encoding="utf-8")
    return folder


@pytest.mark.parametrize("url", WAYS.values(), ids=WAYS)
def test_a_url_that_holds_a_secret_is_refused_without_it(tmp_path: Path, url: str) -> None:
    with pytest.raises(SettingsError, match=r"\[\[record\]\] 1") as refused:
        load_settings(write(tmp_path, f'url = "{url}"'))
    assert CANARY not in str(refused.value)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "exactly one of url, url_env, url_file"),
        (('url = "rtsp://h/s"', 'url_env = "U"'), "exactly one of url, url_env, url_file"),
        (('url = "rtsp://h/s"', 'user = "u"'), "user together with"),
        (('url = "rtsp://h/s"', 'password_env = "P"'), "user together with"),
        (
            ('url = "rtsp://h/s"', 'user = "u"', 'password_env = "P"', 'password_file = "p"'),
            "give password_env or password_file, not both",
        ),
        (('url = "rtsp://h/s"', f'user = "u"\npassword = "{CANARY}"'), "never written here"),
        (('url = "http://h/s"',), "must begin with rtsp://"),
        (('url = "rtsp:///s"',), "name a host"),
        (('url = "rtsp://h:70000/s"',), "the url is none"),
        (('url = "rtsp://h/s\'x"',), "characters"),
        (('url = "rtsp://h/s"', "[[record]]", 'camera = "belt"', 'url = "rtsp://h/t"'), "belt"),
    ],
)
def test_a_wrong_table_is_named(tmp_path: Path, lines: tuple[str, ...], said: str) -> None:
    with pytest.raises(SettingsError) as refused:
        load_settings(write(tmp_path, *lines))
    assert said in str(refused.value)
    assert CANARY not in str(refused.value)


def test_user_and_password_are_read_when_they_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path, 'url = "rtsp://h:8554/s?a=1"', 'user = "a@b"', 'password_env = "PW"')
    (table,) = load_settings(tmp_path).record
    stream = table.stream(tmp_path)
    with pytest.raises(SettingsError, match="environment variable PW holds no secret"):
        stream.address()
    monkeypatch.setenv("PW", f"{CANARY}:/@%'")
    parts = urlsplit(stream.address())
    assert (unquote(parts.username or ""), unquote(parts.password or "")) == (
        "a@b",
        f"{CANARY}:/@%'",
    )
    assert (parts.hostname, parts.port, parts.path, parts.query) == ("h", 8554, "/s", "a=1")
    # Nothing that would end the quoted line of the list that FFmpeg reads.
    assert not set(stream.address()) & set("'\n\\ ")
    assert str(place_of(stream.address())) == "rtsp://h:8554"
    assert CANARY not in repr(stream) + repr(table)


def test_a_whole_url_may_lie_in_a_file(tmp_path: Path) -> None:
    write(tmp_path, 'url_file = "belt.url"')
    (tmp_path / "belt.url").write_text(f"rtsp://u:{CANARY}@[::1]/s\n", encoding="utf-8")
    (table,) = load_settings(tmp_path).record
    address = table.stream(tmp_path).address()
    assert address == f"rtsp://u:{CANARY}@[::1]/s"
    assert str(place_of(address)) == "rtsp://[::1]:554"


@pytest.mark.parametrize(
    "url", [f"rtsp://u:{CANARY}/x@h/s", f"http://u:{CANARY}@h/s", f"{CANARY}\nfile x"]
)
def test_a_wrong_url_in_the_environment_is_refused_without_it(
    monkeypatch: pytest.MonkeyPatch, url: str
) -> None:
    monkeypatch.setenv("BELT_URL", url)
    with pytest.raises(SettingsError, match="environment variable BELT_URL: ") as refused:
        Stream(url_env="BELT_URL").address()
    assert CANARY not in str(refused.value)
    assert refused.value.__cause__ is None


def site_with(folder: Path, **changes: object) -> Site:
    write(folder, 'url = "rtsp://h/s"')
    site = open_site(folder)
    (folder / "belt").mkdir()
    fields = {"source": Path("belt"), "purpose": "p", "owner": "o", "retention_days": 1}
    site.store.put_camera(Camera(name="belt", **{**fields, **changes}))  # type: ignore[arg-type]
    return site


def test_only_cameras_that_can_be_recorded_are(tmp_path: Path) -> None:
    site = site_with(tmp_path)
    assert [camera.name for camera in live_cameras(site)] == ["belt"]
    with pytest.raises(SettingsError, match=r"press has no table \[\[record\]\]"):
        live_cameras(site, ["press"])
    (tmp_path / "belt").rmdir()
    with pytest.raises(CameraError, match="no folder"):
        live_cameras(site)
    site.close()


@pytest.mark.parametrize("clock", [ClockSource.MTIME, ClockSource.SEQUENCE])
def test_a_clock_that_passes_over_the_recorded_times_is_refused(
    tmp_path: Path, clock: ClockSource
) -> None:
    site = site_with(tmp_path, clock=clock)
    with pytest.raises(CameraError, match="--clock auto"):
        live_cameras(site)
    site.close()


def test_without_a_table_the_command_says_what_to_write(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "kizashi.toml").touch()
    assert main(["--site", str(tmp_path), "record"]) == 2
    assert "write a table [[record]]" in capsys.readouterr().err


def test_the_status_of_a_camera_that_was_never_recorded(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site_with(tmp_path).close()
    assert main(["--site", str(tmp_path), "record", "--status", "--format", "csv"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines == [
        '"camera","state","since_utc","last_frame_utc","why"',
        '"belt","never","","","kizashi record did not run"',
    ]


def test_a_length_that_is_none_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    site_with(tmp_path).close()
    assert main(["--site", str(tmp_path), "record", "--for", "soon"]) == 2
    assert "give 30s, 10m" in capsys.readouterr().err
