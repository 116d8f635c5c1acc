"""kill -9 in the middle of ingest, train and score: the next run finishes the work, nothing is
lost, nothing is doubled, and a model is the same to the last bit."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from pipeline.assembly import open_site
from pipeline.camera import Camera, ClockSource
from pipeline.register import add_camera
from tests import footage_maker as make
from tests.crash.killed_commands import (
    CAMERA,
    PATIENCE_SECONDS,
    Calm,
    calm_run,
    copied,
    run,
    stopped,
    storm,
    working,
)
from tests.promises import Promise

pytestmark = pytest.mark.timeout(3600)

TRAIN = ("train", "--effort", "0.004")
"""10 steps of the generator and 5 of the encoder, with a checkpoint after each."""
MANY = 10
FEW_AND_MANY = [2, pytest.param(MANY, marks=pytest.mark.full)]
IN_THE_MIDDLE = 10
"""A seed whose first kill comes half-way, where a training has a checkpoint to go on from."""
SIZE = {"width_px": 96, "height_px": 32}


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a site with one camera and six files that have just arrived."""
    site = tmp_path_factory.mktemp("crash") / "fresh"
    arrivals = site / "in"
    arrivals.mkdir(parents=True)
    belt = make.scene(7, 140, **SIZE)
    # The fifth is held out from training, and needs ten clips; see split_held_out.
    for name, (first, last) in {0: (0, 20), 1: (20, 40), 2: (40, 60), 4: (60, 130)}.items():
        make.encode(arrivals / f"part{name}.mp4", belt[first:last], *make.H264, *make.FASTSTART)
    make.cut(arrivals / "part3.mp4", arrivals / "part1.mp4", 0.8)
    (arrivals / "text.mp4").write_text("no footage", encoding="utf-8")
    opened = open_site(site)
    register = {"purpose": "tests", "owner": "tests", "retention_days": 1}
    camera = Camera(
        name=CAMERA,
        source=Path("in"),
        clock=ClockSource.SEQUENCE,
        budget_per_day=500.0,
        **register,
    )
    add_camera(opened, camera, who="tests")
    opened.close()
    return site


@pytest.fixture(scope="module")
def calm_ingest(fresh: Path) -> Calm:
    """Return an ingest that nobody disturbed."""
    return calm_run(copied(fresh, "ingested"), "ingest")


@pytest.fixture(scope="module")
def begun(calm_ingest: Calm) -> Path:
    """Return a site whose training has just begun: it has measured which arithmetic pays on this
    machine, and keeps to it. Two measurements might differ, and with them the models."""
    site = copied(calm_ingest.site, "begun")
    deadline = time.monotonic() + PATIENCE_SECONDS
    with working(site, *TRAIN):
        while not list(site.glob("models/*/training/*/arithmetic.txt")):
            assert time.monotonic() < deadline
            time.sleep(0.02)
    return site


@pytest.fixture(scope="module")
def calm_training(begun: Path) -> Calm:
    """Return a training that nobody disturbed."""
    return calm_run(copied(begun, "trained"), *TRAIN)


@pytest.fixture(scope="module")
def unscored(calm_training: Calm) -> Path:
    """Return a site with a model and footage to score, the last of it with a fault."""
    site = copied(calm_training.site, "unscored")
    belt = make.scene(7, 40, **SIZE)
    for moment in range(15, 30):
        belt[moment, 4:28, 30:60] = 255 * (moment % 2)
    make.encode(site / "in" / "zfault.mp4", belt, *make.H264, *make.FASTSTART)
    run(site, "ingest")
    return site


@pytest.fixture(scope="module")
def calm_scoring(unscored: Path) -> Calm:
    """Return a scoring that nobody disturbed."""
    return calm_run(copied(unscored, "scored"), "score")


@pytest.mark.parametrize("kills", FEW_AND_MANY)
def test_a_killed_ingest_loses_and_doubles_nothing(
    kills: int, fresh: Path, calm_ingest: Calm, promise: Promise
) -> None:
    verdicts = sorted(row["verdict"] for row in calm_ingest.left.tables["footage"])
    assert verdicts == ["admitted"] * 5 + ["refused"]
    met = storm(fresh, calm_ingest, "ingest", kills=kills)
    assert met.kills >= kills
    assert met.takeovers
    promise("K2", f"ingest: {met.kills} kills at random moments, 0 lost, 0 doubled; {met}")


@pytest.mark.full
def test_a_killed_training_ends_in_the_same_model(
    begun: Path, calm_training: Calm, promise: Promise
) -> None:
    models = calm_training.left.tables["models"]
    assert [row["state"] for row in models] == ["active"]
    assert [row["what"] for row in calm_training.left.tables["audit_log"]].count("promote") == 1
    met = storm(begun, calm_training, *TRAIN, kills=MANY, resumptions=1, seed=IN_THE_MIDDLE)
    assert met.kills >= MANY
    assert met.resumptions
    assert met.takeovers
    promise("K2", f"train: {met.kills} kills at random moments, 0 lost, 0 doubled; {met}")


@pytest.mark.full
def test_a_training_that_ended_leaves_no_checkpoints(calm_training: Calm) -> None:
    assert not (calm_training.site / "models" / CAMERA / "training").exists()
    (model,) = calm_training.left.tables["models"]
    folders = {path.rpartition("/")[0] for path in calm_training.left.files}
    assert folders == {model["path"], f"{model['path']}/samples"}


@pytest.mark.full
def test_a_killed_scoring_loses_and_doubles_nothing(
    unscored: Path, calm_scoring: Calm, promise: Promise
) -> None:
    tables = calm_scoring.left.tables
    assert len(tables["scored_segments"]) == len(tables["segments"]) > 5
    assert len(tables["evidence"]) == 4 * len(tables["alerts"]) > 0
    met = storm(unscored, calm_scoring, "score", kills=MANY)
    assert met.kills >= MANY
    assert met.takeovers
    promise("K2", f"score: {met.kills} kills at random moments, 0 lost, 0 doubled; {met}")


@pytest.mark.parametrize(
    ("command", "stops"),
    [
        ("ingest", 1),
        *(
            pytest.param(command, 17, marks=pytest.mark.full)
            for command in ("ingest", "train", "score")
        ),
    ],
)
def test_a_command_that_is_asked_to_stop_leaves_nothing_leased_and_goes_on_later(
    command: str, stops: int, request: pytest.FixtureRequest, promise: Promise
) -> None:
    base, calm, arguments = {
        "ingest": ("fresh", "calm_ingest", ("ingest",)),
        "train": ("begun", "calm_training", TRAIN),
        "score": ("unscored", "calm_scoring", ("score",)),
    }[command]
    middle = stopped(
        request.getfixturevalue(base), request.getfixturevalue(calm), *arguments, stops=stops
    )
    assert middle
    promise(
        "K6",
        f"{command}: SIGTERM {stops} times, {middle} in the middle of work: each ended within"
        " 10 s, nothing left leased",
    )
