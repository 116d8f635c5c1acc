"""Promotes or rolls back in forked children that are killed, or whose disk is full, at each step.

Run as `python -m tests.crash.promotions SITE CAMERA FIRST SECOND TRIALS`, so that one warm parent
forks all of them; prints one line of JSON a trial.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from pathlib import Path

from sqlalchemy import Engine, event

from pipeline.assembly import open_site
from pipeline.errors import KizashiError
from pipeline.learning.promotion import promote_model, roll_back

FULL = 101
"""Exit code of a child that was told of a full disk."""


def kill_at(step: int) -> None:
    """Kill this process before its step number `step`: a statement, a commit, or what follows."""
    done = 0

    def count(*_: object, **__: object) -> None:
        nonlocal done
        if done == step:
            os.kill(os.getpid(), signal.SIGKILL)
        done += 1

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    event.listen(Engine, "after_cursor_execute", count)


def fill_disk(database: Path) -> None:
    """Let no file of this process grow any further."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    wal = database.with_name(f"{database.name}-wal")
    limit = max(wal.stat().st_size if wal.exists() else 0, 1 << 12)
    _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))


def child(site_folder: Path, camera: str, model: str, trial: int) -> int:
    """Do one change of the active model; a fifth of them with a disk that is full."""
    if trial % 5 != 4:
        kill_at(trial)
    try:
        site = open_site(site_folder)
        if trial % 5 == 4:
            fill_disk(site_folder / "kizashi.db")
        if trial % 2:
            roll_back(site, camera, who="ada")
        else:
            promote_model(site, model, who="ada")
    except KizashiError:
        return FULL
    return 0


def main() -> None:
    site_folder, camera, first, second, trials = sys.argv[1:]
    for trial in range(int(trials)):
        process = os.fork()
        if process == 0:
            os._exit(child(Path(site_folder), camera, (first, second)[trial // 2 % 2], trial))
        _, status = os.waitpid(process, 0)
        print(json.dumps({"trial": trial, "ended": os.waitstatus_to_exitcode(status)}), flush=True)
        site = open_site(Path(site_folder))
        states = {record.model_id: record.state.value for record in site.store.models(camera)}
        # Loading it is the verification of its files.
        from pipeline.learning.train_camera import load_active_model

        record, _ = load_active_model(site, site.store, camera)
        site.close()
        print(json.dumps({"states": states, "active": record.model_id}), flush=True)


if __name__ == "__main__":
    main()
