"""One flow run of a site in a process of its own: `python -m tests.flow_run FLOW SITE`."""

from __future__ import annotations

import sys

from flows.ingest import ingest
from flows.score import score, watch

if __name__ == "__main__":  # processes of a cluster import this module too
    {"ingest": ingest, "score": score, "watch": watch}[sys.argv[1]](sys.argv[2])
