"""Laws of the evaluation that hold for every input."""

from __future__ import annotations

import numpy as np
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from pipeline.evaluation.alarms import alert_clips, alert_spans
from pipeline.evaluation.bootstrap import ordered_pairs
from pipeline.evaluation.cells import CellGrid, labelled_regions
from pipeline.evaluation.metrics import PixelHistogram, frame_figures
from pipeline.evaluation.pictures import png_data_uri
from pipeline.evaluation.regions import area_under_curve
from pipeline.evaluation.timeline import hysteresis, newest_clip, smooth
from tests.evaluation_makers import TAIL, anomaly_ending, policy

Scores = NDArray[np.float64]

LAWS = settings(max_examples=50, deadline=None)
"""No deadline: a loaded machine is slow now and then, and that is no fault of the law."""

FINITE = st.floats(-50, 50, allow_nan=False, width=32)


@st.composite
def scored_labels(draw: st.DrawFn) -> tuple[Scores, NDArray[np.bool_]]:
    """Return whole-number scores (so that ties happen) with labels of both classes."""
    size = draw(st.integers(2, 40))
    scores = draw(hnp.arrays(np.int64, size, elements=st.integers(-20, 20)))
    labels = draw(hnp.arrays(np.bool_, size))
    assume(labels.any() and not labels.all())
    return scores.astype(np.float64), labels


@st.composite
def clip_scores(draw: st.DrawFn) -> tuple[NDArray[np.int64], Scores]:
    """Return ends of clips (with pauses) and scores from quiet to alarming."""
    size = draw(st.integers(2, 40))
    steps = draw(
        hnp.arrays(np.int64, size, elements=st.sampled_from([100_000, 200_000, 900_000, 5_000_000]))
    )
    scores = draw(hnp.arrays(np.float64, size, elements=st.floats(0, 6, width=32)))
    return np.cumsum(steps), scores


@LAWS
@given(scored_labels())
def test_no_figure_changes_under_a_map_that_keeps_the_order(
    case: tuple[Scores, NDArray[np.bool_]],
) -> None:
    scores, labels = case
    bent = np.exp(scores / 10.0) * 3.0 - 1.0
    assert frame_figures([scores], [labels]) == frame_figures([bent], [labels])


@LAWS
@given(scored_labels())
def test_turning_scores_round_turns_the_auc_round(case: tuple[Scores, NDArray[np.bool_]]) -> None:
    scores, labels = case
    straight = frame_figures([scores], [labels]).micro_auc
    turned = frame_figures([-scores], [labels]).micro_auc
    assert straight is not None
    assert turned is not None
    assert abs(straight + turned - 1.0) < 1e-12


@LAWS
@given(scored_labels(), st.integers(1, 5))
def test_pairs_of_videos_sum_to_the_auc_however_frames_are_cut_into_videos(
    case: tuple[Scores, NDArray[np.bool_]], parts: int
) -> None:
    scores, labels = case
    pairs = ordered_pairs(np.array_split(scores, parts), np.array_split(labels, parts))
    total = labels.sum() * (~labels).sum()
    assert abs(pairs.sum() / total - roc_auc_score(labels, scores)) < 1e-9


@LAWS
@given(scored_labels())
def test_the_pixel_histogram_agrees_with_the_exact_area_on_values_it_can_tell_apart(
    case: tuple[Scores, NDArray[np.bool_]],
) -> None:
    scores, labels = case
    histogram = PixelHistogram()
    histogram.add(scores.astype(np.float32), (~labels).astype(np.int64), labels.astype(np.int64))
    area = histogram.auroc()
    assert area is not None
    assert abs(area - roc_auc_score(labels, scores)) < 1e-9


@LAWS
@given(hnp.arrays(np.float32, st.integers(1, 50), elements=FINITE), st.floats(0.001, 1.0))
def test_a_threshold_is_reached_by_at_least_the_share_asked_for(
    values: NDArray[np.float32], share: float
) -> None:
    histogram = PixelHistogram()
    histogram.add(values, np.ones(len(values), np.int64), np.zeros(len(values), np.int64))
    (threshold,) = histogram.thresholds([share])
    assert (values >= threshold).sum() >= max(1.0, share * len(values))


