"""kizashi export on the command line: a view as a file, and one line for what is wrong."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from tests.command_line import Run, command_line
from tests.store_samples import fill


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a site with two cameras, an alert each."""
    place = tmp_path_factory.mktemp("site")
    site = open_site(place)
    fill(site.store)
    fill(site.store, "press-2", reviewed=False)
    site.close()
    return place


@pytest.fixture
def kizashi(folder: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run one export of that site."""

    return command_line(folder, capsys, "export")


def test_a_view_becomes_a_file(kizashi: Run, tmp_path: Path) -> None:
    out = tmp_path / "open.csv"
    code, said, err = kizashi("flagged_clips", "--out", str(out), "--camera", "press-2")
    assert (code, err) == (0, "")
    assert said == f"wrote {out} (1 rows of flagged_clips)\n"
    with out.open(encoding="utf-8", newline="") as opened:
        assert [row["camera"] for row in csv.DictReader(opened)] == ["press-2"]


def test_the_range_is_in_the_time_of_the_camera(kizashi: Run, tmp_path: Path) -> None:
    # The alert began at 08:00:07 UTC, which is 17:00:07 in Tokyo.
    out = tmp_path / "flagged.csv"
    mine = ("flagged_clips", "--out", str(out), "--camera", "press-1")
    assert "(0 rows" in kizashi(*mine, "--since", "2026-01-31T17:01")[1]
    assert "(1 rows" in kizashi(*mine, "--since", "2026-01-31T17:00")[1]
    assert "(0 rows" in kizashi(*mine, "--until", "2026-01-31T17:00")[1]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("alerts", "--out", "x.csv"), "'alerts' is not a public view; use one of flagged_clips"),
        (("runs", "--out", "x.csv", "--format", "xlsx"), "use one of csv, parquet"),
        (("runs", "--out", "x.csv", "--camera", "press-9"), "press-9"),
        (("camera_health", "--out", "x.csv", "--since", "7d"), "has no range"),
        (("runs",), "--out"),
        (("runs", "--out", "x.xlsx"), "--out x.xlsx: its ending is that of no format"),
        (("runs", "--out", "runs"), "--out runs: its ending is that of no format"),
        (("runs", "--out", "x.parquet", "--format", "csv"), "ends otherwise than --format csv"),
        (("runs", "--out", "rnus/x.csv"), "there is no folder rnus; make it, or correct it"),
    ],
)
def test_what_is_wrong_is_one_line(
    kizashi: Run,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    said: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    code, out, err = kizashi(*arguments)
    assert code != 0
    assert out == ""
    assert err.count("\n") == 1
    assert said in err
    assert list(tmp_path.iterdir()) == []


def test_the_ending_of_the_file_says_its_format(kizashi: Run, tmp_path: Path) -> None:
    out = tmp_path / "flagged.PARQUET"
    assert kizashi("flagged_clips", "--out", str(out))[0] == 0
    assert out.read_bytes()[:4] == b"PAR1"
    plain = tmp_path / "flagged.txt"
    assert kizashi("flagged_clips", "--out", str(plain), "--format", "csv")[0] == 0
    assert plain.read_bytes().startswith(b'"alert_id"')
