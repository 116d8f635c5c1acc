"""Checks of the place: settings, their secrets, the database, disk space, leases."""

from __future__ import annotations

import shutil
import stat
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from pipeline.assembly import store_url
from pipeline.doctor.findings import Finding, Machine, ok, problem, problem_of, warning
from pipeline.doctor.footage import may_look_into
from pipeline.errors import KizashiError, SettingsError, StoreUnavailable
from pipeline.masking import is_secret_name, masked
from pipeline.settings import SETTINGS_FILE, Settings, load_settings
from pipeline.site_folder import check_site_folder

__all__ = [
    "check_database",
    "check_database_file",
    "check_disk",
    "check_leases",
    "check_secrets",
    "check_settings",
    "check_site",
    "database_problem",
    "free_bytes",
]

_GROWTH_DAYS = 7
_LEAST_BYTES = 2 << 30
_FEW_DAYS, _SOME_DAYS = 2.0, 14.0


def free_bytes(path: Path) -> int:
    """Return the free space of the file system that holds `path`."""
    return shutil.disk_usage(path).free


def check_site(machine: Machine) -> Iterator[Finding]:
    """Whether there is no folder to look into: then nothing else of a site can be looked at."""
    folder = machine.folder
    try:
        check_site_folder(folder)
    except SettingsError as error:
        yield problem_of("settings", error)
        return
    if not folder.is_dir():
        yield problem(
            "site",
            f"there is no folder {folder}, and so no site in it",
            f"name the folder of a site with --site, or make one: kizashi --site {folder} init",
        )


def check_settings(machine: Machine) -> Iterator[Finding]:
    """Whether kizashi.toml and KIZASHI_* can be read."""
    path = machine.folder / SETTINGS_FILE
    try:
        load_settings(machine.folder)
    except KizashiError as error:
        yield problem_of("settings", error)
        return
    if path.exists():
        yield ok("settings", str(path))
    else:
        yield warning(
            "settings", f"no {path}; defaults hold", f"kizashi --site {machine.folder} init"
        )


def check_secrets(machine: Machine) -> Iterator[Finding]:
    """Whether everybody on this machine can read a password in kizashi.toml."""
    path = machine.folder / SETTINGS_FILE
    try:
        values = tomllib.loads(path.read_text(encoding="utf-8"))
        mode = path.stat().st_mode
    except FileNotFoundError:
        yield ok("secrets", f"none in {path.name}")
        return
    except (OSError, ValueError):
        return  # the check of the settings says so
    secret = [
        name
        for name, value in values.items()
        if is_secret_name(name) or masked(str(value)) != str(value)
    ]
    if secret and mode & stat.S_IROTH:
        yield problem(
            "secrets",
            f"{path} holds a secret ({', '.join(secret)}) and everybody can read it",
            f"chmod 640 {path}, or set KIZASHI_{secret[0].upper()} in the environment instead",
        )
    else:
        yield ok(
            "secrets",
            f"{len(secret)} in {path.name}, not readable by all"
            if secret
            else "none in kizashi.toml",
        )


def check_database(machine: Machine) -> Iterator[Finding]:
    """Whether the database answers and has the schema of this program; it is not changed."""
    from pipeline.store.revision import schema_revision

    if machine.settings is None:
        yield problem("database", "not looked at: the settings cannot be read", "see settings")
        return
    try:
        found = schema_revision(store_url(machine.folder, machine.settings))
    except KizashiError as error:
        yield database_problem(error, machine.settings)
        return
    if found.revision is None:
        yield warning(
            "database",
            f"{found.shown}: nothing in it yet",
            "register a camera: kizashi camera add --help",
        )
    elif found.revision != found.needed:
        yield problem(
            "database",
            f"{found.shown} has schema {found.revision}, this program {found.needed}",
            "kizashi store upgrade; or update this program when the schema is the newer one",
        )
    else:
        yield ok("database", f"{found.shown}, schema {found.revision}")


def database_problem(error: KizashiError, settings: Settings | None) -> Finding:
    """Return the finding of a database that cannot be read; what to do stands at the end of its
    error."""
    said = problem_of("database", error)
    if isinstance(error, StoreUnavailable) and settings and settings.database_url is not None:
        return replace(said, fix=f"{said.fix}; or correct database_url")
    return said


def check_database_file(machine: Machine) -> Iterator[Finding]:
    """Whether only its owner and its group can read an SQLite file: digests of passwords, sessions
    and what was seen are in it."""
    from pipeline.store.address import parse_address

    if machine.settings is None:
        return
    try:
        path = parse_address(store_url(machine.folder, machine.settings)).path
    except KizashiError:
        return  # the check of the database says so
    if path is None:
        return
    # What was written last stands in the files beside it.
    all_of_it = [path, *(path.with_name(path.name + end) for end in ("-wal", "-shm"))]
    there = [one for one in all_of_it if one.is_file()]
    open_ones = [str(one) for one in there if one.stat().st_mode & stat.S_IRWXO]
    if open_ones:
        yield problem(
            "database file",
            f"everybody on this machine may open {', '.join(open_ones)}",
            f"chmod o= {' '.join(open_ones)}",
        )
    elif there:
        yield ok("database file", "only its owner and its group may open it")


def check_disk(machine: Machine) -> Iterator[Finding]:
    """Free space against what came in during the last days."""
    free = machine.free_bytes(machine.folder)
    growth = _bytes_a_day(machine)
    days = free / growth if growth else None
    told = f"{free / 2**30:.1f} GiB free"
    if days is not None:
        told += f", {growth / 2**30:.2f} GiB a day came in: enough for {days:.0f} days"
    fix = "free space, move footage to another disk, or lower the retention of cameras"
    if free < _LEAST_BYTES or (days is not None and days < _FEW_DAYS):
        yield problem("disk", told, fix)
    elif days is not None and days < _SOME_DAYS:
        yield warning("disk", told, fix)
    else:
        yield ok("disk", told)


def _bytes_a_day(machine: Machine) -> float:
    """Return what the last days added to the disk of the site: footage that lies there, and
    evidence."""
    site = machine.site
    if site is None:
        return 0.0
    since = machine.now_utc - timedelta(days=_GROWTH_DAYS)
    disk = machine.folder.stat().st_dev
    total = 0
    for camera in site.store.cameras():
        source = site.source_of(camera)
        if may_look_into(source) and source.stat().st_dev == disk:
            recent = site.store.footage_of(camera.name, since, machine.now_utc)
            total += sum(item.size_bytes for item in recent)
    for alert in site.store.alerts(None, since, machine.now_utc):
        total += sum(file.size_bytes for file in site.store.evidence(alert.alert_id))
    return total / _GROWTH_DAYS


def check_leases(machine: Machine) -> Iterator[Finding]:
    """Work that was left by a process that is gone."""
    from pipeline.store.owners import owner_is_dead

    if machine.site is None:
        return
    held = machine.site.store.leases()
    dead = [
        lease
        for lease in held
        if owner_is_dead(lease.owner) or lease.expires_utc <= machine.now_utc
    ]
    for lease in dead:
        yield warning(
            "leases",
            f"{lease.name} was left by {lease.owner}, which is gone",
            "run its command again: it takes over and goes on from there"
            + ("; kizashi serve is not running" if lease.name == "serve" else ""),
        )
    if not dead:
        yield ok("leases", f"{len(held)} held, all by processes that run")
