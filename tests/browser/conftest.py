"""A real server and a real browser for tests of pages; `site` is the module's own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from pipeline.assembly import Site
from tests.chromium import chromium
from tests.dashboard_server import serving
from tests.quick_stores import quick_stores

__all__ = ["address", "browser", "quick_stores"]

# As long as these tests wait for all else; five seconds pass while the other core's tests hold
# the disk.
expect.set_options(timeout=20_000)


@pytest.fixture(scope="module")
def address(site: Site) -> Iterator[str]:
    """The address of a real server of the site."""
    with serving(site) as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module."""
    with chromium() as opened:
        yield opened
