"""Debian's Chromium for tests: opens files from the disk, plays clips, collects complaints."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Page, Request, sync_playwright

__all__ = ["Played", "chromium", "play_clip"]

CHROMIUM = "/usr/bin/chromium"

_PLAY = """([video, rate]) => new Promise(done => {
    const tell = ended => done([
        ended, video.currentTime, video.duration, video.videoWidth, video.videoHeight,
        video.error ? video.error.message : '',
    ]);
    video.addEventListener('ended', () => tell(true));
    video.addEventListener('error', () => tell(false));
    setTimeout(() => tell(false), 30000);
    video.muted = true;
    video.playbackRate = rate;
    video.play().catch(() => tell(false));
})"""


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """What became of a clip in the browser."""

    to_the_end: bool
    seconds: float
    """How far it was played."""
    duration_seconds: float
    width_px: int
    height_px: int
    complaints: tuple[str, ...]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Yield the browser; everything it might do on the network is turned off."""
    arguments = ["--no-sandbox", "--disable-gpu", "--no-first-run"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=[*arguments, "--disable-background-networking"]
        )
        try:
            yield browser
        finally:
            browser.close()


def play_clip(browser: Browser, clip: Path, folder: Path, *, rate: float = 4.0) -> Played:
    """Play a clip from the disk to its end, `rate` times as fast; the page is put into `folder`."""
    page, complaints = open_media(browser, folder, f'<video src="{clip.as_uri()}"></video>')
    video = page.locator("video").element_handle()
    ended, reached, duration, width, height, error = page.evaluate(_PLAY, [video, rate])
    page.context.close()
    return Played(
        to_the_end=ended,
        seconds=reached or 0.0,
        duration_seconds=duration or 0.0,
        width_px=width,
        height_px=height,
        complaints=(*complaints, *([error] if error else [])),
    )


def _failed(request: Request) -> list[str]:
    # Of a film of more than a megabyte, Chromium breaks off its first request to read the end.
    broken_off = request.resource_type == "media" and request.failure == "net::ERR_ABORTED"
    return [] if broken_off else [f"{request.url[-80:]}: {request.failure}"]


def open_media(browser: Browser, folder: Path, body: str) -> tuple[Page, list[str]]:
    """Return a page with this body, opened from `folder`, and the list of its complaints."""
    place = folder / "page.html"
    place.write_text(f"<!doctype html><title>media</title><body>{body}", encoding="utf-8")
    page = browser.new_context(offline=True).new_page()
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("requestfailed", lambda request: complaints.extend(_failed(request)))
    page.goto(place.as_uri())
    return page, complaints
