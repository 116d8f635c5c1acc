"""Cameras that take turns, simulated: files arrive, workers score them, what waits too long is let
go.

The rules are those of `flows.cameras.run_in_turns` and `pipeline.scoring.backlog`: a round gives
every camera a turn of so much footage, its oldest first; cameras of which something waits are in
the next round at once, with those whose last turn is as long ago as the schedule's interval; once
nothing waits, all wait for the schedule; a turn begins by letting go of what waited too long. Times
are in seconds from the beginning.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

from pipeline.watch import has_turn


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """A plant and its machine."""

    cameras: int
    workers: int
    hours: float
    file_seconds: float = 60.0
    """Length of the files that the recorder writes."""
    turn_seconds: float = 120.0
    """Footage of one turn."""
    interval_seconds: float = 300.0
    """Schedule of rounds when nothing waits; 0: as soon as a file is there."""
    others_join: bool = True
    """Whether cameras of which nothing waited have a turn again after that interval, though others
    still catch up; before, they had none until the last one was done."""
    first_waiting_seconds: float = 0.0
    """Footage of camera 0 that waits at the beginning."""
    most_behind_seconds: float = 86_400.0
    turn_cost_seconds: float = 0.0
    """Of a turn that finds nothing to do, and of every other one before it scores."""
    lost: tuple[float, float] | None = None
    """From when until when one worker is gone; the file that it is at is begun again."""
    seed: int = 0


@dataclass(kw_only=True, slots=True)
class Outcome:
    """What became of the footage."""

    delays: list[float] = field(default_factory=list)
    """From a moment that was filmed to the end of its scoring, one for each scored file that was
    filmed after the beginning."""
    scored_seconds: float = 0.0
    waits: list[float] = field(default_factory=list)
    """From the arrival of a file to the beginning of its scoring."""
    produced_seconds: float = 0.0
    """Of footage that had arrived at the end."""
    let_go_seconds: float = 0.0
    waiting_seconds: float = 0.0
    """Arrived, neither scored nor let go at the end."""
    busy_seconds: float = 0.0
    """Of all workers together, turns that find nothing included."""
    behind: set[int] = field(default_factory=set)
    """Cameras of which footage was let go."""
    oldest_waiting_seconds: float = 0.0
    """Age of the oldest file that waits at the end."""

    @property
    def blind_share(self) -> float:
        """What was let go, as a share of all that came."""
        return self.let_go_seconds / self.produced_seconds if self.produced_seconds else 0.0


Cost = Callable[[random.Random], float]
"""Draws how many seconds a second of footage takes to score."""


def regular(plan: Plan) -> list[Iterator[float]]:
    """Return when the files of each camera arrive: regularly, cameras shifted by chance."""
    chance = random.Random(plan.seed)

    def of_one(first: float) -> Iterator[float]:
        number = 0
        while True:
            yield first + number * plan.file_seconds
            number += 1

    return [of_one(chance.uniform(0, plan.file_seconds)) for _ in range(plan.cameras)]


def poisson(plan: Plan, rate: float) -> list[Iterator[float]]:
    """Return arrivals from chance, `rate` a second of every camera: what queueing theory knows."""

    def of_one(chance: random.Random) -> Iterator[float]:
        at = 0.0
        while True:
            at += chance.expovariate(rate)
            yield at

    return [of_one(random.Random(f"{plan.seed}/{n}")) for n in range(plan.cameras)]


def simulate(plan: Plan, cost: Cost, arrivals: Sequence[Iterator[float]] | None = None) -> Outcome:
    """Return what becomes of the footage of all cameras in `plan.hours`."""
    return _Run(plan, cost, regular(plan) if arrivals is None else arrivals).all_rounds()


class _Run:
    def __init__(self, plan: Plan, cost: Cost, arrivals: Sequence[Iterator[float]]) -> None:
        self.plan = plan
        self.cost = cost
        self.end = plan.hours * 3600.0
        self.chance = random.Random(plan.seed + 1)
        self.sources = arrivals
        self.coming = [next(source) for source in arrivals]
        self.waiting: list[deque[float]] = [deque() for _ in arrivals]
        files = int(plan.first_waiting_seconds // plan.file_seconds)
        self.waiting[0].extend(-plan.file_seconds * n for n in reversed(range(files)))
        self.workers = [(0.0, number) for number in range(plan.workers)]
        self.outcome = Outcome(produced_seconds=files * plan.file_seconds)

    def all_rounds(self) -> Outcome:
        plan, everyone = self.plan, list(range(self.plan.cameras))
        scheduled, now = 0.0, 0.0
        last_turn = [-math.inf] * plan.cameras
        names, waits = everyone, [False] * plan.cameras
        while now < self.end:
            ends = [now]
            for camera in names:
                last_turn[camera] = now
                done, waits[camera] = self._turn(camera, now)
                ends.append(done)
            now = max(ends)  # a round is over when its last turn is
            if any(waits):
                interval = plan.interval_seconds if plan.others_join else math.inf
                names = [
                    n
                    for n in everyone
                    if has_turn(
                        waits=waits[n],
                        since_last_seconds=now - last_turn[n],
                        interval_seconds=interval,
                    )
                ]
                continue
            names, step = everyone, plan.interval_seconds
            if step > 0:
                scheduled += step * max(1, math.ceil((now - scheduled) / step))
                now = scheduled
            else:
                now = max(now, min(self.coming))
        return self._counted()

    def _turn(self, camera: int, from_seconds: float) -> tuple[float, bool]:
        """Give a camera its turn on the worker that is free first; return when it is over, and
        whether footage is left."""
        plan = self.plan
        free, worker = heapq.heappop(self.workers)
        now = max(free, from_seconds)
        if now >= self.end:
            heapq.heappush(self.workers, (now, worker))
            return now, True
        if worker == 0 and plan.lost and plan.lost[0] <= now < plan.lost[1]:
            heapq.heappush(self.workers, (plan.lost[1], worker))
            if plan.workers == 1:
                return plan.lost[1], True
            return self._turn(camera, from_seconds)
        began, now = now, now + plan.turn_cost_seconds
        self._arrived(camera, now)
        self._let_go(camera, now)
        files, scored = self.waiting[camera], 0.0
        while files and scored < plan.turn_seconds and now < self.end:
            done = now + plan.file_seconds * self.cost(self.chance)
            if worker == 0 and plan.lost and now < plan.lost[0] <= done:
                now = plan.lost[0]
                break
            arrived = files.popleft()
            filmed = arrived - self.chance.uniform(0, plan.file_seconds)
            if arrived > 0:
                self.outcome.delays.append(done - filmed)
                self.outcome.waits.append(now - arrived)
            self.outcome.scored_seconds += plan.file_seconds
            scored += plan.file_seconds
            now = done
        self.outcome.busy_seconds += now - began
        heapq.heappush(self.workers, (now, worker))
        return now, bool(files)

    def _arrived(self, camera: int, now: float) -> None:
        while self.coming[camera] <= min(now, self.end):
            self.waiting[camera].append(self.coming[camera])
            self.outcome.produced_seconds += self.plan.file_seconds
            self.coming[camera] = next(self.sources[camera])

    def _let_go(self, camera: int, now: float) -> None:
        files = self.waiting[camera]
        while files and files[0] < now - self.plan.most_behind_seconds:
            files.popleft()
            self.outcome.let_go_seconds += self.plan.file_seconds
            self.outcome.behind.add(camera)

    def _counted(self) -> Outcome:
        for camera, files in enumerate(self.waiting):
            self._arrived(camera, self.end)
            self.outcome.waiting_seconds += len(files) * self.plan.file_seconds
            if files:
                oldest = self.end - files[0]
                self.outcome.oldest_waiting_seconds = max(
                    self.outcome.oldest_waiting_seconds, oldest
                )
        return self.outcome
