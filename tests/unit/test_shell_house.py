"""The house rules of CONTRIBUTING.md, held over every file of the product."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("tgan_core", "pipeline", "flows", "dashboards")
FILES = sorted(
    path.relative_to(ROOT) for package in PACKAGES for path in (ROOT / package).rglob("*.py")
)
SCRIPTS = sorted(path.relative_to(ROOT) for path in (ROOT / "benchmarks").rglob("*.py"))
TEXT_FILES = sorted(
    path.relative_to(ROOT)
    for pattern in ("*.md", "*.toml", "*.yaml", "Makefile", ".ci/run", "docs/**/*.md", "tests/**/*")
    for path in ROOT.glob(pattern)
    if path.is_file() and path.suffix != ".pyc"
)

MODULE_LINES = 400
FUNCTION_LINES = 60

SHELL = ("pipeline/cli.py", "pipeline/commands/")
FORBIDDEN_BELOW = {
    # place: packages of ours that it must not import. The command line is the outermost shell:
    # it may call a flow, nothing else of the pipeline may.
    "tgan_core/": ("pipeline", "flows", "dashboards"),
    "pipeline/": ("flows", "dashboards", "pipeline.cli", "pipeline.commands"),
    "flows/": ("dashboards", "pipeline.cli", "pipeline.commands"),
    "dashboards/": ("flows", "pipeline.cli", "pipeline.commands"),
}
CORE_MAY_IMPORT = {"torch", "safetensors", "tgan_core"} | sys.stdlib_module_names
ONLY_IN = {
    "cv2": (
        "pipeline/footage/",
        "pipeline/health/look.py",
        "pipeline/clips/tensors.py",
        "pipeline/clips/masks.py",
        "pipeline/clips/flow.py",
        "pipeline/learning/reservoir.py",
        "pipeline/distillation/altered_windows.py",
        "pipeline/scoring/continuity.py",
        "pipeline/scoring/motion.py",
        "pipeline/alerts/evidence.py",
        "pipeline/demo/",
        *(
            f"pipeline/evaluation/{name}.py"
            for name in (
                "camera_troubles",
                "faults",
                "injection",
                "moments",
                "nuisances",
                "objects",
                "scene",
                "slow_shifts",
                "trivial",
            )
        ),
    ),
    "sqlalchemy": ("pipeline/store/",),
    "alembic": ("pipeline/store/",),
    "prefect": ("flows/",),
    **dict.fromkeys(("prefect_dask", "prefect_ray", "ray"), ("flows/task_runners.py",)),
    "paho": ("pipeline/notification/mqtt.py",),
    "typer": SHELL,
    "structlog": ("pipeline/logs.py", "pipeline/alerts/", "dashboards/"),
}
PURE_ROOMS = tuple(
    f"pipeline/{room}/"
    for room in (
        "evaluation",
        "learning",
        "scoring",
        "clips",
        "footage",
        "health",
        "lighting",
        "drift",
    )
)
NOT_IN_PURE_ROOMS = {"sqlalchemy", "prefect", "pydantic", "structlog"}
NO_TORCH_AT_IMPORT = (
    *SHELL,
    "pipeline/footage/",
    "pipeline/store/",
    "pipeline/alerts/",
    "pipeline/notification/",
    "pipeline/recording/",
    "pipeline/reports/",
    "pipeline/trial/",
)
SQL_BEGINNING = re.compile(
    r"\s*(select|insert|update|delete|drop|create|alter|grant|revoke|truncate|with|pragma)\s",
    re.IGNORECASE,
)


@cache
def tree_of(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def imports_of(node: ast.AST) -> Iterator[tuple[str, int]]:
    """Yield every imported module with its line; `from a import b` gives a and a.b."""
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            yield from ((alias.name, part.lineno) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            module = part.module or ""
            yield module, part.lineno
            yield from ((f"{module}.{alias.name}", part.lineno) for alias in part.names)


@cache
def imports_in(path: Path) -> tuple[tuple[str, int], ...]:
    """Return what a file imports anywhere."""
    return tuple(imports_of(tree_of(path)))


def imports_at_start(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """Yield what is imported as soon as the module is, leaving TYPE_CHECKING blocks out."""
    for statement in tree.body:
        if isinstance(statement, ast.Import | ast.ImportFrom):
            yield from imports_of(statement)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(package + ".")


def lies_in(path: Path, places: tuple[str, ...]) -> bool:
    return path.as_posix().startswith(places)


def test_the_rules_look_at_every_package() -> None:
    assert {path.parts[0] for path in FILES} == set(PACKAGES)


def test_no_relative_imports_hide_a_direction() -> None:
    found = [
        f"{path}:{node.lineno}"
        for path in FILES
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.ImportFrom) and node.level
    ]
    assert found == []


def test_imports_point_down_only() -> None:
    found = [
        f"{path}:{line} imports {module}"
        for path in FILES
        if not lies_in(path, SHELL)
        for place, forbidden in FORBIDDEN_BELOW.items()
        if path.as_posix().startswith(place)
        for module, line in imports_in(path)
        if any(within(module, package) for package in forbidden)
    ]
    assert found == []


def test_the_core_imports_torch_safetensors_and_the_standard_library_only() -> None:
    found = [
        f"{path}:{line} imports {module}"
        for path in FILES
        if path.parts[0] == "tgan_core"
        for module, line in imports_in(path)
        if module.split(".")[0] not in CORE_MAY_IMPORT
    ]
    assert found == []


@pytest.mark.parametrize("library", sorted(ONLY_IN))
def test_a_library_is_imported_in_its_places_only(library: str) -> None:
    found = [
        f"{path}:{line}"
        for path in FILES
        if not lies_in(path, ONLY_IN[library])
        for module, line in imports_in(path)
        if within(module, library)
    ]
    assert found == []


def test_the_pure_rooms_know_no_database_no_scheduler_no_settings_library() -> None:
    found = [
        f"{path}:{line} imports {module}"
        for path in FILES
        if lies_in(path, PURE_ROOMS)
        for module, line in imports_in(path)
        if module.split(".")[0] in NOT_IN_PURE_ROOMS
    ]
    assert found == []


def test_torch_is_not_imported_at_the_start_where_most_work_needs_none() -> None:
    found = [
        f"{path}:{line}"
        for path in FILES
        if lies_in(path, NO_TORCH_AT_IMPORT)
        for module, line in imports_at_start(tree_of(path))
        if within(module, "torch")
    ]
    assert found == []


def test_importing_the_command_line_loads_nothing_heavy() -> None:
    code = (
        "import sys, pipeline.cli\n"
        "heavy = {'torch', 'prefect', 'sqlalchemy', 'pydantic', 'pandas', 'cv2', 'numpy'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_the_dashboard_starts_without_torch() -> None:
    code = (
        "import sys, dashboards.app, dashboards.serving\n"
        "print(sorted({'torch', 'prefect'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def dangers_in(tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Yield what no file of ours may do: run text as code, or build SQL from text."""
    for module, line in imports_of(tree):
        if module.split(".")[0] in {
            "pickle",
            "cPickle",
            "dill",
            "cloudpickle",
            "marshal",
            "shelve",
        }:
            yield line, f"imports {module}"
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr) and node.values:
            first = node.values[0]
            if isinstance(first, ast.Constant) and SQL_BEGINNING.match(str(first.value)):
                yield node.lineno, "SQL by f-string"
        if not isinstance(node, ast.Call):
            continue
        called = ast.unparse(node.func)
        if called in {"eval", "exec", "os.system", "os.popen", "torch.load", "torch.save"}:
            yield node.lineno, called
        if called in {"yaml.load", "yaml.unsafe_load", "yaml.full_load"}:
            yield node.lineno, called
        if any(
            word.arg == "shell"
            and not (isinstance(word.value, ast.Constant) and not word.value.value)
            for word in node.keywords
        ):
            yield node.lineno, "shell=True"
        if called.split(".")[-1] in {"text", "execute", "exec_driver_sql", "executescript"}:
            built = [
                argument
                for argument in node.args[:1]
                if isinstance(argument, ast.JoinedStr | ast.BinOp)
                or (
                    isinstance(argument, ast.Call)
                    and ast.unparse(argument.func).endswith(".format")
                )
            ]
            if built:
                yield node.lineno, f"{called}() of built text"


