"""Which work needs a run now: a pure decision over the work that is open and the runs that were asked for.

Dagster never starts a run key twice, not even after its run failed. So a piece of work is a row of our own, and the
key is that work with the number of the attempt.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import date, datetime, timedelta
from enum import StrEnum

QUICK_ATTEMPTS = 5
SLOW_PAUSE = timedelta(minutes=30)
"""After QUICK_ATTEMPTS it is tried at this pace, for ever: what a person mends must not wait for another person."""
NEAR = timedelta(days=7)
"""Work whose days lie this near together shares a run: a year of entries is a run, not two hundred."""
FIRST_PAUSE = timedelta(seconds=15)
LOST_AFTER = timedelta(minutes=2)
"""A run that was asked for and is not known after this time is asked for again."""


class RunState(StrEnum):
    """What became of a run that was asked for."""

    UNKNOWN = "unknown"
    GOING = "going"
    ENDED_WELL = "ended well"
    FAILED = "failed"


@dataclass(frozen=True)
class Work:
    """Something to carry through the assets: an import or an entry, with the days it concerns."""

    id: str
    start: date
    end: date


@dataclass(frozen=True)
class Asked:
    """A run that was asked for on behalf of some work."""

    run_key: str
    attempt: int
    at: datetime


@dataclass(frozen=True)
class Request:
    """One run over a range of days, both ends included."""

    run_key: str
    start: date
    end: date
    work: tuple[str, ...]


@dataclass(frozen=True)
class Decision:
    """The runs to ask for, what to remember, and the work whose runs failed again and again."""

    requests: tuple[Request, ...]
    asked: dict[str, Asked]
    troubled: tuple[str, ...]


def decide(
    sensor: str,
    open_work: Iterable[Work],
    asked: Mapping[str, Asked],
    state_of: Callable[[str], RunState],
    now: datetime,
) -> Decision:
    """Ask for what is new, for what failed (later each time), and for what was lost; near days share a run.

    `sensor` is part of every run key: an import and an entry may have the same number.
    """
    due: list[tuple[Work, int]] = []
    remembered: dict[str, Asked] = {}
    troubled: list[str] = []
    states: dict[str, RunState] = {}
    for work in open_work:
        before = asked.get(work.id)
        if before is None:
            due.append((work, 1))
            continue
        remembered[work.id] = before
        if before.run_key not in states:
            states[before.run_key] = state_of(before.run_key)
        if before.attempt >= QUICK_ATTEMPTS:
            troubled.append(work.id)
        if _over(states[before.run_key], before, now):
            due.append((work, before.attempt + 1))
    requests = tuple(_grouped(sensor, due))
    attempts = {work.id: attempt for work, attempt in due}
    for request in requests:
        for work_id in request.work:
            remembered[work_id] = Asked(request.run_key, attempts[work_id], now)
    return Decision(requests, remembered, tuple(troubled))


def _over(state: RunState, before: Asked, now: datetime) -> bool:
    waited = now - before.at
    if state is RunState.GOING:
        return False
    if state is RunState.UNKNOWN:
        return waited >= LOST_AFTER
    # A run that ended well and left the work open met it half-way: another takes it. A failed one waits longer
    # each time.
    pause = FIRST_PAUSE * 2 ** (before.attempt - 1) if before.attempt < QUICK_ATTEMPTS else SLOW_PAUSE
    return state is RunState.ENDED_WELL or waited >= pause


def _grouped(sensor: str, due: list[tuple[Work, int]]) -> Iterable[Request]:
    group: list[tuple[Work, int]] = []
    end = date.min
    for work, attempt in sorted(due, key=lambda one: (one[0].start, one[0].end, one[0].id)):
        if group and work.start > end + NEAR:
            yield _request(sensor, group)
            group = []
        end = max(end, work.end) if group else work.end
        group.append((work, attempt))
    if group:
        yield _request(sensor, group)


def _request(sensor: str, group: list[tuple[Work, int]]) -> Request:
    identity = sensor + ":" + ",".join(sorted(f"{work.id}#{attempt}" for work, attempt in group))
    return Request(
        run_key=hashlib.sha256(identity.encode()).hexdigest()[:32],
        start=min(work.start for work, _ in group),
        end=max(work.end for work, _ in group),
        work=tuple(work.id for work, _ in group),
    )


def to_cursor(asked: Mapping[str, Asked]) -> str:
    """What a sensor remembers between its ticks."""
    return json.dumps({work: asdict(one) | {"at": one.at.isoformat()} for work, one in asked.items()})


def from_cursor(cursor: str | None) -> dict[str, Asked]:
    """The other way."""
    return {
        work: Asked(one["run_key"], one["attempt"], datetime.fromisoformat(one["at"]))
        for work, one in json.loads(cursor or "{}").items()
    }
