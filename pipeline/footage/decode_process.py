"""The process of the decoding child: how it is started, what it may open, how it is ended."""

from __future__ import annotations

import fcntl
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

from pipeline.footage.frame_pipe import MAX_PIXELS, PIPE_BYTES

__all__ = ["FORMATS", "STALL_SECONDS", "child_environment", "start_child", "stop_child"]

FORMATS = ("mov", "mp4", "m4a", "3gp", "3g2", "mj2", "matroska", "webm", "avi", "mpegts")
"""Containers that FFmpeg may open. Playlists and lists of files are not among them: one of those
named .mp4 would otherwise open any other file of this machine (tried with OpenCV 5.0.0)."""

STALL_SECONDS = 30.0
"""A child that gives nothing for this long is stopped, where nothing else is said."""

_SET_PIPE_SIZE = 1031  # F_SETPIPE_SZ of Linux; the fcntl module does not name it in 3.11


def start_child(
    job: dict[str, Any], messages: BinaryIO, descriptor: int
) -> subprocess.Popen[bytes]:
    """Start the child for `job`; its complaints before it begins go to `messages`."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-s", "-m", "pipeline.footage.decode_child", json.dumps(job)],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=messages,
        bufsize=0,
        env=child_environment(),
        pass_fds=(descriptor,),
        start_new_session=True,  # its own process group, so that all of it can be killed
    )
    assert process.stdout is not None
    os.set_blocking(process.stdout.fileno(), False)
    if sys.platform == "linux":
        try:
            fcntl.fcntl(process.stdout.fileno(), _SET_PIPE_SIZE, PIPE_BYTES)
        except OSError:  # the limit of pipe memory of this user is reached: slower, still right
            return process
    return process


def child_environment() -> dict[str, str]:
    """Return all that the child gets to know of this process's environment."""
    import pipeline

    root = str(Path(next(iter(pipeline.__path__))).parent)
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH",) if name in os.environ}
    formats = ",".join(FORMATS)
    return {
        **kept,
        "LC_ALL": "C.UTF-8",
        "PYTHONPATH": root,
        "PYTHONDONTWRITEBYTECODE": "1",
        "OMP_NUM_THREADS": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OPENCV_FFMPEG_CAPTURE_OPTIONS": f"format_whitelist;{formats}|protocol_whitelist;file",
        # FFmpeg's own errors are shown at this level too; they are the only sign of damage.
        "OPENCV_LOG_LEVEL": "WARNING",
        # Packets without a frame before OpenCV gives up; its 4096 end a file at a large hole.
        "OPENCV_FFMPEG_READ_ATTEMPTS": "100000",
        "OPENCV_IO_MAX_IMAGE_PIXELS": str(MAX_PIXELS),
    }


def stop_child(process: subprocess.Popen[bytes]) -> None:
    """Kill the child and everything that it may have started, and wait for its end."""
    assert process.stdout is not None
    process.stdout.close()
    if process.poll() is None:
        # The group has the id of its leader, which has not been waited for, so it is not reused.
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