@pytest.mark.parametrize(
    "code",
    [
        "import pickle",
        "from pickle import loads",
        "eval('1')",
        "exec('1')",
        "import os; os.system('ls')",
        "import torch; torch.load('f')",
        "import yaml; yaml.load('a')",
        "import subprocess; subprocess.run('ls', shell=True)",
        "f'SELECT * FROM {table}'",
        "connection.execute('select ' + name)",
        "connection.execute('select %s' % name)",
        "text('select {}'.format(name))",
        "connection.exec_driver_sql(f'{verb} x')",
    ],
)
def test_each_danger_is_seen(code: str) -> None:
    assert list(dangers_in(ast.parse(code)))


@pytest.mark.parametrize(
    "code",
    [
        "import subprocess; subprocess.run(['ls'], shell=False)",
        "connection.execute('select 1', {'a': 1})",
        "message = f'{count} frames with damage'",
        "text('select :a')",
        "retrieval(1)",
    ],
)
def test_what_is_harmless_is_not_taken_for_a_danger(code: str) -> None:
    assert not list(dangers_in(ast.parse(code)))


def test_nothing_runs_text_as_code_or_builds_sql_from_text() -> None:
    found = [
        f"{path}:{line} {what}"
        for path in (*FILES, *SCRIPTS)
        for line, what in dangers_in(tree_of(path))
    ]
    assert found == []


