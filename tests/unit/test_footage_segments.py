"""What was seen and what was not, told from times and damage."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.footage.admission import Reason
from pipeline.footage.segments import Coverage, Span, segments_and_blind

STEP_US = 100_000


def covered(
    times_us: list[int],
    *,
    damaged: set[int] | None = None,
    keys_every: int = 1,
    claimed_us: int = 0,
    tail: Reason | None = None,
    damaged_end: bool = False,
) -> list[tuple[float, float, str, int]]:
    """Return (start, end, reason or "seen", frames) in seconds; `damaged` and keys by index."""
    coverage = Coverage()
    for index, time_us in enumerate(times_us):
        coverage.add(
            time_us,
            damaged=index in (damaged or set()),
            key=index % keys_every == 0,
            step_us=STEP_US,
        )
    spans = coverage.spans(tail=tail, claimed_us=claimed_us, damaged_end=damaged_end)
    return [
        (s.start_us / 1e6, s.end_us / 1e6, s.reason.value if s.reason else "seen", s.frames)
        for s in spans
    ]


def regular(seconds: float, start: float = 0.0) -> list[int]:
    return [round(start * 1e6) + i * STEP_US for i in range(round(seconds * 10))]


def test_good_frames_are_one_segment() -> None:
    assert covered(regular(10)) == [(0.0, 10.0, "seen", 100)]


def test_a_hole_splits_and_is_blind() -> None:
    assert covered(regular(4) + regular(4, start=6.0)) == [
        (0.0, 4.0, "seen", 40),
        (4.0, 6.0, "gap", 0),
        (6.0, 10.0, "seen", 40),
    ]


def test_half_a_second_between_frames_is_not_yet_a_hole() -> None:
    assert covered(regular(4) + regular(4, start=4.4)) == [(0.0, 8.4, "seen", 80)]
    assert len(covered(regular(4) + regular(4, start=4.41))) == 3


def test_a_missing_beginning_is_blind() -> None:
    assert covered(regular(4, start=2.0)) == [(0.0, 2.0, "gap", 0), (2.0, 6.0, "seen", 40)]


def test_damage_blinds_from_a_little_before_until_a_second_without_damage() -> None:
    assert covered(regular(10), damaged={50}) == [
        (0.0, 4.8, "seen", 48),
        (4.8, 6.0, "damaged", 0),
        (6.0, 10.0, "seen", 40),
    ]


def test_damage_lasts_until_the_next_whole_picture() -> None:
    assert covered(regular(10), damaged={31}, keys_every=30) == [
        (0.0, 2.9, "seen", 29),
        (2.9, 6.0, "damaged", 0),
        (6.0, 10.0, "seen", 40),
    ]


def test_a_stream_that_never_has_another_whole_picture_is_taken_again_after_12_seconds() -> None:
    assert covered(regular(30), damaged={31}, keys_every=10_000)[1:] == [
        (2.9, 15.1, "damaged", 0),
        (15.1, 30.0, "seen", 149),
    ]


def test_damage_that_goes_on_is_one_blind_interval() -> None:
    assert covered(regular(10), damaged={30, 35, 42})[1] == (2.8, 5.2, "damaged", 0)


def test_damage_at_the_very_beginning_leaves_no_empty_segment() -> None:
    assert covered(regular(5), damaged={0}) == [(0.0, 1.0, "damaged", 0), (1.0, 5.0, "seen", 40)]


def test_complaints_after_the_last_frame_blind_the_end() -> None:
    assert covered(regular(5), damaged_end=True) == [
        (0.0, 4.7, "seen", 47),
        (4.7, 5.0, "damaged", 0),
    ]


def test_a_run_shorter_than_a_second_is_blind() -> None:
    assert covered(regular(4) + regular(0.9, start=6.0) + regular(4, start=10.0)) == [
        (0.0, 4.0, "seen", 40),
        (4.0, 6.0, "gap", 0),
        (6.0, 6.9, "too_short", 9),
        (6.9, 10.0, "gap", 0),
        (10.0, 14.0, "seen", 40),
    ]


def test_one_frame_is_covered_too() -> None:
    assert covered([0]) == [(0.0, 0.1, "too_short", 1)]


def test_a_file_clearly_shorter_than_it_claims_is_truncated() -> None:
    assert covered(regular(5), claimed_us=10_000_000) == [
        (0.0, 5.0, "seen", 50),
        (5.0, 10.0, "truncated", 0),
    ]


def test_a_claim_that_is_a_few_frames_off_is_not_a_truncation() -> None:
    assert covered(regular(5), claimed_us=5_400_000) == [(0.0, 5.0, "seen", 50)]


def test_an_absurd_claim_is_believed_within_reason_only() -> None:
    assert covered(regular(5), claimed_us=90_000_000_000)[1] == (5.0, 110.0, "truncated", 0)


def test_the_rest_after_a_stall_has_its_reason() -> None:
    told = covered(regular(5), claimed_us=9_000_000, tail=Reason.STALLED)
    assert told[1] == (5.0, 9.0, "stalled", 0)


def test_spans_get_wall_times_and_names_from_their_content() -> None:
    spans = [
        Span(start_us=0, end_us=2_000_000, reason=None, frames=20),
        Span(start_us=2_000_000, end_us=3_500_000, reason=Reason.GAP),
    ]
    start_utc = datetime(2026, 1, 31, 8, tzinfo=UTC)
    args = {"footage_id": "f", "camera": "line-1", "start_utc": start_utc}
    segments, blind = segments_and_blind(spans, **args)  # type: ignore[arg-type]
    assert segments[0].end_utc == blind[0].start_utc == start_utc + timedelta(seconds=2)
    assert blind[0].end_utc - blind[0].start_utc == timedelta(seconds=1.5)
    assert segments_and_blind(spans, **args) == (segments, blind)  # type: ignore[arg-type]
    elsewhere, _ = segments_and_blind(spans, **{**args, "footage_id": "g"})  # type: ignore[arg-type]
    assert elsewhere[0].segment_id != segments[0].segment_id
