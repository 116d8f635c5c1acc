"""kill -9 in the middle of ingest: the next run takes in the rest; nothing is lost or doubled."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests import footage_maker as make
from tests.footage_site import CAMERA, FootageSite, footage_site

INGEST = (
    "import sys; from pathlib import Path; from pipeline.assembly import open_site; "
    "from pipeline.footage.ingest import ingest_camera; "
    "site = open_site(Path(sys.argv[1])); print('open', flush=True); "
    f"ingest_camera(site, {CAMERA!r}, progress=lambda line: print(line, flush=True)); "
    "print('done', flush=True)"
)


@pytest.fixture(scope="module")
def arrivals(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with ten healthy, damaged and useless files."""
    folder = tmp_path_factory.mktemp("arrivals")
    for index in range(6):
        make.healthy(folder / f"clip{index}.mp4", seed=index, seconds=2.0)
    make.cut(folder / "cut.mp4", folder / "clip1.mp4", 0.8)
    make.folder_of_frames(folder / "frames", frames=12)
    (folder / "empty.mp4").touch()
    (folder / "text.mp4").write_text("text")
    return folder


def kept(opened: FootageSite) -> list[object]:
    """Return everything that ingest records, in order."""
    store = opened.site.store
    return [*store.footage_of(CAMERA), *store.segments(CAMERA), *store.blind(CAMERA)]


def wait_for_lines(process: subprocess.Popen[str], count: int) -> None:
    assert process.stdout is not None
    for _ in range(count):
        if not process.stdout.readline():
            return


@pytest.mark.parametrize("kills", [1, pytest.param(10, marks=pytest.mark.full)])
def test_a_killed_ingest_is_finished_by_the_next(
    kills: int, arrivals: Path, tmp_path: Path
) -> None:
    calm, stormy = tmp_path / "calm", tmp_path / "stormy"
    for folder in (calm, stormy):
        folder.mkdir()
        (folder / "in").symlink_to(arrivals)
    with footage_site(calm) as opened:
        opened.ingest()
        expected = kept(opened)
    with footage_site(stormy) as opened:
        site_folder = opened.site.folder
    old = time.time() - 3600
    for path in [*arrivals.rglob("*"), arrivals]:
        os.utime(path, (old, old))
    rng, killed = random.Random(kills), 0
    for _ in range(kills):
        process = subprocess.Popen(
            [sys.executable, "-c", INGEST, str(site_folder)],
            stdout=subprocess.PIPE,
            text=True,
        )
        wait_for_lines(process, rng.randrange(1, 4))
        time.sleep(rng.random() * 0.1)
        process.kill()
        killed += process.wait() == -signal.SIGKILL
        assert process.stdout is not None
        process.stdout.close()
    assert killed >= min(kills, 3)
    with footage_site(stormy) as opened:
        opened.ingest()
        assert kept(opened) == expected
        again = opened.ingest()
        assert (again.admitted, again.refused) == (0, 0)


def test_the_decoding_child_ends_when_its_parent_is_killed(tmp_path: Path) -> None:
    video = make.encode(tmp_path / "large.mp4", make.scene(0, 60, width_px=640, height_px=480))
    code = (
        "import sys, time; from pathlib import Path; "
        "from pipeline.footage.decoding import open_decoder\n"
        "with open_decoder(Path(sys.argv[1]), stall_seconds=1.0) as decoder:\n"
        "    next(iter(decoder)); print(decoder.process_id, flush=True); time.sleep(60)"
    )
    parent = subprocess.Popen(
        [sys.executable, "-c", code, str(video)], stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = int(parent.stdout.readline())
    assert Path(f"/proc/{child}").exists()
    parent.kill()
    parent.wait()
    parent.stdout.close()
    deadline = time.monotonic() + 10.0
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not running(child)


def running(process_id: int) -> bool:
    """Tell whether a process runs; one that only waits to be collected does not."""
    try:
        state = Path(f"/proc/{process_id}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state not in "ZX"
