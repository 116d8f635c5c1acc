"""Samples of footage in short files: as long as the files allow, and cut alike everywhere."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipeline.cycles import learn as cycles
from pipeline.cycles.learn import LearntCycles, learn_cycles
from pipeline.drift.learn_reference import drift_reference
from pipeline.drift.samples import cut_samples, fitting_seconds
from tests.short_files import files, short_files
from tests.synthesis_makers import camera_model

SEGMENT_SECONDS = 59.999645
"""Of a Matroska file of a minute, whose times are whole milliseconds."""


@pytest.mark.parametrize(
    ("lengths", "wanted", "fits"),
    [
        pytest.param([3_600.0], 60.0, 60.0, id="one video"),
        pytest.param([12.0, 18.0, 12.0], 4.0, 4.0, id="folders of pictures"),
        pytest.param([SEGMENT_SECONDS] * 96, 60.0, 54.0, id="files of a minute"),
        pytest.param([10.0] * 500, 52.0, 9.0, id="files of ten seconds"),
        pytest.param([60.0] * 9 + [2.0] * 40, 30.0, 30.0, id="and some that are cut short"),
        pytest.param([], 4.0, 4.0, id="no footage"),
    ],
)
def test_samples_are_as_long_as_most_files_allow(
    lengths: list[float], wanted: float, fits: float
) -> None:
    assert fitting_seconds(files(*lengths), wanted) == fits


def test_files_that_are_not_quite_alike_all_have_samples() -> None:
    lengths = np.random.default_rng(0).uniform(57.0, 63.0, 100).tolist()
    length = fitting_seconds(files(*lengths), 60.0)
    assert length > 50.0
    assert len(list(cut_samples(files(*lengths), length))) == 100


def test_what_a_container_rounds_away_takes_no_sample() -> None:
    samples = list(cut_samples(files(*[SEGMENT_SECONDS] * 3), 60.0))
    assert [one.segment.end_us for one in samples] == [round(SEGMENT_SECONDS * 1e6)] * 3
    assert not list(cut_samples(files(59.9), 60.0))


def test_held_out_files_shorter_than_a_sample_give_a_reference(tmp_path: Path) -> None:
    """Four seconds are the shortest that is wanted; of files of two seconds it is 1.8."""
    held_out = short_files(tmp_path, 16)
    reader = replace(camera_model().reader(), history=None, flow=None)
    clips = [[clip for clip, _ in reader.clips(one, stride=2)] for one in held_out]
    scores = {"fused": np.full(sum(map(len, clips)), 0.4)}
    reference = drift_reference(held_out, held_out, reader, clips, scores, LearntCycles())
    assert reference.sample_seconds == 1.8
    assert {name: len(values) for name, values in reference.values.items()} == dict.fromkeys(
        reference.values, 16
    )
    assert set(reference.values) > {"fused", "brightness", "scene"}
    assert reference.values["fused"] == (0.4,) * 16


def test_cycles_are_looked_for_in_short_files_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[int] = []
    monkeypatch.setattr(cycles, "find_cycles", lambda found: seen.append(len(found)) or ())
    learnt = learn_cycles(short_files(tmp_path, 30), camera_model().reader().view)
    assert (seen, learnt.sample_seconds) == ([30], 1.8)
