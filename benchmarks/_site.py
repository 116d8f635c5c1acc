"""A site with one camera, its footage taken in, and a model that was trained elsewhere."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from _machine import ROOT, stop

CAMERA = "camera"


def kizashi(site: Path, *arguments: str) -> list[str]:
    """Return the command line of one command of the site."""
    return [sys.executable, "-m", "pipeline.cli", "--site", str(site), *arguments]


def run_command(site: Path, *arguments: str) -> str:
    """Run one command to its end; return what it said of its progress."""
    done = subprocess.run(
        kizashi(site, *arguments), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        stop(f"kizashi {arguments[0]} ended with {done.returncode}: {done.stderr.strip()[-400:]}")
    return done.stderr


def site_with_model(folder: Path, videos: Sequence[Path], model: Path) -> Path:
    """Make a site in `folder`: the videos are taken in, and the model is the active one."""
    drop = folder / "footage"
    drop.mkdir(parents=True)
    for video in videos:
        shutil.copyfile(video, drop / video.name)
        os.utime(drop / video.name, (0, 0))  # old, so that it is not still being written
    run_command(folder, "init")
    about = ["--source", "footage", "--purpose", "benchmark", "--owner", "benchmark"]
    clock = ["--clock", "sequence", "--sequence-start", "2026-01-01T08:00Z"]
    run_command(folder, "camera", "add", CAMERA, *about, "--retention-days", "30", *clock)
    run_command(folder, "ingest", CAMERA)
    run_command(folder, "model", "promote", _registered(folder, model))
    return folder


def _registered(folder: Path, model: Path) -> str:
    """Store a model as a candidate of the camera; return its name."""
    # Here: a script that only reads its figures needs no store.
    from pipeline.assembly import open_site
    from pipeline.learning.camera_model import load_camera_model
    from pipeline.learning.registration import register

    site = open_site(folder)
    try:
        learnt = load_camera_model(model)
        name = learnt.preset.name
        fresh = site.models_folder / CAMERA / "fresh"
        return register(site, CAMERA, learnt, fresh, preset=name, manifest={}).model_id
    finally:
        site.close()
