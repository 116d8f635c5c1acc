"""Work in a forked child: what it changes and how it dies stays there."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable

from pipeline.errors import KizashiError

__all__ = ["DEATH", "FAILED", "in_child"]

FAILED, DEATH = 3, -9
"""Exit codes of a child: an error of ours, one line; and SIGKILL."""


def in_child(work: Callable[[], object]) -> int:
    """Do something in a forked child; return how it ended: 0, FAILED with an error of ours, 1 with
    any other, or minus the signal that killed it."""
    child = os.fork()
    if child == 0:  # pragma: no cover: its end is in another process
        code = 1
        try:
            work()
            code = 0
        except KizashiError:
            code = FAILED
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status)
