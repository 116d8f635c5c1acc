"""One of several workers of a site: `python -m tests.worker SITE`.

It goes through the cameras turn by turn, as a round of the flow kizashi-watch does, until nothing
waits and nobody else is at work.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from pipeline.assembly import open_site
from pipeline.watch import watch_camera

TURN_SECONDS = 1.0
"""One file a turn: so the workers meet at every camera, again and again."""


def main(folder: str) -> None:
    """Work until all is done."""
    site = open_site(Path(folder))
    try:
        while True:
            turns = [
                watch_camera(site, camera.name, turn_seconds=TURN_SECONDS, progress=print)
                for camera in site.store.cameras()
            ]
            if not any(turn.busy or turn.waiting for turn in turns):
                return
            time.sleep(0.1)
    finally:
        site.close()


if __name__ == "__main__":
    main(sys.argv[1])
