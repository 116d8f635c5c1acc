"""What is odd and legal: no page fails for it, and none says more than is known."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pipeline.assembly import Site
from tests.dashboard_site import filled_site, signed_in


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("site"), pictures=False) as filled:
        yield filled


SCORES = "/api/v1/cameras/line-1/scores"


@pytest.mark.parametrize(
    "address",
    [
        "/cameras/line-1?until=2026-03-02T06:00:00",
        "/cameras/line-1?until=0001-01-01T00:00:00Z",
        "/cameras/line-1?until=9999-12-31T23:59:59Z",
        "/cameras/line-1/still?at=2026-03-02T06:00:00",
        f"{SCORES}?since=0001-01-01T00:00:00%2B14:00&until=0001-01-01T01:00:00%2B14:00",
        "/api/v1/alerts?since=0001-01-01T00:00:00%2B14:00",
    ],
)
def test_a_moment_without_offset_or_of_no_calendar_is_refused_in_a_sentence(
    site: Site, address: str
) -> None:
    answer = signed_in(site, "ada").get(address)
    assert answer.status_code == 422
    assert "has no offset" in answer.text or "give a year from 1900" in answer.text
    assert str(site.folder) not in answer.text
