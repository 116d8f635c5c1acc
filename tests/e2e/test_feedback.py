"""From footage to footage: what was called harmless is not told again, what is something else is,
and the undo tells of it. Everything is real, the model is tiny."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from pipeline.alerts.reviews import review_alert
from pipeline.clips.reader import Stretch
from pipeline.feedback.explain import explain_alert
from pipeline.feedback.patterns import PatternState
from pipeline.feedback.undo import remove_pattern
from pipeline.footage.examine import probe_footage
from pipeline.learning.camera_model import CameraModel
from pipeline.learning.learn import learn
from pipeline.learning.presets import preset_named
from pipeline.scoring import score_camera as scoring
from pipeline.zones.regions import regions_of
from pipeline.zones.zone import Zone, ZoneKind
from tests.footage_maker import encode, scene
from tests.footage_site import CAMERA, footage_site
from tests.store_samples import MORNING, model

pytestmark = pytest.mark.timeout(900)

ROUND = 20
"""Frames after which the squares of the scene have come round."""
Film = NDArray[np.uint8]


def line(rounds: int) -> Film:
    return np.tile(scene(1, ROUND), (rounds, 1, 1, 1))


def with_thing(film: Film, first: int, x: int, y: int, seed: int) -> Film:
    """Return the film with a thing of 24 x 24 px that is there for a second and a half."""
    texture = np.random.default_rng(seed).integers(0, 255, (6, 6, 3)).astype(np.uint8)
    shown = film.copy()
    place = (slice(first, first + 15), slice(y, y + 24), slice(x, x + 24))
    thing = texture.repeat(4, 0).repeat(4, 1)
    shown[place] = np.rint(0.75 * shown[place] + 0.25 * thing).astype(np.uint8)
    return shown


def noisy(film: Film, seed: int) -> Film:
    noise = np.random.default_rng(seed).normal(0.0, 1.5, film.shape)
    return np.clip(film + noise, 0, 255).astype(np.uint8)


@pytest.fixture(scope="module")
def learnt(tmp_path_factory: pytest.TempPathFactory) -> CameraModel:
    folder = tmp_path_factory.mktemp("normal")
    video = encode(folder / "normal.mp4", noisy(line(15), 9))
    footage, (segment,), _ = probe_footage(video, camera=CAMERA, root=folder, start_utc=MORNING)
    normal = Stretch(source=video, footage=footage, segment=segment)
    compact = replace(preset_named("compact"), working_width_px=96).with_effort(0.003)
    return learn([normal], preset=compact, seed=0).with_budget(24.0)


def test_what_was_called_harmless_is_not_told_again_and_what_is_else_is(
    learnt: CameraModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with footage_site(tmp_path) as camera:
        store = camera.site.store
        record = replace(model(CAMERA), camera=CAMERA)
        store.add_model(record, [])
        store.promote(record.model_id, MORNING)
        monkeypatch.setattr(scoring, "_model_for", lambda *_: (record, learnt))
        encode(camera.source / "20260302T080000Z.mp4", noisy(with_thing(line(6), 60, 8, 8, 1), 1))
        camera.ingest()
        assert scoring.score_camera(camera.site, CAMERA).alerts == 1
        (first,) = store.alerts(CAMERA)
        review_alert(camera.site, first.alert_id, "known_harmless", "sato", "the lift")

        same, other_thing = with_thing(line(6), 60, 8, 8, 1), with_thing(line(6), 60, 64, 32, 2)
        encode(camera.source / "20260302T090000Z.mp4", noisy(same, 2))
        encode(camera.source / "20260302T100000Z.mp4", noisy(other_thing, 3))
        camera.ingest()
        done = scoring.score_camera(camera.site, CAMERA, progress=camera.lines.append)
        told = [explain_alert(camera.site, one.alert_id).lines for one in store.alerts(CAMERA)]
        assert (done.alerts, done.suppressed) == (1, 1), told
        assert any("1 suppressed as known harmless" in said for said in camera.lines)
        (quiet,) = store.suppressions(CAMERA)
        _, hidden, other = store.alerts(CAMERA)
        assert quiet.alert_id == hidden.alert_id
        assert other.place.x > 0.4 > hidden.place.x
        assert "the lift" in explain_alert(camera.site, hidden.alert_id).lines[0]
        waiting = [item.alert.alert_id for item in store.fresh_deliveries("file", CAMERA, 9)]
        assert waiting == [first.alert_id, other.alert_id]

        # Again adds nothing, another model puts the pattern to sleep until it has looked again.
        counts = store.row_counts()
        assert scoring.score_camera(camera.site, CAMERA).segments == 0
        assert store.row_counts() == counts
        later = replace(model(CAMERA, 1), camera=CAMERA)
        store.add_model(later, [])
        store.promote(later.model_id, MORNING)
        (pattern,) = store.patterns(CAMERA)
        assert pattern.state is PatternState.ASLEEP
        monkeypatch.setattr(scoring, "_model_for", lambda *_: (later, learnt))
        run = scoring._ScoringRun(camera.site, store.camera(CAMERA), later, learnt)
        woken = scoring.wake_patterns(
            camera.site, run.camera, later.model_id, learnt, run.stretch_of, camera.lines.append
        )
        assert woken == 1
        states = {one.model_id: one for one in store.patterns(CAMERA)}
        assert states[later.model_id].state is PatternState.ACTIVE
        assert [one.row for one in states[later.model_id].looks.looks] == [
            one.row for one in pattern.looks.looks
        ]

        _, opened = remove_pattern(camera.site, pattern.pattern_id, "rei")
        assert opened == [hidden.alert_id]
        waiting = [item.alert.alert_id for item in store.fresh_deliveries("file", CAMERA, 9)]
        assert hidden.alert_id in waiting


LEFT = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
EDGE = ((0.9, 0.0), (1.0, 0.0), (1.0, 1.0), (0.9, 1.0))


@pytest.mark.full
def test_an_alert_looks_like_what_is_in_its_zone_and_a_new_mask_looks_like_nothing(
    learnt: CameraModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = Zone(name="left", kind=ZoneKind.WATCH, corners=LEFT, budget_per_day=24.0)
    with footage_site(tmp_path, zones=(left,)) as camera:
        store = camera.site.store
        record = replace(model(CAMERA), camera=CAMERA)
        record = replace(record, manifest={**record.manifest, "privacy_masks": []})
        store.add_model(record, [])
        store.promote(record.model_id, MORNING)
        monkeypatch.setattr(scoring, "_model_for", lambda *_: (record, learnt))
        harmless = with_thing(line(6), 60, 8, 8, 1)
        encode(camera.source / "20260302T080000Z.mp4", noisy(harmless, 1))
        camera.ingest()
        scoring.score_camera(camera.site, CAMERA)
        (first,) = store.alerts(CAMERA)
        assert first.zone == "left"
        review_alert(camera.site, first.alert_id, "known_harmless", "sato", "the lift")

        # The same again, while something else happens beside the zone: that alone is told.
        both = with_thing(harmless, 60, 64, 32, 2)
        encode(camera.source / "20260302T090000Z.mp4", noisy(both, 2))
        camera.ingest()
        done = scoring.score_camera(camera.site, CAMERA)
        told = [explain_alert(camera.site, one.alert_id).lines for one in store.alerts(CAMERA)]
        assert (done.alerts, done.suppressed) == (1, 1), told
        (quiet,) = store.suppressions(CAMERA)
        assert store.alert(quiet.alert_id).zone == "left"

        # A mask that the model has not learnt is no strange place, neither to it nor to another
        # one that wakes the pattern.
        masked = replace(store.camera(CAMERA), zones=(), privacy_masks=(EDGE,))
        store.put_camera(masked)
        encode(camera.source / "20260302T100000Z.mp4", noisy(harmless, 5))
        camera.ingest()
        assert scoring.score_camera(camera.site, CAMERA).suppressed == 1
        later = replace(model(CAMERA, 1), camera=CAMERA, manifest=record.manifest)
        store.add_model(later, [])
        store.promote(later.model_id, MORNING)
        monkeypatch.setattr(scoring, "_model_for", lambda *_: (later, learnt))
        scoring.score_camera(camera.site, CAMERA)
        (woken,) = [one for one in store.patterns(CAMERA) if one.model_id == later.model_id]
        seen = [store.looks(one.alert_id) for one in store.alerts(CAMERA)]
        newest = seen[-1]
        assert newest is not None
        scored_GW = regions_of(masked, ()).scored(newest.rows, newest.columns)
        assert scored_GW is not None
        assert not scored_GW.all()
        for looks in (newest, woken.looks):
            assert all(scored_GW[one.row, one.column] for one in looks.looks)
