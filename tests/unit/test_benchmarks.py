"""Benchmarks stop with one line where their data is not at hand."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("script", "arguments", "line"),
    [
        ("augmentation", (), "no benchmark footage: set KIZASHI_DATA to its folder"),
        ("representation", (), "no mnist/t10k-images-idx3-ubyte.gz under KIZASHI_DATA (not set)"),
        ("representation", ("--recipe", "huge"), "--recipe 'huge' is unknown"),
        ("stability", ("--recipe", "huge"), "--recipe 'huge' is unknown"),
        ("coverage", ("--model", "."), "coverage: model .: "),
        ("throughput", (), "no benchmark footage: set KIZASHI_DATA to its folder"),
        ("peers", (), "no benchmark footage: set KIZASHI_DATA to its folder"),
    ],
)
def test_a_study_says_in_one_line_what_it_lacks(
    script: str,
    arguments: tuple[str, ...],
    line: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, which has imported already what they need."""
    file = ROOT / f"benchmarks/{script}.py"
    monkeypatch.delenv("KIZASHI_DATA", raising=False)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(file.parent), *sys.path])
    monkeypatch.setattr(sys, "argv", [str(file), *arguments, "--out", str(tmp_path)])
    with pytest.raises(SystemExit) as ended:
        runpy.run_path(str(file), run_name="__main__")
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert line in said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_study_that_is_started_alone_says_it_too(tmp_path: Path) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "KIZASHI_DATA"}
    done = subprocess.run(
        [sys.executable, str(ROOT / "benchmarks/throughput.py"), "--out", str(tmp_path)],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert done.returncode == 1
    assert "no benchmark footage: set KIZASHI_DATA to its folder" in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_results_name_no_folder_of_the_machine_that_made_them() -> None:
    """The command in a result is one that anybody can give."""
    script = (
        "import sys; sys.path.insert(0, 'benchmarks'); import _machine\n"
        "sys.argv = ['/a/benchmarks/some.py', '--steps', '5', '--out', '/b', '--model=/c', '-a']\n"
        "print(_machine.command_line())"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "python benchmarks/some.py --steps 5 -a"
