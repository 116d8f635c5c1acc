"""Writes what is installed as a CycloneDX 1.5 list in JSON: names, versions, licences, digests.

    python tools/sbom.py [--out FILE.json]

Reads the metadata of the distributions in this environment and nothing else; it needs no network.
The same environment gives the same bytes: it holds no time and no serial number.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import sys
from collections.abc import Sequence
from importlib.metadata import Distribution, distributions
from pathlib import Path
from typing import Any

ROOT_PACKAGE = "kizashi"
_LONGEST_LICENCE = 80
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def canonical(name: str) -> str:
    """Return a name as package indexes write it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def reference_of(distribution: Distribution) -> str:
    return f"pkg:pypi/{canonical(distribution.name)}@{distribution.version}"


def licence_of(distribution: Distribution) -> str:
    """Return the licence as the distribution states it; empty when it does not in one line."""
    about = distribution.metadata
    for name in ("License-Expression", "License"):
        stated = next(iter(about.get_all(name) or ()), "")
        if stated and "\n" not in stated and len(stated) <= _LONGEST_LICENCE:
            return stated.strip()
    named = [text for text in about.get_all("Classifier") or () if text.startswith("License ::")]
    return named[0].rpartition(":: ")[2] if named else ""


def record_digest(distribution: Distribution) -> str:
    """Return the sha256 of the list of installed files and their digests, RECORD; empty without."""
    record = distribution.read_text("RECORD")
    return hashlib.sha256(record.encode("utf-8")).hexdigest() if record else ""


def component_of(distribution: Distribution) -> dict[str, Any]:
    component: dict[str, Any] = {
        "type": "application" if canonical(distribution.name) == ROOT_PACKAGE else "library",
        "bom-ref": reference_of(distribution),
        "name": canonical(distribution.name),
        "version": distribution.version,
        "purl": reference_of(distribution),
    }
    if licence := licence_of(distribution):
        component["licenses"] = [{"license": {"name": licence}}]
    if digest := record_digest(distribution):
        component["properties"] = [{"name": "python:RECORD:sha256", "value": digest}]
    return component


def needs_of(distribution: Distribution, known: dict[str, str]) -> list[str]:
    """Return the references of what a distribution asks for, as far as it is installed."""
    asked = set()
    for requirement in distribution.requires or ():
        found = _NAME.match(requirement)
        if found and canonical(found[0]) in known:
            asked.add(known[canonical(found[0])])
    return sorted(asked)


def software_list() -> dict[str, Any]:
    """Return the list of everything that is installed, in order of name."""
    by_name = {canonical(found.name): found for found in distributions()}
    installed = [by_name[name] for name in sorted(by_name)]
    known = {canonical(found.name): reference_of(found) for found in installed}
    components = [component_of(found) for found in installed]
    root = [one for one in components if one["name"] == ROOT_PACKAGE]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": root[0]} if root else {},
        "components": [one for one in components if one["name"] != ROOT_PACKAGE],
        "dependencies": [
            {"ref": reference_of(found), "dependsOn": needs_of(found, known)} for found in installed
        ],
    }


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="none: standard output")
    chosen = parser.parse_args(arguments)
    text = json.dumps(software_list(), indent=2, sort_keys=True, ensure_ascii=False) + "\n"
    if chosen.out is None:
        sys.stdout.write(text)
    else:
        chosen.out.write_text(text, encoding="utf-8")
        print(f"{chosen.out}: {len(json.loads(text)['components'])} components", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