def test_no_module_is_longer_than_four_hundred_lines() -> None:
    lengths = {
        str(path): len((ROOT / path).read_text(encoding="utf-8").splitlines())
        for path in (*FILES, *SCRIPTS)
    }
    assert {path: lines for path, lines in lengths.items() if lines > MODULE_LINES} == {}


def body_lines(node: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function after its signature and docstring."""
    statements = node.body[1:] if ast.get_docstring(node) else node.body
    return (node.end_lineno or 0) - statements[0].lineno + 1 if statements else 0


def test_the_body_of_a_function_fits_a_screen() -> None:
    found = [
        f"{path}:{node.lineno} {node.name} has {body_lines(node)} lines"
        for path in (*FILES, *SCRIPTS)
        for node in ast.walk(tree_of(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and body_lines(node) > FUNCTION_LINES
    ]
    assert found == []


def public_modules() -> list[Path]:
    return [
        path
        for path in FILES
        if "migrations" not in path.parts
        and not path.name.startswith("_")
        and (ROOT / path).stat().st_size > 0
    ]


def exported(tree: ast.Module) -> list[str] | None:
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            return list(ast.literal_eval(statement.value))
    return None


def as_ruff_sorts(names: list[str]) -> list[str]:
    """CONSTANTS, then Classes, then functions, each by name."""

    def kind(name: str) -> int:
        return 0 if name.isupper() else 1 if name[0].isupper() else 2

    return sorted(names, key=lambda name: (kind(name), name))


def test_every_public_module_says_what_is_public_in_order() -> None:
    found = []
    for path in public_modules():
        names = exported(tree_of(path))
        if names is None:
            found.append(f"{path}: no __all__")
        elif names != as_ruff_sorts(names):
            found.append(f"{path}: __all__ is not sorted")
    assert found == []


def test_everything_public_exists_and_every_module_says_what_it_is() -> None:
    found = []
    for path in public_modules():
        tree = tree_of(path)
        if not ast.get_docstring(tree):
            found.append(f"{path}: no docstring")
        defined = {
            node.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)
        }
        defined |= {
            node.name
            for node in tree.body
            if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        }
        defined |= {name.split(".")[-1] for name, _ in imports_of(tree)}
        missing = set(exported(tree) or ()) - defined
        found += [f"{path}: __all__ names {name}, which is not there" for name in sorted(missing)]
    assert found == []


def test_nothing_is_left_to_do_or_swallowed() -> None:
    found = []
    for path in (*FILES, *SCRIPTS):
        text = (ROOT / path).read_text(encoding="utf-8")
        # Split, so that this file does not find itself.
        for number, line in enumerate(text.splitlines(), start=1):
            if re.search(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b", line):
                found.append(f"{path}:{number} {line.strip()}")
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.ExceptHandler) and [type(s) for s in node.body] == [ast.Pass]:
                caught = ast.unparse(node.type) if node.type else ""
                if caught in {"", "Exception", "BaseException"}:
                    found.append(f"{path}:{node.lineno} swallows {caught or 'everything'}")
    assert found == []


def test_no_file_names_the_place_where_it_was_written() -> None:
    workplace = re.compile(r"(?<![\w.])/wo" + r"rk/")
    found = [
        str(path)
        for path in (*FILES, *SCRIPTS, *TEXT_FILES)
        if workplace.search((ROOT / path).read_text(encoding="utf-8", errors="replace"))
    ]
    assert found == []
