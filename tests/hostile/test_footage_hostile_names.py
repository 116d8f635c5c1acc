"""File names are data: whatever they are, the footage is found again under them."""

from __future__ import annotations

import csv
import os
import re
import unicodedata
from collections.abc import Callable, Iterator
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from dashboards.stills import still_of
from pipeline.csv_text import harmless_text
from pipeline.export import ExportFormat, export_view
from pipeline.footage.frames import View, working_frames
from pipeline.footage.ingest import IngestSummary
from pipeline.footage.names import footage_path, shown_name, stored_path
from tests import footage_maker as make
from tests.dashboard_site import add_people, signed_in
from tests.footage_site import CAMERA, FootageSite, footage_site
from tests.store_samples import health

NAMES = [
    "カメラ①.mp4",
    "ライン 2/兆し.mp4",
    "مرحبا.mp4",
    "\u202egpj.4pm.mp4",
    unicodedata.normalize("NFC", "が.mp4"),
    unicodedata.normalize("NFD", "が.mp4"),
    "😀👩‍👩‍👧‍👦.mp4",
    "new\nline.mp4",
    "tab\tand\rreturn.mp4",
    "\x1b[31mred\x1b[0m.mp4",
    "\x07bell\x7f.mp4",
    "quote'.mp4",
    'quote".mp4',
    "`id`$(id);&|.mp4",
    "a';DROP TABLE alerts;--.mp4",
    "%03d.mp4",
    "line%03d.mp4",
    "%s%n%00.mp4",
    "-i.mp4",
    "--help",
    "-",
    "concat:a.ts|b.ts",
    "pipe:0",
    "http:__host_x.mp4",
    "back\\slash.mp4",
    "\\x41.mp4",
    "..mp4.mp4"[1:],
    "trailing space.mp4 ",
    " leading space.mp4",
    "CON",
    "nul.mp4",
    "*?[a-z].mp4",
    "{0}{name}.mp4",
    "<script>alert(1)</script>.mp4".replace("/", "\u2044"),
    "=1+1.mp4",
    "~root.mp4",
    "\u2028\u2029\u0085.mp4",
    "a" * 251 + ".mp4",
    "あ" * 83 + ".mp4",
    os.fsdecode(b"caf\xe9.mp4"),
    os.fsdecode(b"\xff\xfe\x80.mp4"),
    os.fsdecode(b"folder \xe9/\xe9.mp4"),
    "1" * 200 + ".mp4",
    '=HYPERLINK("http:x").mp4',
    "@SUM(A1).mp4",
    "{{7*7}}.mp4",
    "{% raw %}.mp4",
    "&lt;b&gt;&amp;.mp4",
    "\\'\\\".mp4",
    "a\u0000b.mp4".replace("\0", "%00"),
    "C:\\Windows\\x.mp4",
    "$HOME ${HOME} $(id).mp4",
    "LPT1.mp4",
    "aux",
    "dot..dot...mp4",
    "trailing dot.",
    "कैमरा.mp4",
    "กล้อง.mp4",
    "Z\u0351\u036b\u0343algo.mp4",
    "\ufeffbom.mp4",
    "\ufffd\U0010ffff.mp4",
]
VIEW = View(width_px=48, height_px=32, frame_rate=10.0)


@pytest.fixture(scope="module")
def ingested(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[FootageSite, IngestSummary]]:
    """Return the site after one ingest of healthy files with all of these names."""
    with footage_site(tmp_path_factory.mktemp("names")) as opened:
        template = make.healthy(opened.source.parent / "template.ts", seconds=1.0)
        content = template.read_bytes()
        for index, name in enumerate(NAMES):
            path = opened.source / name
            path.parent.mkdir(exist_ok=True)
            # An MPEG-TS null packet with a number, so that no two have the same bytes.
            filler = b"\x47\x1f\xff\x10" + index.to_bytes(2, "big") + b"\xff" * 182
            path.write_bytes(content + filler)
        summary = opened.ingest()
        yield opened, summary


def test_every_name_is_ingested(ingested: tuple[FootageSite, IngestSummary]) -> None:
    _, summary = ingested
    hidden = sum(name.startswith(".") for name in NAMES)
    assert (summary.admitted, summary.refused) == (len(NAMES) - hidden, 0)


def test_the_stored_path_leads_back_to_the_file(
    ingested: tuple[FootageSite, IngestSummary],
) -> None:
    site, _ = ingested
    found = {footage_path(site.source, row.path) for row in site.site.store.footage_of(CAMERA)}
    assert found == {site.source / name for name in NAMES if not name.startswith(".")}
    assert all(path.is_file() for path in found)


