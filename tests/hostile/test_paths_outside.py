"""Every door that takes a name leads to nothing outside its folder: a canary there is never opened
and nothing there is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from urllib.parse import quote

import pytest

from dashboards.access import Rules
from pipeline.accounts.login import log_in
from pipeline.assembly import Site
from pipeline.errors import FootageError, KizashiError
from pipeline.files import inside
from pipeline.footage.admission import admit
from pipeline.learning.train_camera import load_active_model, stretches_of
from pipeline.scoring import score_camera as scoring
from tests import footage_maker as make
from tests.alerts_makers import NOON
from tests.dashboard_site import PASSWORD, client_of, filled_site
from tests.footage_site import CAMERA, footage_site
from tests.opened_files import Openings, watched
from tests.reports_makers import model
from tests.synthesis_makers import camera_model

Promise = Callable[[str, str], None]

CANARY = "canary.html"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with filled_site(tmp_path_factory.mktemp("paths") / "site", pictures=False) as filled:
        outside = filled.folder.parent / "outside"
        outside.mkdir()
        (outside / CANARY).write_text("canary", encoding="utf-8")
        TOKENS[filled.folder] = log_in(filled, "ada", PASSWORD).token
        for folder in (filled.reports_folder / "line-1", filled.folder / "models"):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "link.html").symlink_to(outside / CANARY)
            (folder / "door").symlink_to(outside)
        yield filled


def attacks(site: Site) -> list[str]:
    """Return twenty names that mean the canary, from a folder two levels below the site."""
    outside = site.folder.parent / "outside"
    plain = f"{outside}/{CANARY}"
    return [
        f"../../../outside/{CANARY}",
        f"../../../../{'../' * 20}{plain}",
        plain,
        f"/{plain}",
        f"//{plain}",
        f"file://{plain}",
        f"./../../../outside/./{CANARY}",
        f"x/../../../../outside/{CANARY}",
        f"..//..//..//outside//{CANARY}",
        f"..\\..\\..\\outside\\{CANARY}",
        f"%2e%2e/%2e%2e/%2e%2e/outside/{CANARY}",
        f"..%2f..%2f..%2foutside%2f{CANARY}",
        f"..%252f..%252f..%252foutside%252f{CANARY}",
        f"../../../outside/{CANARY}\0.html",
        f"\0../../../outside/{CANARY}",
        "link.html",
        f"door/{CANARY}",
        f"door/../{CANARY}",
        f"C:{plain}",
        "../" * 3000 + CANARY,
        f"..\u2215..\u2215..\u2215outside\u2215{CANARY}",
        "~/../../../" + plain,
    ]


def door_of_paths(site: Site, name: str) -> None:
    """The function that every other door is built with."""
    with suppress(KizashiError, ValueError, OSError):
        found = inside(site.reports_folder / "line-1", name)
        found.relative_to((site.reports_folder / "line-1").resolve())
        if found.is_file():
            found.read_bytes()


def door_of_reports(site: Site, name: str) -> None:
    client = client_of(site)
    client.cookies.set(Rules(secure=False).cookie, TOKENS[site.folder])
    for shown in (quote(name, safe=""), quote(name, safe="/%")):
        with suppress(ValueError):
            answer = client.get(f"/reports/line-1/{shown[:60_000]}")
            assert answer.status_code in (303, 400, 404, 405, 422), (name, answer.status_code)


def door_of_models(site: Site, name: str) -> None:
    """A row of the registry that names another place."""
    record = replace(model(), path=f"models/line-1/{name}")
    stored = _StoreWith(site, record)
    with suppress(KizashiError, ValueError, OSError):
        load_active_model(site, stored, "line-1")  # type: ignore[arg-type]
        raise AssertionError(f"loaded from {name}")


class _StoreWith:
    def __init__(self, site: Site, record: object) -> None:
        self._record = record

    def active_model(self, camera: str) -> object:
        return self._record


def door_of_drops(site: Site, name: str) -> None:
    """The drop folder of a camera."""
    root = site.reports_folder / "line-1"
    with suppress(FootageError, ValueError, OSError), admit(root / name, root=root) as candidate:
        raise AssertionError(f"admitted {candidate.name}")


TOKENS: dict[Path, str] = {}
"""Of a session of the administrator, by site: logging in takes the time of hashing a password."""
DOORS = (door_of_paths, door_of_reports, door_of_models, door_of_drops)


def test_no_name_leads_out_of_its_folder(site: Site, promise: Promise) -> None:
    outside = site.folder.parent / "outside"
    before = sorted(path.name for path in outside.iterdir())
    tried = 0
    with watched(outside / CANARY, outside) as openings:
        for door in DOORS:
            for name in attacks(site):
                door(site, name)
                tried += 1
                assert openings.opened == openings.changed == 0, (door.__name__, name)
        (outside / CANARY).read_text()
        assert openings.opened > 0, "the watch sees nothing"
    assert sorted(path.name for path in outside.iterdir()) == before
    assert tried >= 80
    promise("P1", f"{tried} names at {len(DOORS)} doors: nothing outside opened or written")


@pytest.fixture
def exchanged(tmp_path: Path) -> Iterator[tuple[Site, Openings]]:
    """Return a site whose footage was exchanged for a link that leads out after it was taken in,
    while the footage that it leads to is watched."""
    outside = tmp_path / "outside.mp4"
    make.healthy(outside, seconds=3.0, seed=8)
    with footage_site(tmp_path) as opened:
        path = make.healthy(opened.source / "a.mp4", seconds=3.0)
        assert opened.ingest().admitted == 1
        path.unlink()
        path.symlink_to(outside)
        with watched(outside) as openings:
            yield opened.site, openings


def test_footage_exchanged_for_a_link_is_neither_learnt_from_nor_scored(
    exchanged: tuple[Site, Openings], monkeypatch: pytest.MonkeyPatch
) -> None:
    site, openings = exchanged
    with pytest.raises(FootageError, match="none of its 1 files"):
        stretches_of(site, CAMERA)
    record = replace(model(), camera=CAMERA)
    site.store.add_model(record, [])
    site.store.promote(record.model_id, NOON)
    monkeypatch.setattr(scoring, "_model_for", lambda *_: (record, camera_model()))
    said: list[str] = []
    done = scoring.score_camera(site, CAMERA, progress=said.append)
    assert (done.segments, done.unreadable) == (0, 1)
    assert "leads out of the camera's folder" in said[0]
    assert openings.opened == 0
