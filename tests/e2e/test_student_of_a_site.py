"""A student, from a model to the alerts that it writes, by the commands that people use."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from pipeline.cli import main
from pipeline.learning.registry import ModelRecord, ModelState
from pipeline.learning.train_camera import load_active_model
from tests.footage_maker import encode, scene
from tests.footage_site import CAMERA, FootageSite, footage_site

pytestmark = [pytest.mark.full, pytest.mark.timeout(280)]

EFFORT = "0.003"


@dataclass
class Plant:
    """A site with a model, and its command line; each test goes on from the one before."""

    open: FootageSite
    capsys: pytest.CaptureFixture[str]

    def run(self, *arguments: str) -> tuple[int, str]:
        code = main(["--site", str(self.open.site.folder), *arguments])
        said = self.capsys.readouterr()
        return code, said.out + said.err

    def models(self, preset: str) -> list[ModelRecord]:
        return [m for m in self.open.site.store.models(CAMERA) if m.preset == preset]


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FootageSite]:
    """Give a site whose camera has a model of 16 seconds of footage."""
    folder = tmp_path_factory.mktemp("plant")
    with footage_site(folder, budget_per_day=20_000.0) as opened:
        encode(opened.source / "line.mp4", np.tile(scene(1, 20), (8, 1, 1, 1)))
        opened.ingest()
        assert main(["--site", str(opened.site.folder), "train", CAMERA, "--effort", EFFORT]) == 0
        yield opened


@pytest.fixture
def plant(opened: FootageSite, capsys: pytest.CaptureFixture[str]) -> Plant:
    return Plant(opened, capsys)


def test_a_student_is_made_promoted_exported_and_scores(plant: Plant, tmp_path: Path) -> None:
    (teacher,) = plant.models("compact")
    code, said = plant.run("model", "distil", teacher.model_id[:8], "--effort", EFFORT)
    assert code == 0, said
    (student,) = plant.models("student")
    assert student.state is ModelState.CANDIDATE
    assert student.manifest["teacher"] == teacher.model_id

    # The same once more is the same model, and nothing is added.
    code, said = plant.run("model", "distil", teacher.model_id, "--effort", EFFORT)
    assert (code, "was made of the same already" in said) == (0, True), said
    assert len(plant.models("student")) == 1

    assert plant.run("model", "promote", student.model_id)[0] == 0
    code, said = plant.run("score", CAMERA)
    assert (code, "clips scored" in said) == (0, True), said
    store = plant.open.site.store
    clips = store.row_counts()["anomalies"]
    assert clips == 1 + (160 - 8) // 2
    assert load_active_model(plant.open.site, store, CAMERA)[0].model_id == student.model_id

    # What the teacher would have raised is told by scoring again, and nothing is kept of it.
    before = store.row_counts()
    asked = ("what-if", CAMERA, "--model", teacher.model_id[:8], "--format", "json")
    code, said = plant.run(*asked, "--budget", "20000")
    assert (code, f'"model": "{teacher.model_id[:12]}"' in said) == (0, True), said
    assert f"{clips} clips" in said
    assert store.row_counts() == before

    for name, options in (("a.onnx", ()), ("b.onnx", ("--eight-bits",)), ("c.pt2", ())):
        out = tmp_path / name
        code, said = plant.run("model", "export", student.model_id, "--out", str(out), *options)
        assert code == 0, said
        assert out.stat().st_size > 10_000
    for name in ("a.onnx", "b.onnx", "a.onnx"):
        assert plant.run("score", CAMERA, "--model", str(tmp_path / name))[0] == 0
    exported = plant.models("exported student")
    assert len(exported) == 2
    assert store.row_counts()["anomalies"] == 3 * clips
    segment = next(iter(store.segments(CAMERA)))
    scores = [
        np.array([a.score for a in store.anomalies(CAMERA, m, segment.start_utc, segment.end_utc)])
        for m in (student.model_id, exported[0].model_id)
    ]
    # Frames repeat here, so some clips lie on a step of the held-out distribution, where the last
    # digit decides.
    assert np.mean(np.abs(scores[0] - scores[1]) < 1e-3) > 0.8


def test_what_a_student_cannot_do_is_said_in_a_line(plant: Plant, tmp_path: Path) -> None:
    (teacher,) = plant.models("compact")
    short = teacher.model_id[:8]
    code, said = plant.run("model", "export", short, "--out", str(tmp_path / "x.onnx"))
    assert (code != 0, "is no student; make one with: kizashi model distil" in said) == (True, True)
    code, said = plant.run("model", "export", short, "--out", str(tmp_path / "x.bin"))
    assert (code != 0, "ends in .onnx or .pt2" in said) == (True, True)
    code, said = plant.run("score", CAMERA, "--model", str(tmp_path / "x.onnx"))
    assert (code != 0, "there is no such file" in said) == (True, True)
    (student,) = plant.models("student")
    code, said = plant.run("model", "distil", student.model_id)
    assert (code != 0, "is a student already" in said) == (True, True)
    assert plant.run("model", "promote", student.model_id)[0] == 0
    code, said = plant.run("generate", CAMERA)
    assert (code != 0, f"came from, {teacher.model_id[:12]}" in said) == (True, True)
