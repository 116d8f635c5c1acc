"""What is slow to import comes last: after what was asked for is known to be right."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from pipeline.assembly import open_site
from tests.store_samples import camera

ROOT = Path(__file__).parents[2]
COMMANDS = (
    ("train", "nope"),
    ("train", "press-1", "--since", "yesterday"),
    ("score", "nope"),
    ("score", "press-1", "--since", "yesterday"),
    ("drift", "nope"),
    ("retrain", "nope"),
    ("generate", "nope"),
    ("interpolate", "nope"),
    ("model", "compare", "abcdef"),
    ("model", "distil", "abcdef"),
    ("model", "samples", "abcdef"),
    ("model", "export", "abcdef", "--out", "x.onnx"),
    ("trial", "start", "press-1"),
    ("trial", "status"),
    ("doctor",),
    ("alerts",),
)
SLOW = ("torch", "sklearn", "pandas", "scipy.stats")
SCRIPT = """
import json, sys
from pipeline.cli import main
for arguments in json.loads(sys.argv[2]):
    code = main(["--site", sys.argv[1], *arguments])
    sys.stderr.write(f"{json.dumps([arguments, code])}\\n")
    found = [name for name in json.loads(sys.argv[3]) if name in sys.modules]
    assert not found, (arguments, found)
"""


def test_a_mistyped_camera_model_or_time_is_said_before_torch_is_imported(tmp_path: Path) -> None:
    site = open_site(tmp_path)
    (tmp_path / "footage" / "press-1").mkdir(parents=True)
    site.store.put_camera(camera())
    site.close()
    arguments = (str(tmp_path), json.dumps(COMMANDS), json.dumps(SLOW))
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, *arguments],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    said = [json.loads(line) for line in done.stderr.splitlines() if line.startswith("[[")]
    codes = {" ".join(words): code for words, code in said}
    assert len(codes) == len(COMMANDS)
    assert codes["train nope"] == codes["drift nope"] == codes["generate nope"] == 3
    assert codes["model distil abcdef"] == 5
    assert codes["train press-1 --since yesterday"] == 2
    assert codes["trial status"] == 0
