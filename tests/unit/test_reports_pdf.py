"""A report as PDF: drawn as the page is, from what the page holds and nothing else."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pypdfium2
import pytest

from pipeline.assembly import Site
from pipeline.errors import KizashiError, SettingsError
from pipeline.reports.camera_report import write_camera_report
from pipeline.reports.pdf import write_pdf
from tests.alerts_makers import NOON
from tests.reports_makers import add_alerts, fill_morning, open_small_site

WATCHED = (0x2F, 0x7D, 0x6B)
LINE = (0x24, 0x55, 0x8F)


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Return the report of a morning with alerts and blind time."""
    site: Site = open_small_site(tmp_path_factory.mktemp("site"))
    add_alerts(site, fill_morning(site))
    yield write_camera_report(
        site, "line-1", since=NOON, until=NOON + timedelta(hours=3), language="en"
    )
    site.close()


@pytest.fixture(scope="module")
def drawn(page: Path) -> Iterator[pypdfium2.PdfDocument]:
    document = pypdfium2.PdfDocument(write_pdf(page))
    yield document
    document.close()


def share_of(document: pypdfium2.PdfDocument, colour: tuple[int, int, int]) -> float:
    """Return the share of the first page that has a colour, within what edges blend."""
    picture_HWC = document[0].render(scale=1.5).to_numpy()[..., 2::-1].astype(int)
    return float((np.abs(picture_HWC - np.array(colour)).max(axis=2) <= 8).mean())


def test_the_words_of_the_page_are_in_it(drawn: pypdfium2.PdfDocument) -> None:
    text = " ".join(one.get_textpage().get_text_range() for one in drawn)
    words = "".join(text.split())
    assert "2026-03-0212:21:50to12:21:55" in words
    assert "Notwatched" in words


def test_figures_have_their_colours(drawn: pypdfium2.PdfDocument) -> None:
    assert share_of(drawn, WATCHED) > 0.005
    assert share_of(drawn, LINE) > 0.0005
    assert share_of(drawn, (0, 0, 0)) < 0.03


def test_nothing_is_loaded_from_anywhere_and_nothing_logged(
    page: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    canary = tmp_path / "canary.png"
    canary.write_bytes(b"not for reports")
    html = page.read_text(encoding="utf-8")
    other = tmp_path / "other.html"
    other.write_text(html.replace("<main>", f'<main><img src="{canary.as_uri()}">'), "utf-8")
    opened: list[str] = []

    def listen(event: str, arguments: tuple[object, ...]) -> None:
        if event == "open":
            opened.append(str(arguments[0]))

    sys.addaudithook(listen)
    with caplog.at_level(logging.INFO):
        assert write_pdf(other).read_bytes().startswith(b"%PDF")
    assert caplog.records == []
    assert opened
    assert not any("canary.png" in name for name in opened)


def test_what_people_wrote_sets_no_colours(page: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.html"
    html = page.read_text(encoding="utf-8")
    other.write_text(html.replace("<main>", "<main><p>--watched: #ff0000;</p>"), "utf-8")
    document = pypdfium2.PdfDocument(write_pdf(other))
    assert share_of(document, WATCHED) > 0.005
    document.close()


def test_a_report_that_is_written_again_leaves_no_pdf_of_before(tmp_path: Path) -> None:
    site = open_small_site(tmp_path)
    add_alerts(site, fill_morning(site))

    def again() -> Path:
        until = NOON + timedelta(hours=3)
        return write_camera_report(site, "line-1", since=NOON, until=until, language="en")

    old = write_pdf(again())
    assert old.is_file()
    again()
    assert not old.exists()
    site.close()


def test_without_the_library_it_says_what_to_install(
    page: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "weasyprint", None)
    with pytest.raises(SettingsError, match=r"pip install 'kizashi\[pdf\]'"):
        write_pdf(page)


def test_a_place_that_takes_no_file_is_named(page: Path, tmp_path: Path) -> None:
    copy = tmp_path / "one.html"
    copy.write_bytes(page.read_bytes())
    copy.with_suffix(".pdf").mkdir()
    with pytest.raises(KizashiError, match=r"one\.pdf: PDF not written"):
        write_pdf(copy)
