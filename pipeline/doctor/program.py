"""Checks of the program: Python, libraries, GPU, and the scheduler."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from importlib import metadata

from pipeline.doctor.findings import Finding, Machine, ok, problem, warning

__all__ = [
    "check_gpu",
    "check_libraries",
    "check_python",
    "check_recorder",
    "check_scheduler",
    "library_problems",
    "python_finding",
]

_DISTRIBUTION = "kizashi"


def check_python(machine: Machine) -> Iterator[Finding]:
    """Python against what the package asks."""
    asked = _asked_python()
    version = ".".join(str(part) for part in sys.version_info[:3])
    yield python_finding(version, asked)


def python_finding(version: str, asked: str | None) -> Finding:
    """Return what a version of Python means to a requirement; None: the package is not installed,
    only its files are there."""
    from packaging.specifiers import SpecifierSet

    if asked is None:
        return warning("python", f"{version}; kizashi is not installed", "pip install -e .")
    if not SpecifierSet(asked).contains(version, prereleases=True):
        return problem("python", f"{version}, kizashi asks for {asked}", "install such a Python")
    return ok("python", version)


def _asked_python() -> str | None:
    try:
        return metadata.metadata(_DISTRIBUTION)["Requires-Python"]
    except metadata.PackageNotFoundError:
        return None


def check_libraries(machine: Machine) -> Iterator[Finding]:
    """Installed libraries against what the package asks."""
    try:
        asked = metadata.requires(_DISTRIBUTION) or []
    except metadata.PackageNotFoundError:
        asked = []
    wrong = library_problems(asked)
    if wrong:
        names = "; ".join(wrong)
        yield problem("libraries", names, "pip install -c constraints.txt -e .")
    else:
        yield ok("libraries", f"{len(asked)} requirements are met")


def library_problems(asked: Sequence[str]) -> list[str]:
    """Return what is missing, too old or too new of requirements such as `torch>=2.9`; those of
    extras are not asked for."""
    from packaging.requirements import Requirement

    wrong = []
    for line in asked:
        requirement = Requirement(line)
        if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
            continue
        try:
            version = metadata.version(requirement.name)
        except metadata.PackageNotFoundError:
            wrong.append(f"{requirement.name} is missing")
            continue
        if not requirement.specifier.contains(version, prereleases=True):
            wrong.append(f"{requirement.name} {version} is not {requirement.specifier}")
    return wrong


def check_gpu(machine: Machine) -> Iterator[Finding]:
    """A GPU that torch cannot use, or one that is asked for and not there."""
    device = machine.settings.device if machine.settings else "auto"
    there = machine.gpu_names()
    if not there:
        if device == "cuda":
            yield problem(
                "gpu",
                "device is cuda, and no GPU is to be seen",
                'set device = "auto", or see whether its driver is loaded: nvidia-smi',
            )
        else:
            yield ok("gpu", "none; networks run on the processor")
    elif device == "cpu":
        yield warning("gpu", f"{there[0]} is there, device is cpu", 'set device = "auto" to use it')
    elif not machine.torch_sees_gpu():
        level = problem if device == "cuda" else warning
        yield level(
            "gpu",
            f"{there[0]} is there, but this torch cannot use it",
            "install a torch that is built for CUDA: https://pytorch.org/get-started/locally",
        )
    else:
        yield ok("gpu", f"{there[0]}, torch uses it")


def check_recorder(machine: Machine) -> Iterator[Finding]:
    """The program that live cameras are recorded with, where there are any; and their recorders."""
    from pipeline.recording.ffmpeg import OLDEST_VERSION, ffmpeg_version
    from pipeline.recording.state import read_state

    live = [table.camera for table in machine.settings.record] if machine.settings else []
    if not live:
        yield ok("recorder", "no live camera is configured; nothing else needs ffmpeg")
        return
    version = ffmpeg_version()
    if version is None or version < OLDEST_VERSION:
        found = "is not there" if version is None else f"{version} is too old"
        yield problem(
            "recorder",
            f"kizashi record needs the program ffmpeg, which {found}",
            f"install version {OLDEST_VERSION} or newer: apt-get install ffmpeg",
        )
        return
    states = {name: read_state(machine.folder, name) for name in live}
    idle = [name for name, state in states.items() if not state or not state.runs(machine.now_utc)]
    if idle:
        yield warning(
            "recorder", f"nobody records {', '.join(idle)} now", "keep kizashi record running"
        )
        return
    blind = [f"{name} ({state.cause})" for name, state in states.items() if state and state.cause]
    if blind:
        yield warning("recorder", f"no frames of {', '.join(blind)}", "see docs/recording.md")
    else:
        yield ok("recorder", f"ffmpeg {version} records {len(live)} live cameras")


def check_scheduler(machine: Machine) -> Iterator[Finding]:
    """The Prefect server, when one is configured."""
    answer = machine.prefect_answer()
    if answer is None:
        yield ok("scheduler", "no Prefect server is configured; commands need none")
        return
    address, wrong = answer
    if wrong:
        yield problem(
            "scheduler",
            f"no Prefect server answers at {address}",
            "start it: prefect server start, or correct PREFECT_API_URL",
        )
    else:
        yield ok("scheduler", f"the Prefect server at {address} answers")
