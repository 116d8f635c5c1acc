"""Camera health on real footage: six troubles put into it, clean footage, and nuisances.

    KIZASHI_DATA=FOLDER python benchmarks/health.py [--instances 3] [--hours 12]

Learns what each camera looks like when it is well from the beginning of its footage, puts every
trouble into the rest at twice the working size, and watches it, all footage as it is, and the rest
with nuisances in it. Writes benchmarks/results/health.json.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any

import cv2
import numpy as np
import typer
from _machine import command_line, data_folder, machine_line, stop, wide_console, write_figures
from numpy.typing import NDArray
from rich.box import SIMPLE_HEAD
from rich.table import Table

from pipeline.clips.reader import ClipReader, Stretch, view_for
from pipeline.evaluation.camera_troubles import trouble_paint
from pipeline.evaluation.nuisances import NuisanceKind, nuisance_paint
from pipeline.evaluation.parts import real_parts
from pipeline.footage.frames import WorkingFrame
from pipeline.health.events import Trouble
from pipeline.health.watch import HealthWatch
from pipeline.learning.background import learn_background
from pipeline.learning.health import healthy_footage
from pipeline.learning.presets import preset_named

RESULT = Path(__file__).parent / "results" / "health.json"
TROUBLE_SECONDS = 12.0
TROUBLES = tuple(trouble for trouble in Trouble if trouble.is_trouble)


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """Footage of one camera."""

    name: str
    learnt: tuple[str, ...]
    share: float
    """Of the learnt files that is learnt; the rest is watched."""
    watched: tuple[str, ...] = ()
    """More files, watched as they are."""
    troubled: str = ""
    """The file that troubles are put into, from `trouble_at` seconds."""
    trouble_at: float = 0.0


def sources(data: Path, hours: int) -> list[Source]:
    """Return the footage that is known, as far as it is there."""
    day = sorted((data / "upcam_day").glob("*.mp4"))[:hours]
    names = tuple(f"upcam_day/{path.name}" for path in day)
    ped2 = {
        part: tuple(
            f"ucsd_ped2/{part}/{path.name}"
            for path in sorted((data / "ucsd_ped2" / part).iterdir())
        )
        for part in ("train", "test")
        if (data / "ucsd_ped2" / part).is_dir()
    }
    known = [
        Source(name=Path(file).stem, learnt=(file,), share=0.6, troubled=file, trouble_at=at)
        for file, at in (
            ("pets2009/vtest.avi", 55.0),
            ("intel_samples/bottle-detection.mp4", 25.0),
            ("intel_samples/one-by-one-person-detection.mp4", 100.0),
        )
    ]
    if ped2:
        known.append(Source(name="ped2", learnt=ped2["train"], share=1.0, watched=ped2["test"]))
    if names:
        known.append(
            Source(
                name="upcam_day",
                learnt=names[:1],
                share=1.0,
                watched=names[1:],
                troubled=names[-1],
                trouble_at=60.0,
            )
        )
    return [one for one in known if all((data / name).exists() for name in one.learnt)]


class Camera:
    """What was learnt of one source, and how its footage is read."""

    def __init__(self, data: Path, source: Source) -> None:
        self.data, self.source = data, source
        stretches = [one for name in source.learnt for one in stretches_of(data / name)]
        self.learnt = [one.part(*_first(one, source.share)) for one in stretches]
        self.rest = [
            one.part(_first(one, source.share)[1], one.segment.end_us) for one in stretches
        ]
        preset = preset_named("compact")
        view = view_for(
            stretches[0].footage,
            width_px=preset.working_width_px,
            frame_rate=preset.frame_rate,
            grey=preset.grey,
        )
        slow = replace(view, frame_rate=2.0)
        background = learn_background(
            frame.image for one in self.learnt for frame in frames_of(one, slow)
        )
        self.reader = ClipReader(
            view=view,
            frames=preset.tgan.geometry.frames,
            planes=preset.planes,
            background_HW=background,
        )
        self.reference = healthy_footage(self.learnt, self.reader).reference

    def watch(self) -> HealthWatch:
        """Return a new watch over the camera."""
        return HealthWatch(self.reader.background_HW, self.reference, self.reader.view)

    def clean(self) -> Iterator[Stretch]:
        """Yield the footage that is watched as it is, what was learnt too."""
        yield from self.learnt
        yield from (one for one in self.rest if one.segment.end_us > one.segment.start_us)
        for name in self.source.watched:
            yield from stretches_of(self.data / name)


def stretches_of(path: Path) -> list[Stretch]:
    """Return the runs of good frames of a video."""
    return real_parts().stretches(path, path.parent)


def frames_of(stretch: Stretch, view: Any) -> Iterator[WorkingFrame]:
    """Yield the frames of a stretch."""
    return stretch.frames(view)


def _first(stretch: Stretch, share: float) -> tuple[int, int]:
    start_us, end_us = stretch.segment.start_us, stretch.segment.end_us
    return start_us, round(start_us + share * (end_us - start_us))


class Shown:
    """A part of a source in memory, at twice the working size, that troubles are put into."""

    def __init__(self, camera: Camera) -> None:
        stretch = stretches_of(camera.data / camera.source.troubled)[0]
        view = camera.reader.view
        at_us = round(1e6 * camera.source.trouble_at)
        learnt_us = camera.learnt[0].segment.end_us if camera.source.share < 1.0 else 0
        begin_us = max(at_us - 10_000_000, learnt_us)
        self.stretch = stretch.part(begin_us, min(at_us + 20_000_000, stretch.segment.end_us))
        larger = replace(view, width_px=2 * view.width_px, height_px=2 * view.height_px)
        self.frames = list(frames_of(self.stretch, larger))
        self.size = view.width_px, view.height_px
        self.first_us = at_us
        self.end_us = round(at_us + 1e6 * TROUBLE_SECONDS)

    def with_trouble(self, trouble: Trouble, rng: np.random.Generator) -> Iterator[WorkingFrame]:
        """Yield its frames in working size with a trouble in them."""
        width, height = self.size
        paint = trouble_paint(trouble, width_px=2 * width, height_px=2 * height, rng=rng)
        index = 0
        for frame in self.frames:
            image: NDArray[np.uint8] | None = frame.image
            if self.first_us <= frame.pts_us < self.end_us:
                image, index = paint(index, frame.image), index + 1
            if image is not None:
                small = cv2.resize(image, self.size, interpolation=cv2.INTER_AREA)
                yield replace(frame, image=np.asarray(small, np.uint8))


def watched_trouble(
    camera: Camera, shown: Shown, trouble: Trouble, rng: np.random.Generator
) -> dict[str, Any]:
    """Return what was found of a trouble, seconds after its begin."""
    watch = camera.watch()
    frames = shown.with_trouble(trouble, rng)
    passed = [frame.pts_us for frame in watch.watched(frames, shown.stretch.segment)]
    events = watch.take()
    during = [one for one in events if one.start_us < shown.end_us and one.end_us > shown.first_us]
    last_us = max((one.end_us for one in during), default=shown.end_us)
    return {
        "kind": trouble.value,
        "found_as": [one.trouble.value for one in during],
        "delay_seconds": round((during[0].found_us - shown.first_us) / 1e6, 2) if during else None,
        "other_events": len(events) - len(during),
        "frames_let_through": sum(shown.first_us <= pts < shown.end_us for pts in passed),
        "seconds_blind_after": round((last_us - shown.end_us) / 1e6, 2),
    }


def clean_events(camera: Camera) -> dict[str, Any]:
    """Return how long clean footage was watched, and the events that were found in it."""
    watch = camera.watch()
    seconds, looked = 0.0, 0
    events = []
    for stretch in camera.clean():
        for _ in watch.watched(frames_of(stretch, camera.reader.view), stretch.segment):
            looked += 1
        seconds += (stretch.segment.end_us - stretch.segment.start_us) / 1e6
        events += [
            {
                "file": stretch.source.name,
                "trouble": one.trouble.value,
                "detail": one.detail,
                "start": round(one.start_us / 1e6, 1),
                "end": round(one.end_us / 1e6, 1),
            }
            for one in watch.take()
        ]
    return {"seconds": round(seconds, 1), "frames": looked, "events": events}


def nuisance_events(camera: Camera) -> dict[str, int]:
    """Return for every nuisance, put into the rest of the footage, how many events it set off."""
    rest = [
        one for one in (camera.rest or camera.learnt) if one.segment.end_us > one.segment.start_us
    ]
    rest = [*rest, *camera.learnt][:1]
    found = {}
    for number, kind in enumerate(NuisanceKind):
        rng = np.random.default_rng([number, 7])
        frames = list(frames_of(rest[0], camera.reader.view))[:600]
        paint = nuisance_paint(
            kind, frames=len(frames), frame_rate=camera.reader.view.frame_rate, rng=rng
        )
        watch = camera.watch()
        painted = (replace(one, image=paint(i, one.image)) for i, one in enumerate(frames))
        for _ in watch.watched(painted, rest[0].segment):
            pass
        found[kind.value] = len(watch.take())
    return found


def seconds_a_look(camera: Camera) -> float:
    """Return milliseconds of one processor that a look takes."""
    slow = replace(camera.reader.view, frame_rate=2.0)
    frames = list(frames_of(camera.learnt[0], slow))
    watch = camera.watch()
    begin = time.process_time()
    for _ in watch.watched(frames, camera.learnt[0].segment):
        pass
    return round(1e3 * (time.process_time() - begin) / len(frames), 2)


def main(
    instances: Annotated[int, typer.Option(min=1, help="Of every trouble.")] = 3,
    hours: Annotated[int, typer.Option(min=2, help="Of upcam_day.")] = 12,
    only: Annotated[list[str] | None, typer.Option(help="Name of a source; repeatable.")] = None,
    out: Annotated[Path, typer.Option(help="The JSON result.")] = RESULT,
) -> None:
    """Watch every source under KIZASHI_DATA."""
    console = wide_console()
    data = data_folder()
    chosen = [one for one in sources(data, hours) if not only or one.name in only]
    if not chosen:
        stop(f"no footage that this script knows under {data}")
    result: dict[str, Any] = {}
    if out.exists():  # sources that are not watched now keep their figures
        result = json.loads(out.read_text(encoding="utf-8"))["sources"]
    for source in chosen:
        camera = Camera(data, source)
        rows = []
        if source.troubled:
            shown = Shown(camera)
            for trouble in TROUBLES:
                for instance in range(instances):
                    rng = np.random.default_rng([instance, *trouble.value.encode()])
                    rows.append(watched_trouble(camera, shown, trouble, rng))
        result[source.name] = {
            "reference": camera.reference.to_dict() if camera.reference else None,
            "milliseconds_a_look": seconds_a_look(camera),
            "troubles": rows,
            "clean": clean_events(camera),
            "nuisances": nuisance_events(camera),
        }
        _print(console, source.name, result[source.name])
    record = {
        "benchmark": "health",
        "command": command_line(),
        "trouble_seconds": TROUBLE_SECONDS,
        "sources": result,
    }
    write_figures(out, record)
    console.print(machine_line())


def _print(console: Any, name: str, found: dict[str, Any]) -> None:
    table = Table(title=f"{name}: {found['milliseconds_a_look']} ms a look", box=SIMPLE_HEAD)
    for title in (
        "trouble",
        "found as",
        "s until found",
        "let through",
        "blind after",
        "other",
    ):
        table.add_column(title)
    for row in found["troubles"]:
        table.add_row(
            row["kind"],
            " ".join(row["found_as"]) or "-",
            str(row["delay_seconds"]),
            str(row["frames_let_through"]),
            str(row["seconds_blind_after"]),
            str(row["other_events"]),
        )
    console.print(table)
    clean = found["clean"]
    console.print(
        f"clean: {clean['seconds']:.0f} s, {len(clean['events'])} events {clean['events'][:4]}"
    )
    console.print(f"nuisances: {found['nuisances']}")


if __name__ == "__main__":
    typer.run(main)
