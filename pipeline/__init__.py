"""From footage to alerts: everything but the networks themselves, flows and pages."""

import os

# Threads of an operation wait for one another by spinning, unless libgomp is told otherwise before
# torch loads it. A core that spins is taken from whoever is waited for: with a recorder or another
# camera on the same machine, two threads take twice the processor time and longer than one
# (benchmarks/waiting_threads.py).
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
