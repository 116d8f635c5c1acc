"""The wheel carries everything that the product needs at run time, and nothing else."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("dashboards", "flows", "pipeline", "tgan_core")


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)],
        cwd=ROOT,
        check=True,
        capture_output=True,
    )
    (built,) = folder.glob("*.whl")
    with zipfile.ZipFile(built) as opened:
        return opened


def test_every_file_of_the_packages_is_in_it(wheel: zipfile.ZipFile) -> None:
    there = {
        path.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for path in (ROOT / package).rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert there - set(wheel.namelist()) == set()
    assert "pipeline/commands/kizashi.toml" in there
    assert any(name.startswith("pipeline/store/migrations/versions/") for name in there)
    assert any("/templates/" in name for name in there)


def test_nothing_else_is_in_it(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/")[0] for name in wheel.namelist()}
    assert {top for top in tops if not top.endswith(".dist-info")} == set(PACKAGES)


def test_it_installs_the_command(wheel: zipfile.ZipFile) -> None:
    names = [name for name in wheel.namelist() if name.endswith("entry_points.txt")]
    with zipfile.ZipFile(str(wheel.filename)) as opened:
        assert "kizashi = pipeline.cli:main" in opened.read(names[0]).decode()
