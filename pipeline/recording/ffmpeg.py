"""FFmpeg: the child process that copies a live stream into files, and says which frames came.

The address, with user and password in it, goes to the child's standard input as a list of one file
and is in no argument, environment or file. The child writes two streams from the same packets:
files that are cut at whole pictures, and one line for each frame. It decodes nothing, but for a
camera with privacy masks: these are burnt in before anything is on the disk.
"""

from __future__ import annotations

import os
import re
import selectors
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import cache
from pathlib import Path

from pipeline.errors import SettingsError
from pipeline.recording.mask_filter import mask_filter
from pipeline.recording.outage import Cause, cause_of_message
from pipeline.timebase import microseconds
from pipeline.zones.polygon import Polygon

__all__ = [
    "OLDEST_VERSION",
    "SUFFIX",
    "FileClosed",
    "FrameCame",
    "Reader",
    "cut_file",
    "ffmpeg_version",
    "readable_seconds",
]

SUFFIX = ".mkv"
"""Matroska: it holds every codec of cameras, and what was written before a crash can be read."""
OLDEST_VERSION = 5
_PROGRAM = "ffmpeg"
_INSTALL = "install it: apt-get install ffmpeg"
_PROTOCOLS = "pipe,rtp,tcp,rtsp"
_GRACE_SECONDS = 3.0
_PIPE_BYTES = 1 << 16
_VERSION = re.compile(r"ffmpeg version n?(\d+)")
_QUIET = ("-hide_banner", "-nostdin", "-nostats", "-loglevel", "error")
_COPIED = ("-map", "0:v:0", "-c", "copy")


@dataclass(frozen=True, slots=True)
class FrameCame:
    """A frame was written."""

    media_us: int
    """Presentation time since the connection was made."""


@dataclass(frozen=True, slots=True)
class FileClosed:
    """A file is complete."""

    name: str
    start_us: int
    end_us: int
    """Presentation time since the connection was made; the next file begins there."""


def ffmpeg_version() -> int | None:
    """Return the major version of the program; None when it is not there or a build without one."""
    found = shutil.which(_PROGRAM)
    if found is None:
        return None
    done = subprocess.run(
        [found, "-version"], capture_output=True, text=True, check=False, env=_environment()
    )
    version = _VERSION.match(done.stdout)
    return int(version[1]) if version else OLDEST_VERSION if done.returncode == 0 else None


def _environment() -> dict[str, str]:
    # Nothing else: the environment of this process may hold passwords.
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


def _program() -> str:
    found = shutil.which(_PROGRAM)
    if found is None:
        raise SettingsError(f"recording needs the program ffmpeg; {_INSTALL}")
    return found


def cut_file(path: Path, seconds: float) -> bool:
    """Leave only the first `seconds` of a file; return whether that was done."""
    shorter = path.with_name(f"cut-{path.name}")
    done = subprocess.run(
        [
            *(_program(), *_QUIET, "-y", "-i", str(path)),
            *("-c", "copy", "-t", f"{seconds:.6f}", str(shorter)),
        ],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env=_environment(),
    )
    if done.returncode != 0:
        shorter.unlink(missing_ok=True)
        return False
    shorter.replace(path)
    return True


