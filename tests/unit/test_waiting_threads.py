"""Threads that wait for one another sleep, unless whoever started the program said otherwise."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("given", "is_"),
    [(None, "passive"), pytest.param("active", "active", marks=pytest.mark.full)],
)
def test_the_wait_policy_is_there_before_torch_is(given: str | None, is_: str) -> None:
    environment = {key: value for key, value in os.environ.items() if key != "OMP_WAIT_POLICY"}
    if given:
        environment["OMP_WAIT_POLICY"] = given
    code = (
        "import pipeline.learning.learn, os, torch; print(os.environ['OMP_WAIT_POLICY']); "
        "torch.set_num_threads(2); print(int(torch.ones(400, 400).matmul(torch.ones(400)).sum()))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == [is_, str(400 * 400)]
