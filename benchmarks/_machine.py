"""What a figure was measured on; every benchmark writes it into its JSON."""

from __future__ import annotations

import json
import os
import platform
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, NoReturn

from rich.console import Console

ROOT = Path(__file__).parents[1]
_FOLDERS = ("--out", "--work", "--model", "--vtest-model", "--dvr-scan", "--place", "--trained")
LIBRARIES = ("torch", "opencv-python-headless", "scikit-learn", "numpy")


def machine() -> dict[str, Any]:
    """Return processor, cores, memory, versions, commit and the time, as values that JSON can
    hold."""
    import torch  # here: a script that stops before it measures need not wait for it

    return {
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)),
        "memory_gib": round(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30, 1),
        "threads": torch.get_num_threads(),
        "instructions": torch.backends.cpu.get_cpu_capability(),
        "avx512_bf16": torch.cpu._is_avx512_bf16_supported(),
        "amx": torch.cpu._is_amx_tile_supported(),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "python": platform.python_version(),
        "torch": torch.__version__,
        "libraries": {name: _version(name) for name in LIBRARIES},
        "commit": _commit(),
        "load": round(os.getloadavg()[0], 2),
        "at_utc": datetime.now(UTC).isoformat(timespec="seconds"),
    }


def write_figures(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write the figures with the machine as JSON; do nothing when no place is given."""
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        record = {**figures, "machine": machine()}
        text = json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False)
        path.write_text(text + "\n", encoding="utf-8")


def command_line() -> str:
    """Return the command that is running, without the folders that its options name: where they lie
    on this machine is nobody's business."""
    kept, arguments = list[str](), iter(sys.argv[1:])
    for argument in arguments:
        name, _, value = argument.partition("=")
        if name in _FOLDERS:
            if not value:
                next(arguments, None)
        else:
            kept.append(argument)
    return shlex.join(["python", f"benchmarks/{Path(sys.argv[0]).name}", *kept])


def stop(message: str) -> NoReturn:
    """End with one line that says which script stopped and why."""
    print(f"{Path(sys.argv[0]).stem}: {message}", file=sys.stderr)
    raise SystemExit(1)


def data_folder() -> Path:
    """Return the folder of KIZASHI_DATA; stop where none is named."""
    named = os.environ.get("KIZASHI_DATA")
    if not named:
        stop("no benchmark footage: set KIZASHI_DATA to its folder; see benchmarks/README.md")
    return Path(named)


def wide_console() -> Console:
    """Return a console that does not cut tables off where its lines go to a file."""
    return Console() if sys.stdout.isatty() else Console(width=160)


def machine_line() -> str:
    """Return one line for people."""
    known = machine()
    return (
        f"{known['processor']}, {known['cores']} cores, {known['memory_gib']} GiB, load "
        f"{known['load']}; torch {known['torch']}, commit {known['commit']}, {known['at_utc']}"
    )


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:
        return platform.processor() or "unknown"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:  # a machine lent for its GPU has what the script needs, no more
        return None


def _commit() -> str:
    """Return the commit that is checked out, with + when files differ from it."""
    if shutil.which("git") is None:
        return "unknown"
    found = subprocess.run(
        ["git", "describe", "--always", "--abbrev=12", "--dirty=+", "--exclude=*"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return found.stdout.strip() or "unknown"