def readable_seconds(path: Path) -> float:
    """Return how long the pictures are that can be read from a file, whose first is at 0; 0 when
    there are none. Nothing is decoded."""
    done = subprocess.run(
        [_program(), *_QUIET, "-i", str(path), *_COPIED, "-f", "framecrc", "pipe:1"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
        env=_environment(),
    )
    base, times = Fraction(1, 1_000_000), set[int]()
    for line in done.stdout.splitlines():
        if line.startswith("#tb 0:"):
            base = Fraction(line.partition(":")[2].strip())
        elif not line.startswith("#"):
            times.add(int(line.split(",", 3)[2]))
    if not times:
        return 0.0
    step = (max(times) - min(times)) / (len(times) - 1) if len(times) > 1 else 0.0
    return (max(times) + step) * float(base)


def _coded(filters: str) -> list[str]:
    """Return the arguments that code pictures again behind masks, their times as they are."""
    # H.264 where the build has it; MPEG-4 is in every one.
    small = ["libx264", "-preset", "veryfast", "-tune", "zerolatency", "-crf", "18"]
    codec = small if "libx264" in _encoders() else ["mpeg4", "-q:v", "2"]
    version = ffmpeg_version() or OLDEST_VERSION
    times = ["-fps_mode", "passthrough"] if version > OLDEST_VERSION else ["-vsync", "passthrough"]
    # Files are cut at whole pictures: one a second.
    whole = ["-force_key_frames", "expr:gte(t,n_forced)", "-pix_fmt", "yuv420p"]
    return ["-vf", filters, "-c:v", *codec, *whole, *times]


@cache
def _encoders() -> str:
    asked = [_program(), "-hide_banner", "-encoders"]
    done = subprocess.run(asked, capture_output=True, text=True, check=False, env=_environment())
    return done.stdout


class Reader:
    """One connection. Use it as a context: leaving it ends the child, whatever happened."""

    def __init__(
        self,
        address: str,
        folder: Path,
        prefix: str,
        *,
        file_seconds: float,
        quiet_seconds: float,
        masks: tuple[Polygon, ...] = (),
    ) -> None:
        """`quiet_seconds`: after so long without a word from the other side the child completes
        its files and ends. `masks`: privacy masks that are burnt in before anything is written;
        only then are the pictures decoded, and coded again."""
        self._masks = mask_filter(masks)
        self._folder = folder
        # FFmpeg 5 gives up after one of these before the first answer, and after two later.
        self._timeout_seconds = quiet_seconds / 2
        self._begun = time.monotonic()
        self._pattern = f"{prefix}-%06d{SUFFIX}"
        self._script = (
            "ffconcat version 1.0\n"
            f"file '{address}'\n"
            "option rtsp_transport tcp\n"
            f"option timeout {microseconds(self._timeout_seconds)}\n"
            # Nothing is decoded, so the frame rate need not be guessed from many frames.
            "option fpsprobesize 0\n"
        ).encode("ascii")
        self._file_seconds = file_seconds
        self._time_base = Fraction(1, 1_000_000)
        self._rest: dict[str, bytes] = {}
        self.cause: Cause | None = None
        """What the child said of the connection, if anything."""

    def __enter__(self) -> Reader:
        frames, frames_end = os.pipe()
        closed, closed_end = os.pipe()
        try:
            self._process = subprocess.Popen(
                self._arguments(frames_end, closed_end),
                stdin=subprocess.PIPE,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                bufsize=0,
                env=_environment(),
                cwd=self._folder,  # a % in its path would be taken for a part of the pattern
                pass_fds=(frames_end, closed_end),
                start_new_session=True,  # Ctrl-C of a terminal is for the recorder, which ends it
            )
        except BaseException:
            os.close(frames)
            os.close(closed)
            raise
        finally:
            os.close(frames_end)
            os.close(closed_end)
        assert self._process.stdin is not None
        assert self._process.stderr is not None
        self._pipes = {"frames": frames, "closed": closed, "said": self._process.stderr.fileno()}
        self._selector = selectors.DefaultSelector()
        for name, descriptor in self._pipes.items():
            os.set_blocking(descriptor, False)
            self._selector.register(descriptor, selectors.EVENT_READ, name)
        # A broken pipe: it ended at once, and what it said tells why.
        with self._process.stdin, suppress(BrokenPipeError):
            self._process.stdin.write(self._script)  # far less than a pipe holds
        return self

    def _arguments(self, frames: int, closed: int) -> list[str]:
        # A damaged picture is left out, which is a hole, and not mended, which nobody would see.
        strict = ["-err_detect", "explode"] if self._masks else []
        source = [
            *strict,
            "-f",
            "concat",
            "-safe",
            "0",
            "-protocol_whitelist",
            _PROTOCOLS,
            "-i",
            "pipe:0",
        ]
        files = ["-f", "segment", "-segment_time", f"{self._file_seconds:g}"]
        files += ["-segment_format", "matroska", "-segment_format_options"]
        # What is not written yet is lost when the machine fails: a second of it.
        files += ["cluster_time_limit=1000:flush_packets=1", "-reset_timestamps", "1"]
        files += ["-segment_list", f"pipe:{closed}", "-segment_list_type", "csv", self._pattern]
        lines = ["-flush_packets", "1", "-f", "framecrc", f"pipe:{frames}"]
        written = [*("-map", "0:v:0"), *_coded(self._masks)] if self._masks else _COPIED
        return [_program(), *_QUIET, *source, *written, *files, *_COPIED, *lines]

    def __exit__(self, *_: object) -> None:
        self._kill()
        self._selector.close()
        os.close(self._pipes["frames"])
        os.close(self._pipes["closed"])
        assert self._process.stderr is not None
        self._process.stderr.close()

    def _kill(self) -> None:
        if self._process.poll() is None:
            # The group has the id of its leader, which has not been waited for.
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    @property
    def pid(self) -> int:
        """Process of the child."""
        return self._process.pid

    @property
    def writes(self) -> bool:
        """Whether its outputs are not complete yet.

        When they are, it says farewell to the camera, and waits for an answer that one which is
        stuck never gives: there is nothing more to wait for.
        """
        watched = {key.data for key in self._selector.get_map().values()}
        return not watched.isdisjoint({"frames", "closed"})

    def events(self, timeout_seconds: float) -> Iterator[FrameCame | FileClosed]:
        """Yield what happened, waiting at most so long for the first of it."""
        ready = {key.data for key, _ in self._selector.select(timeout_seconds)}
        lines = {pipe: self._lines(pipe) for pipe in ("said", "closed") if pipe in ready}
        if ready:
            # The child tells of a frame before it closes its file, but by another pipe: all that
            # lies there is taken in before the file is.
            lines = {"frames": self._lines("frames"), **lines}
        for pipe, texts in lines.items():
            for text in texts:
                event = self._event(pipe, text)
                if event is not None:
                    yield event

    def _lines(self, pipe: str) -> list[str]:
        """Return the whole lines that lie in a pipe, without waiting."""
        descriptor = self._pipes[pipe]
        content = [self._rest.get(pipe, b"")]
        while descriptor in self._selector.get_map():
            try:
                part = os.read(descriptor, _PIPE_BYTES)
            except BlockingIOError:
                break
            content.append(part)
            if not part:
                self._selector.unregister(descriptor)
        *lines, self._rest[pipe] = b"".join(content).split(b"\n")
        return [line.decode("utf-8", "replace") for line in lines]

    def stop(self) -> Iterator[FrameCame | FileClosed]:
        """End the child, its last file complete if it answers; yield what it still wrote."""
        deadline = time.monotonic() + _GRACE_SECONDS
        if self._process.poll() is None:
            # Once: a second signal would keep it from completing its files.
            self._process.send_signal(signal.SIGINT)
        while self.writes and (left := deadline - time.monotonic()) > 0:
            yield from self.events(left)
        self._kill()
        while self._selector.get_map():
            yield from self.events(0.1)

    def _event(self, pipe: str, line: str) -> FrameCame | FileClosed | None:
        if pipe == "said":
            # Never kept: it may hold the address.
            self.cause = cause_of_message(line) or self.cause
            # FFmpeg calls it invalid data too when it has waited in vain for a first answer.
            waited_seconds = time.monotonic() - self._begun
            if self.cause is Cause.UNUSABLE and waited_seconds > self._timeout_seconds:
                self.cause = Cause.UNREACHABLE
            return None
        if pipe == "closed":
            name, start, end = line.rsplit(",", 2)
            return FileClosed(name, microseconds(float(start)), microseconds(float(end)))
        if line.startswith("#tb 0:"):
            self._time_base = Fraction(line.partition(":")[2].strip())
        if line.startswith("#"):
            return None
        ticks = int(line.split(",", 3)[2])
        return FrameCame(round(ticks * self._time_base * 1_000_000))
