"""Examine: every check over one site, in the order in which a person would look."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from pipeline.assembly import open_site, store_url
from pipeline.camera import Camera
from pipeline.doctor import footage, models, place, program, retention
from pipeline.doctor.findings import Finding, Machine, problem
from pipeline.errors import KizashiError
from pipeline.local_zone import machine_zone
from pipeline.settings import load_settings
from pipeline.timebase import Clock, SystemClock

__all__ = ["examine", "this_machine"]

_OF_THE_PROGRAM: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    program.check_python,
    program.check_libraries,
)
_OF_THE_SITE: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    *_OF_THE_PROGRAM,
    place.check_settings,
    place.check_secrets,
    place.check_database,
    place.check_database_file,
    place.check_disk,
    program.check_gpu,
    program.check_scheduler,
    program.check_recorder,
)
_OF_A_CAMERA: tuple[Callable[[Machine, Camera, Path], Iterator[Finding]], ...] = (
    footage.check_register,
    footage.check_folder,
    footage.check_freshness,
    footage.check_refusals,
    footage.check_zone,
    footage.check_times,
    models.check_model,
    models.check_budget,
    models.check_waiting,
    retention.check_retention,
    retention.check_disk_budget,
)
_LAST: tuple[Callable[[Machine], Iterator[Finding]], ...] = (
    models.check_evidence,
    retention.check_holds,
    place.check_leases,
)


def this_machine(
    folder: Path,
    prefect_answer: Callable[[], tuple[str, str | None] | None],
    *,
    clock: Clock | None = None,
) -> Machine:
    """Return what the checks may ask of this machine, for the site in `folder`."""
    return Machine(
        folder=folder,
        now_utc=(clock or SystemClock()).now_utc(),
        free_bytes=place.free_bytes,
        gpu_names=_gpu_names,
        torch_sees_gpu=_torch_sees_gpu,
        prefect_answer=prefect_answer,
        zone=machine_zone(),
    )


def examine(machine: Machine) -> Iterator[Finding]:
    """Yield what every check finds; nothing is changed, and no check stops the others.

    Where the settings or the database cannot be read, what needs them is left out; where there is
    no folder of a site, all but the program is.
    """
    no_site = list(place.check_site(machine))
    if no_site:
        for check in _OF_THE_PROGRAM:
            yield from _guarded(check, machine)
        yield from no_site
        return
    with _opened(machine) as complete:
        for check in _OF_THE_SITE:
            yield from _guarded(check, complete)
        if complete.site is None:
            return
        try:
            cameras = complete.site.store.cameras()
        except KizashiError as error:  # damaged behind what tells its schema
            yield place.database_problem(error, complete.settings)
            return
        for camera in cameras:
            source = complete.site.source_of(camera)
            for look in _OF_A_CAMERA:
                yield from _guarded(look, complete, camera, source)
        for check in _LAST:
            yield from _guarded(check, complete)


def _guarded(check: Callable[..., Iterator[Finding]], *about: Any) -> Iterator[Finding]:
    try:
        yield from check(*about)
    except (KizashiError, OSError) as error:
        if isinstance(error, PermissionError) and _is_said(about):
            return
        name = check.__name__.removeprefix("check_")
        yield problem(name, f"not looked at: {error}", "mend what it names, and look again")


def _is_said(about: Sequence[Any]) -> bool:
    """Tell whether a check is of a camera whose folder cannot be read: the check of the folder says
    it, once."""
    return bool(about) and isinstance(about[-1], Path) and not footage.may_look_into(about[-1])


@contextmanager
def _opened(machine: Machine) -> Iterator[Machine]:
    """Yield the machine with settings and site, as far as they can be opened without a change."""
    from pipeline.store.revision import schema_revision

    try:
        settings = load_settings(machine.folder)
    except KizashiError:
        yield machine
        return
    readable = replace(machine, settings=settings)
    try:
        found = schema_revision(store_url(machine.folder, settings))
        # Opening would make an absent database, and bring an old one up to date.
        site = open_site(machine.folder) if found.revision == found.needed else None
    except KizashiError:
        site = None
    try:
        yield replace(readable, site=site)
    finally:
        if site is not None:
            site.close()


def _gpu_names() -> list[str]:
    """Return the GPUs that the system shows, without asking torch."""
    return [str(path) for path in sorted(Path("/dev").glob("nvidia[0-9]*"))]


def _torch_sees_gpu() -> bool:
    import torch

    return torch.cuda.is_available()
