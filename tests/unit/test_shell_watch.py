"""A round of watching: what it does without a model, and beside another worker."""

from pathlib import Path

import pytest

from pipeline.assembly import Site, open_site
from pipeline.camera import Camera
from pipeline.watch import watch_camera


@pytest.fixture
def site(tmp_path: Path) -> Site:
    (tmp_path / "kizashi.toml").write_text("stable_seconds = 0\n", encoding="utf-8")
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "note.mp4").write_text("no video", encoding="utf-8")
    opened = open_site(tmp_path)
    opened.store.put_camera(
        Camera(name="belt", source=Path("in"), purpose="test", owner="test", retention_days=1)
    )
    return opened


def test_without_a_model_it_takes_in_and_says_how_to_get_one(site: Site) -> None:
    lines: list[str] = []
    done = watch_camera(site, "belt", progress=lines.append)
    assert (done.refused, done.clips, done.has_model, done.busy) == (1, 0, False, False)
    assert "camera belt has no active model yet: run kizashi train belt" in lines


def test_a_second_round_adds_nothing(site: Site) -> None:
    watch_camera(site, "belt")
    before = site.store.row_counts()
    done = watch_camera(site, "belt")
    assert done.refused == 0
    assert site.store.row_counts() == before


def test_what_another_worker_is_at_is_left_to_it_and_done_later(site: Site) -> None:
    held = site.store.acquire_lease("ingest/belt", "another process", 60.0)
    lines: list[str] = []
    done = watch_camera(site, "belt", progress=lines.append)
    assert (done.refused, done.busy) == (0, True)
    assert lines[-1].startswith("camera belt: ")
    assert lines[-1].endswith("the next round goes on from there")
    site.store.release_lease(held)
    assert watch_camera(site, "belt").refused == 1
