"""A plant that is set up well in nothing: doctor finds every fault that was seeded, and the fix."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pipeline.assembly import open_site
from pipeline.doctor.examine import (
    _LAST,
    _OF_A_CAMERA,
    _OF_THE_SITE,
    _guarded,
    examine,
    this_machine,
)
from pipeline.doctor.findings import Level
from pipeline.settings import Settings
from pipeline.store.owners import new_owner
from tests.fakes import FakeClock
from tests.store_samples import MORNING, camera, fill, footage, segment

NOW = MORNING + timedelta(hours=2)

# check: (words that what is found must have, words of the fix)
SEEDED = {
    "settings": ("preset", "docs/settings.md"),
    "secrets": ("read", "chmod"),
    "disk": ("GiB", "free"),
    "gpu": ("no GPU", "device"),
    "scheduler": ("4200", "prefect server start"),
    "leases": ("was left by", "kizashi serve"),
    "evidence": ("missing", ""),
    "folder of belt": ("no folder", "--source"),
    "footage of belt": ("no file", "recorder"),
    "model of belt": ("none is active", "kizashi train belt"),
    "files of press-1": ("would be refused", ""),
    "zone of press-1": ("UTC", "--timezone"),
    "model of press-1": ("missing or was changed", ""),
    "budget of press-1": ("calibrated for 2", ""),
    "clock of press-1": ("newer than this machine's clock", ""),
}


def test_doctor_finds_the_faults_that_were_seeded(
    tmp_path: Path, promise: Callable[[str, str], None]
) -> None:
    site = open_site(tmp_path, clock=FakeClock(NOW))
    source = tmp_path / "footage" / "press-1"
    source.mkdir(parents=True)
    fill(site.store)  # with a model and evidence whose files are not there
    site.store.put_camera(camera(timezone="UTC", budget_per_day=0.5))
    site.store.put_camera(camera("belt"))  # without its folder
    bad = source / "notes.mp4"
    bad.write_bytes(b"not a video")
    for number in range(5):
        film = source / f"{number}.mp4"
        film.write_bytes(b"\0\0\0\x18ftypisom")
        at = (NOW + timedelta(hours=3) - timedelta(minutes=10 * number)).timestamp()
        os.utime(film, (at, at))
    late = footage(number=8)
    site.store.add_footage(late, [segment(late)], [])
    host = new_owner().rsplit(":", 2)[0]
    site.store.acquire_lease("serve", f"{host}:4194303:1", 10**9)
    settings = tmp_path / "kizashi.toml"
    settings.write_text('database_url = "postgresql://me:cAnArY@db/k"\npreset = "huge"\n')
    settings.chmod(0o644)
    machine = replace(
        this_machine(tmp_path, lambda: ("http://127.0.0.1:4200/api", "no answer")),
        settings=Settings(device="cuda"),
        site=site,
        now_utc=NOW,
        gpu_names=list,
        torch_sees_gpu=lambda: False,
        free_bytes=lambda path: 1 << 30,
        zone="Asia/Tokyo",
    )
    found = [f for check in _OF_THE_SITE for f in _guarded(check, machine)]
    for one in site.store.cameras():
        for check in _OF_A_CAMERA:
            found += _guarded(check, machine, one, site.source_of(one))
    found += [f for check in _LAST for f in _guarded(check, machine)]
    wrong = {item.check: item for item in found if item.level is not Level.OK}
    said = {name: (item.found, item.fix) for name, item in wrong.items()}
    seen = 0
    for name, (words, fix) in SEEDED.items():
        assert name in wrong, (name, sorted(said))
        assert words in wrong[name].found, said[name]
        assert fix in wrong[name].fix, said[name]
        assert wrong[name].fix
        seen += 1
    assert "cAnArY" not in str(said)
    assert seen >= 12
    promise("O3", f"{seen} seeded faults of a plant: all found, each with its fix")
    # The whole of it too, as the command does it, stops at nothing.
    assert len(list(examine(machine))) >= len(SEEDED) - 4
    site.close()
