"""Promise: it runs with the network cable out. The flows again, with the loopback only."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.full, pytest.mark.prefect, pytest.mark.timeout(600)]

ROOT = Path(__file__).parents[2]
CUT_OFF = """
import fcntl, os, socket, struct, sys
with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
    up = struct.pack("16sh", b"lo", 0x41)  # IFF_UP | IFF_RUNNING
    fcntl.ioctl(control, 0x8914, up)  # SIOCSIFFLAGS
with open("/proc/net/dev") as devices:
    assert [line.split(":")[0].strip() for line in devices][2:] == ["lo"]
os.execv(sys.executable, [sys.executable, *sys.argv[1:]])
"""


def test_the_flows_need_no_network_but_the_loopback(tmp_path: Path) -> None:
    alone = ["unshare", "--net", sys.executable, "-c", CUT_OFF]
    if subprocess.run([*alone, "-c", "pass"], capture_output=True, check=False).returncode:
        pytest.skip("no right to make a network namespace")
    tests = str(ROOT / "tests" / "e2e" / "test_flows_server.py")
    done = subprocess.run(
        [*alone, "-m", "pytest", "-q", "-p", "no:cacheprovider", tests],
        cwd=ROOT,
        env={**os.environ, "PYTEST_ADDOPTS": f"--basetemp={tmp_path / 'alone'}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4000:]
    assert " passed" in done.stdout
