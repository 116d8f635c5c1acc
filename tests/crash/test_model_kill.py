"""A change of the active model that is killed, or meets a full disk, at any step: exactly one model
is active afterwards, and its files are whole."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from tests.fakes import FakeClock
from tests.store_samples import METRICS, MORNING, camera, model
from tests.synthesis_makers import camera_model

Promise = Callable[[str, str], None]

ROOT = Path(__file__).parents[2]
CAMERA = "press-1"


def plant_with_two_models(folder: Path) -> list[str]:
    site = open_site(folder, clock=FakeClock(MORNING))
    site.store.put_camera(camera(CAMERA))
    ids = []
    for seed in (0, 1):
        fresh = folder / "fresh"
        digest = camera_model(seed).save(fresh)
        path = f"models/{CAMERA}/{digest[:32]}"
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        fresh.rename(folder / path)
        record = replace(model(CAMERA), model_id=digest[:32], digest=digest, path=path)
        site.store.add_model(record, METRICS)
        site.store.promote(record.model_id, MORNING, who="ada")
        ids.append(record.model_id)
    site.close()
    return ids


def killed(folder: Path, trials: int, promise: Promise) -> None:
    ids = plant_with_two_models(folder)
    done = subprocess.run(
        [sys.executable, "-m", "tests.crash.promotions", str(folder), CAMERA, *ids, str(trials)],
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    said = [json.loads(line) for line in done.stdout.splitlines()]
    ended = [line["ended"] for line in said[0::2]]
    left = said[1::2]
    assert len(left) == trials
    for after in left:
        assert sorted(after["states"]) == sorted(ids)
        states = sorted(after["states"].values())
        assert states == ["active", "retired"], after
        assert after["states"][after["active"]] == "active"
    deaths, full = ended.count(-9), ended.count(101)
    assert deaths >= trials // 4, ended
    assert full >= 1, ended
    assert set(ended) <= {0, -9, 101}
    if trials >= 50:  # the later ones live long enough
        assert len({after["active"] for after in left}) == 2, "no change ever came through"
    promise("M3", f"{trials} changes of model, {deaths} killed, {full} on a full disk: one active")


@pytest.mark.timeout(600)
def test_a_change_of_model_that_is_killed_leaves_one_active(
    tmp_path: Path, promise: Promise
) -> None:
    killed(tmp_path / "site", 10, promise)


@pytest.mark.full
@pytest.mark.timeout(1800)
def test_fifty_changes_of_model_that_are_killed_leave_one_active(
    tmp_path: Path, promise: Promise
) -> None:
    killed(tmp_path / "site", 60, promise)
