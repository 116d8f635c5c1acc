"""Changes one thing at a time in a file of the product, and lists the changes that no test sees.

    python tools/mutants.py FILE.py --tests TEST [TEST ...] [--most N] [--seed N]

Comparisons are turned, sums and differences exchanged, numbers moved, `and` and `or` exchanged,
conditions denied, returned values dropped. Every change is tried in a copy of the working tree,
which is left as it is. A change that survives either does not matter, or a test is missing.
"""

from __future__ import annotations

import argparse
import ast
import copy
import os
import random
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("tgan_core", "pipeline", "flows", "dashboards", "tests", "pyproject.toml", "docs")
LIBRARIES = ("numpy", "scipy.ndimage", "pydantic", "sqlalchemy", "structlog", "torch")
"""Imported once, before the tests."""
LIMIT_SECONDS = 300

_TURNED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
}
_EXCHANGED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """One change."""

    line: int
    what: str
    source: str


def changes_of(node: ast.AST) -> Iterator[tuple[str, ast.AST]]:
    """Yield what a node may be changed to, with words for it."""
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            if (turned := _TURNED.get(type(operator))) is not None:
                changed = copy.deepcopy(node)
                changed.ops[place] = turned()
                yield f"{type(operator).__name__} -> {turned.__name__}", changed
    elif isinstance(node, ast.BinOp) and (other := _EXCHANGED.get(type(node.op))) is not None:
        changed_sum = copy.deepcopy(node)
        changed_sum.op = other()
        yield f"{type(node.op).__name__} -> {other.__name__}", changed_sum
    elif isinstance(node, ast.BoolOp):
        changed_bool = copy.deepcopy(node)
        changed_bool.op = ast.Or() if isinstance(node.op, ast.And) else ast.And()
        yield f"{type(node.op).__name__} exchanged", changed_bool
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        yield f"{type(node.op).__name__} dropped", copy.deepcopy(node.operand)
    elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
        assert isinstance(node.value, int | float)
        yield f"{node.value} -> {node.value + 1}", ast.Constant(value=node.value + 1)
    elif isinstance(node, ast.Constant) and type(node.value) is bool:
        yield f"{node.value} turned", ast.Constant(value=not node.value)
    elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and len(node.args) >= 2:
        other_name = {"min": "max", "max": "min"}.get(node.func.id)
        if other_name is not None:
            changed_call = copy.deepcopy(node)
            changed_call.func = ast.Name(id=other_name, ctx=ast.Load())
            yield f"{node.func.id} -> {other_name}", changed_call
    elif isinstance(node, ast.IfExp | ast.If):
        denied = copy.deepcopy(node)
        denied.test = ast.UnaryOp(op=ast.Not(), operand=denied.test)
        yield "condition denied", denied


def mutants_of(source: str) -> list[Mutant]:
    """Return every change of a module; annotations, decorators and texts are left alone."""
    tree = ast.parse(source)
    skipped = {
        id(inner)
        for node in ast.walk(tree)
        for part in (
            getattr(node, "annotation", None),
            getattr(node, "returns", None),
            *getattr(node, "decorator_list", ()),
        )
        if part is not None
        for inner in ast.walk(part)
    }
    found = []
    nodes = [node for node in ast.walk(tree) if id(node) not in skipped]
    for node in nodes:
        for what, changed in changes_of(node):
            new = ast.unparse(ast.fix_missing_locations(_Replace(node, changed).visit_copy(tree)))
            found.append(Mutant(line=getattr(node, "lineno", 0), what=what, source=new))
    return found


class _Replace(ast.NodeTransformer):
    """Replaces one node by another in a copy of the tree."""

    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old = old
        self._new = new

    def visit_copy(self, tree: ast.Module) -> ast.Module:
        # The old node is found by identity, so the tree itself is changed, copied and put back.
        for parent in ast.walk(tree):
            for name, value in ast.iter_fields(parent):
                if value is self._old:
                    setattr(parent, name, self._new)
                    changed = copy.deepcopy(tree)
                    setattr(parent, name, self._old)
                    return changed
                if isinstance(value, list) and any(item is self._old for item in value):
                    place = next(n for n, item in enumerate(value) if item is self._old)
                    value[place] = self._new
                    changed = copy.deepcopy(tree)
                    value[place] = self._old
                    return changed
        raise AssertionError("a node without a parent")


def survives(copy_of_tree: Path, file: Path, source: str, tests: Sequence[str]) -> bool:
    """Tell whether the tests pass with the changed file, in a fork of this process: what they
    import of libraries is there already."""
    (copy_of_tree / file).write_text(source, encoding="utf-8")
    process = os.fork()
    if process == 0:
        os.setsid()
        os.chdir(copy_of_tree)
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        sys.path.insert(0, str(copy_of_tree))
        os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", *tests]))
    deadline = time.monotonic() + LIMIT_SECONDS
    while time.monotonic() < deadline:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status) == 0
        time.sleep(0.02)
    os.killpg(process, signal.SIGKILL)
    os.waitpid(process, 0)
    return False  # it hangs: that is seen


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--tests", nargs="+", required=True)
    parser.add_argument("--most", type=int, default=10_000, help="so many, chosen by the seed")
    parser.add_argument("--seed", type=int, default=0)
    chosen = parser.parse_args(arguments)
    file = chosen.file.resolve().relative_to(ROOT)
    original = (ROOT / file).read_text(encoding="utf-8")
    everything = mutants_of(original)
    tried = everything
    if len(everything) > chosen.most:
        tried = random.Random(chosen.seed).sample(everything, chosen.most)
    alive = 0
    sys.dont_write_bytecode = True
    for name in LIBRARIES:
        import_module(name)
    with tempfile.TemporaryDirectory(prefix="kizashi-mutants-") as folder:
        place = Path(folder)
        for package in PACKAGES:
            whole = ROOT / package
            (shutil.copytree if whole.is_dir() else shutil.copy)(whole, place / package)
        if not survives(place, file, original, chosen.tests):
            print("mutants: the tests fail without any change", file=sys.stderr)
            return 1
        for mutant in sorted(tried, key=lambda one: one.line):
            if survives(place, file, mutant.source, chosen.tests):
                alive += 1
                print(f"{file}:{mutant.line}: {mutant.what}: survives", flush=True)
    seen = len(tried) - alive
    print(f"{file}: {seen} of {len(tried)} changes seen ({len(everything)} in all)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