@LAWS
@given(clip_scores(), st.data(), st.sampled_from([0.0, 0.5]), st.sampled_from([0.0, 1.0]))
def test_later_clips_change_no_earlier_score_and_no_earlier_alert(
    case: tuple[NDArray[np.int64], Scores],
    data: st.DataObject,
    smoothing: float,
    minimum: float,
) -> None:
    """The strict column is causal."""
    end_us, scores = case
    cut = data.draw(st.integers(1, len(scores) - 1))
    changed = scores.copy()
    changed[cut:] = data.draw(
        hnp.arrays(np.float64, len(scores) - cut, elements=st.floats(0, 6, width=32))
    )
    rule = policy(smoothing_seconds=smoothing, minimum_seconds=minimum)

    def seen(values: Scores) -> tuple[list[float], list[bool]]:
        start_us = end_us - 700_000
        smoothed = smooth(start_us, end_us, values, rule)
        anomalies = [
            anomaly_ending(int(e), float(v), start_us=int(e) - 700_000)
            for e, v in zip(end_us, values, strict=True)
        ]
        spans = alert_spans(anomalies, values, rule, TAIL, 1.0)
        alerting = alert_clips(end_us, hysteresis(smoothed, rule), spans)
        return smoothed[:cut].tolist(), alerting[:cut].tolist()

    assert seen(scores) == seen(changed)


@LAWS
@given(
    hnp.arrays(np.int64, st.integers(1, 20), elements=st.integers(0, 500), unique=True),
    hnp.arrays(np.int64, st.integers(1, 40), elements=st.integers(0, 600)),
)
def test_no_frame_but_those_before_the_first_clip_looks_ahead(
    ends: NDArray[np.int64], frames: NDArray[np.int64]
) -> None:
    end_us, pts_us = np.sort(ends), np.sort(frames)
    clip = newest_clip(end_us, pts_us)
    after_first = pts_us >= end_us[0]
    assert (end_us[clip][after_first] <= pts_us[after_first]).all()
    assert (clip[~after_first] == 0).all()


@LAWS
@given(hnp.arrays(np.bool_, st.tuples(st.integers(1, 5), st.just(9), st.just(13))))
def test_regions_hold_every_labelled_pixel_once_and_every_region_has_one_track(
    mask: NDArray[np.bool_],
) -> None:
    regions = labelled_regions(mask, CellGrid(height_px=9, width_px=13))
    assert regions.region_area.sum() == regions.piece_pixels.sum() == mask.sum()
    assert (regions.region_area > 0).all()
    assert len(regions.region_track) == len(regions.region_frame)
    assert set(regions.region_track.tolist()) == set(range(regions.tracks))


@LAWS
@given(
    st.lists(st.tuples(st.floats(0, 3), st.floats(0, 1)), max_size=12),
    st.tuples(st.floats(0, 3), st.floats(0, 1)),
)
def test_a_threshold_that_is_worse_than_another_changes_no_area(
    points: list[tuple[float, float]], other: tuple[float, float]
) -> None:
    def area(these: list[tuple[float, float]]) -> float:
        table = np.array(these, dtype=np.float64).reshape(-1, 2)
        return area_under_curve(table[:, 0], table[:, 1])

    assert 0.0 <= area(points) <= 1.0
    if any(p[0] <= other[0] and p[1] >= other[1] for p in points):
        assert area([*points, other]) == area(points)


@LAWS
@given(
    hnp.arrays(
        np.uint8,
        st.tuples(st.integers(1, 9), st.integers(1, 9), st.sampled_from([1, 3, 4])),
    )
)
def test_a_picture_comes_back_from_its_data_uri_unchanged(picture: NDArray[np.uint8]) -> None:
    import base64

    import cv2

    given_picture = picture[:, :, 0] if picture.shape[2] == 1 else picture
    uri = png_data_uri(given_picture)
    assert uri.startswith("data:image/png;base64,")
    png = np.frombuffer(base64.b64decode(uri.partition(",")[2]), dtype=np.uint8)
    read = cv2.imdecode(png, cv2.IMREAD_UNCHANGED)
    assert read is not None
    if picture.shape[2] == 3:
        read = read[:, :, ::-1]
    if picture.shape[2] == 4:
        read = read[:, :, [2, 1, 0, 3]]
    assert np.array_equal(read.reshape(given_picture.shape), given_picture)
