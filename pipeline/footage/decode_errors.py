"""What is wrong with a source, from what the decoder did and said."""

from __future__ import annotations

from pipeline.errors import FootageError
from pipeline.footage.admission import Candidate, Reason
from pipeline.footage.frame_pipe import MAX_PIXELS, MIN_SIDE_PX

__all__ = ["cannot_open", "check_size", "rate_of_folder"]


def cannot_open(name: str, messages: tuple[str, ...], *, damage_lines: int) -> FootageError:
    """Return the error for a source that the decoder did not open, from what it printed."""
    text = " ".join(messages)
    if "Could not find decoder" in text or "codec_id" in text:
        return FootageError(
            f"{name}: no decoder for its codec; convert it, for example to H.264",
            reason=Reason.UNSUPPORTED_CODEC,
        )
    if "moov atom not found" in text:
        return FootageError(
            f"{name}: its index is missing (moov atom not found), so it was cut or is not "
            "finished; record again or repair it",
            reason=Reason.DAMAGED,
        )
    if "not on whitelist" in text or "m3u8" in text:
        return FootageError(
            f"{name}: not a video but a list of other files; give the videos themselves",
            reason=Reason.NOT_VIDEO,
        )
    if damage_lines:
        return FootageError(
            f"{name}: cannot be read as video ({messages[0]}); copy it again from the camera",
            reason=Reason.DAMAGED,
        )
    return FootageError(f"{name}: no video stream in it; give video", reason=Reason.NOT_VIDEO)


def check_size(name: str, width_px: int, height_px: int) -> None:
    """Raise FootageError (INSANE_DIMENSIONS) for pictures too small or too large to use; DAMAGED
    where their size is not said at all, as in the first bytes of a stream."""
    if width_px == 0 and height_px == 0:
        raise FootageError(
            f"{name}: no size of its pictures in it; it is cut off or damaged; give it whole",
            reason=Reason.DAMAGED,
        )
    if min(width_px, height_px) < MIN_SIDE_PX or width_px * height_px > MAX_PIXELS:
        raise FootageError(
            f"{name}: pictures of {width_px} x {height_px} pixels; give at least {MIN_SIDE_PX} a "
            f"side and at most {MAX_PIXELS // 1_000_000} million in all",
            reason=Reason.INSANE_DIMENSIONS,
        )


def rate_of_folder(candidate: Candidate, frame_rate: float | None) -> float | None:
    """Return the frame rate for a folder of pictures, None for a file, which has its own. Raises
    FootageError (UNREADABLE) for a folder without a rate."""
    if not candidate.is_folder:
        return None
    # Never a guess: all times would be wrong, and what lies behind the end would never be seen.
    if not frame_rate:
        raise FootageError(
            f"{candidate.name}: a folder of pictures whose frame rate is not known; was it put "
            "where a video file was?",
            reason=Reason.UNREADABLE,
        )
    return frame_rate
