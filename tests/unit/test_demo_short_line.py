"""The short line of a first try: a minute to learn from, then one fault."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from pipeline.demo.script import FaultKind
from pipeline.demo.short_line import write_short_line
from pipeline.demo.write_line import LINE_START_UTC


def test_the_fault_lies_in_the_part_to_watch_and_both_parts_are_named(tmp_path: Path) -> None:
    folder = tmp_path / "line" / "footage"
    folder.mkdir(parents=True)
    for number in (1, 2, 3):
        # What is there is not rendered again.
        (folder / f"line-{number:03d}.mp4").touch()
    short = write_short_line(tmp_path / "line", progress=lambda line: None)
    assert [path.name for path in short.learn] == ["line-001.mp4"]
    assert [path.name for path in short.watch] == ["line-002.mp4", "line-003.mp4"]
    (fault,) = short.line.truth
    assert fault.kind is FaultKind.STOP
    assert fault.file == "line-002.mp4"
    assert fault.start_utc > LINE_START_UTC + timedelta(minutes=1)
    assert str(short) == (
        f"{folder}: line-001.mp4 to learn from, line-002.mp4, line-003.mp4 with a fault in it"
        " (see truth.csv)"
    )