@pytest.mark.parametrize(
    "name", ["%03d.mp4", "-i.mp4", "new\nline.mp4", os.fsdecode(b"caf\xe9.mp4")]
)
def test_frames_can_be_read_again_from_the_stored_path(
    name: str, ingested: tuple[FootageSite, IngestSummary]
) -> None:
    site, _ = ingested
    [row] = [
        row
        for row in site.site.store.footage_of(CAMERA)
        if footage_path(site.source, row.path) == site.source / name
    ]
    assert len(list(working_frames(footage_path(site.source, row.path), VIEW))) == 10


def test_every_line_is_one_printable_line(ingested: tuple[FootageSite, IngestSummary]) -> None:
    site, summary = ingested
    assert len(site.lines) == summary.admitted
    for line in site.lines:
        assert line.isprintable()
        line.encode("utf-8")
        assert re.fullmatch(r"admitted .+ 1\.0 s, 1 segment", line)
    assert "admitted new\\nline.mp4 1.0 s, 1 segment" in site.lines
    assert "admitted caf\\xe9.mp4 1.0 s, 1 segment" in site.lines


def test_names_in_errors_are_one_printable_line(tmp_path: Path) -> None:
    with footage_site(tmp_path) as site:
        for name in NAMES:
            path = site.source / name
            path.parent.mkdir(exist_ok=True)
            path.write_text(f"text {NAMES.index(name)}")
        site.ingest()
        for row in site.site.store.footage_of(CAMERA):
            assert row.detail.isprintable()
        assert all(line.isprintable() for line in site.lines)
        assert f"refused {shown_name('-i.mp4')}: not a video but text; give video" in site.lines


class _Text(HTMLParser):
    """The text of a page, and the tags in it."""

    def __init__(self) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.tags: set[str] = set()
        self._in_cell = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        if tag == "td":
            self._in_cell = True
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        self._in_cell = self._in_cell and tag != "td"

    def handle_data(self, data: str) -> None:
        if self._in_cell:
            self.cells[-1] += data


def test_every_name_goes_through_sql_csv_and_the_dashboard_and_back(
    ingested: tuple[FootageSite, IngestSummary],
    tmp_path: Path,
    promise: Callable[[str, str], None],
) -> None:
    opened, _ = ingested
    site, store = opened.site, opened.site.store
    names = {name for name in NAMES if not name.startswith(".")}
    for part in store.segments(CAMERA):
        store.put_health(part.segment_id, [health(part, 0, 500_000)])
    # The views mark a replacement character that was in the text itself.
    stored = {stored_path(Path(name)).replace("\ufffd", "\ufffd{}") for name in names}
    _, rows = store.query("SELECT footage_path FROM camera_troubles")
    assert {row[0] for row in rows} == stored

    out = tmp_path / "troubles.csv"
    assert export_view(site, "camera_troubles", ExportFormat.CSV, out) == len(names)
    with out.open(encoding="utf-8", newline="") as opened_csv:
        cells = {row["footage_path"] for row in csv.DictReader(opened_csv)}
    assert {harmless_text(text) for text in stored} == cells

    add_people(site)
    admin = signed_in(site, "ada")
    asked = admin.get("/sql", params={"query": "SELECT footage_path FROM camera_troubles"})
    assert asked.status_code == 200
    page = _Text()
    page.feed(asked.text)
    # A browser turns every kind of white space at the ends of a cell into nothing.
    assert {text.strip() for text in stored} <= {cell.strip() for cell in page.cells}
    assert not page.tags & {"img", "iframe", "svg"}

    for name in sorted(names)[::12]:
        [row] = [one for one in store.footage_of(CAMERA) if one.path == stored_path(Path(name))]
        assert row.start_utc is not None
        at = (row.start_utc + timedelta(seconds=0.3)).isoformat()
        still = admin.get(f"/cameras/{CAMERA}/still", params={"at": at})
        assert still.headers.get("content-type") == "image/jpeg", (name, still.text)
    promise("V9", f"{len(names)} names: there and back through store, SQL, CSV, dashboard")


def test_a_still_of_a_name_that_is_not_utf_8_is_found(
    ingested: tuple[FootageSite, IngestSummary],
) -> None:
    opened, _ = ingested
    add_people(opened.site)
    name = stored_path(Path(os.fsdecode(b"caf\xe9.mp4")))
    [row] = [one for one in opened.site.store.footage_of(CAMERA) if one.path == name]
    assert row.start_utc is not None
    camera = opened.site.store.camera(CAMERA)
    assert still_of(opened.site, camera, row.start_utc).startswith(b"\xff\xd8")
