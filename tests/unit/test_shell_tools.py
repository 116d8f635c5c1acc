"""The tools for those who work on Kizashi: a list of what is installed, and changes for tests."""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).parents[2]


def sbom() -> str:
    done = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "sbom.py")],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout


def test_the_list_of_what_is_installed_is_whole_and_always_the_same(
    promise: Callable[[str, str], None],
) -> None:
    text = sbom()
    assert sbom() == text
    said = json.loads(text)
    assert (said["bomFormat"], said["specVersion"]) == ("CycloneDX", "1.5")
    components = {one["name"]: one for one in said["components"]}
    for name in ("torch", "sqlalchemy", "safetensors", "opencv-python-headless", "prefect"):
        assert components[name]["version"] == version(name)
        assert components[name]["purl"] == f"pkg:pypi/{name}@{version(name)}"
    known = {one["bom-ref"] for one in said["components"]}
    needs = {one["ref"]: one["dependsOn"] for one in said["dependencies"]}
    assert known <= needs.keys()
    assert components["numpy"]["purl"] in needs[components["pandas"]["purl"]]
    licensed = sum("licenses" in one for one in said["components"])
    assert licensed >= 0.6 * len(components)
    promise("O2", f"{len(components)} components with version and origin, {licensed} with licence")


def test_every_kind_of_change_is_made_once_and_can_be_run() -> None:
    code = "\n".join(
        (
            "def f(a: int, b: int = 2) -> bool:",
            "    if a < b and not a == 3:",
            "        return min(a, b) + 1 > -b",
            "    return True",
        )
    )
    script = (
        "import json, sys; sys.path.insert(0, 'tools'); import mutants; "
        f"print(json.dumps([[m.line, m.what, m.source] for m in mutants.mutants_of({code!r})]))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    found = json.loads(done.stdout)
    assert sorted(what for _, what, _ in found) == [
        "1 -> 2",
        "2 -> 3",
        "3 -> 4",
        "Add -> Sub",
        "And exchanged",
        "Eq -> NotEq",
        "Gt -> GtE",
        "Lt -> LtE",
        "Not dropped",
        "True turned",
        "USub dropped",
        "condition denied",
        "min -> max",
    ]
    same = ast.unparse(ast.parse(code))
    sources = [source for _, _, source in found]
    assert len(set(sources)) == len(sources)
    for source in sources:
        assert source != same
        ast.parse(source)
