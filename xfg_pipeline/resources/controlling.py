"""The light, evaluated: at every slot, after every closed trade, when a person acts; kept with all that it was made of.

The two lights (literal and gated) are stepped side by side over the same moments. `evaluate` writes; `lights_at` only
looks, so that other thresholds can be compared with what was shown.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection

from xfg_pipeline.clock import BEFORE_ALL
from xfg_pipeline.faults import point
from xfg_pipeline.resources.light_health import read_health
from xfg_pipeline.resources.market_standing import STALE_AFTER
from xfg_pipeline.resources.performance_walk import PerformanceWalk
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.shadow_plans import ShadowPlans
from xfg_pipeline.resources.slots_due import CATCH_UP
from xfg_pipeline.signals.slots import SLOT, first_on_grid, moment, seconds
from xfg_pipeline.storage import controller, performance
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.storage.regime import ratios_between
from xfg_pipeline.trading.light.facts import Decision, Evidence, Health, Regime, Thresholds, Trigger
from xfg_pipeline.trading.light.keeping import step_both
from xfg_pipeline.trading.light.memory import LightMemory
from xfg_pipeline.trading.metrics.metric import METRICS, Metrics

Cause = Literal["slot", "trade", "hour", "pause", "acknowledge"]
REGIME_FOR = timedelta(hours=2)
"""The volatility of a day is that of now for so long; what is older is unknown."""
HEARD_AGAIN = timedelta(days=1)
"""An action may be committed after the evaluation of its moment."""
_ORDER: dict[str, int] = {"trade": 0, "hour": 1, "slot": 2, "pause": 3, "acknowledge": 4}

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Moment:
    """When to evaluate, why, and whether what is shown now depends on it."""

    at: datetime
    cause: Cause
    live: bool


@dataclass(frozen=True)
class Shown:
    """Both lights at a moment, and the one that rules."""

    moment: Moment
    ruling: Evidence
    lights: Mapping[Evidence, tuple[LightMemory, Decision]]
    health: Health
    metrics: Metrics

    @property
    def decision(self) -> Decision:
        """The light that is shown."""
        return self.lights[self.ruling][1]


def evaluate(
    pipeline: Pipeline, start: datetime, end: datetime, as_of: datetime, live_at: datetime | None = None
) -> list[Shown]:
    """Evaluate and keep every slot and closed trade of start <= moment < end, up to `as_of`.

    With `live_at`, the slot that the schedule asked for, only what is not evaluated yet; without, what a backfill made
    is made again. What was shown live is never rewritten.
    """
    account = pipeline.settings.account_name
    until = min(as_of, end - timedelta(microseconds=1))
    if live_at is None and until < start:
        return []
    with pipeline.database.begin() as connection:
        without_hurry(connection)
        lock(connection, "controller", account)
        if live_at is None:
            controller.drop_backfilled(connection, account, start, until)
            moments = _of_range(connection, account, start, until)
        else:
            moments = _since_last(connection, pipeline, max(start, live_at - CATCH_UP), live_at)
        shown = list(_walk(connection, pipeline, moments, pipeline.settings.thresholds()))
        _write(connection, pipeline, shown)
        point("controller.before_commit")
    point("controller.after_commit")
    return shown


def evaluate_now(pipeline: Pipeline, cause: Cause) -> Shown:
    """Evaluate the light of this moment and keep it."""
    account = pipeline.settings.account_name
    with pipeline.database.begin() as connection:
        lock(connection, "controller", account)
        now = pipeline.market_now()
        (shown,) = _walk(connection, pipeline, [Moment(now, cause, live=True)], pipeline.settings.thresholds())
        _write(connection, pipeline, [shown])
        point("controller.before_commit")
    point("controller.after_commit")
    return shown


def lights_at(
    connection: Connection, pipeline: Pipeline, moments: Sequence[Moment], thresholds: Thresholds
) -> Iterator[Shown]:
    """What the light would have been at past moments by other thresholds. Nothing is kept."""
    return _walk(connection, pipeline, moments, thresholds, afresh=True)


def _of_range(connection: Connection, account: str, start: datetime, until: datetime) -> list[Moment]:
    slots = range(first_on_grid(start), seconds(until) + 1, int(SLOT.total_seconds()))
    found = [Moment(moment(at), "slot", live=False) for at in slots]
    exits = performance.exits_between(connection, account, start, until)
    found += [Moment(at, "trade", live=False) for at in exits]
    return _in_order(found)


def _since_last(connection: Connection, pipeline: Pipeline, start: datetime, slot: datetime) -> list[Moment]:
    """The slot, and what was missed before it since the newest evaluation that was shown.

    Where signals can still be acted on, that of a backfill is none: it has not looked at the system's health.
    """
    account, acted_on = pipeline.settings.account_name, slot - pipeline.signal_rules.ttl
    last = controller.last_live_before(connection, account, slot)
    keys = controller.evaluated_keys(connection, account, start, slot)
    known = {(at, cause) for at, cause, mode in keys if mode == "live" or at <= acted_on}
    begin = slot if last is None else max(start, min(slot, last.timestamp))
    found = [
        Moment(one.at, one.cause, live=one.at > acted_on)
        for one in _of_range(connection, account, begin, slot)
        if (one.at, one.cause) not in known and (last is None or one.at > last.timestamp)
    ]
    if (slot, "slot", "live") not in controller.evaluated_keys(connection, account, slot, slot):
        found = [one for one in found if (one.at, one.cause) != (slot, "slot")]
        found.append(Moment(slot, "slot", live=True))
    return _in_order(found)


def _in_order(moments: list[Moment]) -> list[Moment]:
    return sorted(moments, key=lambda one: (one.at, _ORDER[one.cause]))


def _walk(
    connection: Connection,
    pipeline: Pipeline,
    moments: Sequence[Moment],
    thresholds: Thresholds,
    *,
    afresh: bool = False,
) -> Iterator[Shown]:
    if not moments:
        return
    account, first, last = pipeline.settings.account_name, moments[0].at, moments[-1].at
    reach = first + timedelta(microseconds=1) if moments[0].live else first
    # What a backfill made knows nothing of the system's health: what is shown goes on from what was shown.
    newest = controller.last_live_before if any(one.live for one in moments) else controller.last_before
    before = None if afresh else newest(connection, account, reach)
    memories = _memories(before)
    since = before.timestamp if before else first - timedelta(microseconds=1)
    # A trade that closed before the last evaluation may have been heard of after it.
    heard_since = before.evaluated_at if before and moments[0].live else None
    closed = performance.closed_between(connection, account, since, last, heard_since)
    red = [memory.red_since for memory in memories.values() if memory.red_since is not None]
    shadow = ShadowPlans(connection, pipeline, min([first, *red]), last)
    heard = since - HEARD_AGAIN if memories else BEFORE_ALL
    actions = controller.actions_between(connection, account, heard, last)
    walk = PerformanceWalk(connection, pipeline, first, last)
    regimes = _Regimes(connection, pipeline, first, last)
    live_health: Health | None = None
    for one in moments:
        metrics = walk.to(one.at)
        market = regimes.at(one.at, live=one.live)
        if one.live:
            live_health = live_health or read_health(pipeline, pipeline.market_now())
        # Whether the clock was right a month ago is written nowhere: a backfill knows the age of candles alone.
        health = live_health if one.live and live_health else Health((), ())
        lights = step_both(
            memories,
            one.at,
            metrics,
            health,
            market,
            thresholds,
            [trade for trade in closed if trade.at <= one.at],
            shadow.ended(memories, one.at),
            actions,
        )
        closed = [trade for trade in closed if trade.at > one.at]
        memories = {name: memory for name, (memory, _) in lights.items()}
        yield Shown(one, thresholds.evidence, lights, health, metrics)


def _memories(before: controller.Evaluated | None) -> dict[Evidence, LightMemory]:
    """What holds both lights; nothing where they were kept in another form: then the rules alone decide."""
    if before is None:
        return {}
    try:
        return {name: LightMemory.from_dict(before.lights[name]["memory"]) for name in ("literal", "gated")}
    except (KeyError, ValueError) as other:
        log.warning("the memory of the light cannot be gone on from: %s", other)
        return {}


class _Regimes:
    """The newest regime of each coin at any moment of a range."""

    def __init__(self, connection: Connection, pipeline: Pipeline, first: datetime, last: datetime) -> None:
        self._coins = pipeline.settings.market.coins
        self._rows = ratios_between(connection, pipeline.settings.market_name, self._coins, first - REGIME_FOR, last)
        self._next = 0
        self._newest: dict[str, tuple[datetime, Decimal | None]] = {}

    def at(self, when: datetime, *, live: bool) -> Regime:
        """A live evaluation reads the age of candles itself; in a backfill a slot without a candle has no regime."""
        while self._next < len(self._rows) and self._rows[self._next][0] <= when:
            slot, coin, ratio = self._rows[self._next]
            self._newest[coin] = slot, ratio
            self._next += 1
        seen = {coin: self._newest.get(coin) for coin in self._coins}
        ratios = {coin: known[1] if known else None for coin, known in seen.items()}
        stale = [coin for coin, known in seen.items() if known is None or when - known[0] > STALE_AFTER]
        return Regime(ratios, () if live else tuple(stale))


def _write(connection: Connection, pipeline: Pipeline, shown: Sequence[Shown]) -> None:
    if not shown:
        return
    account, now = pipeline.settings.account_name, pipeline.market_now()
    before = controller.last_before(connection, account, shown[0].moment.at)
    status = before.status if before else None
    thresholds = _plain(asdict(pipeline.settings.thresholds()))
    rows = []
    for one in shown:
        decision = one.decision
        rows.append(
            {
                "timestamp": one.moment.at,
                "evaluated_at": now,
                "cause": one.moment.cause,
                "mode": "live" if one.moment.live else "backfill",
                "status": decision.status,
                "position_multiplier": decision.multiplier,
                "triggered_by": decision.triggered_by,
                "message": decision.message,
                "triggers": [_trigger(trigger) for trigger in decision.triggers],
                "evidence": one.ruling,
                "literal_status": one.lights["literal"][1].status,
                "gated_status": one.lights["gated"][1].status,
                "lights": {name: _light(*light) for name, light in one.lights.items()},
                "health": [_plain(asdict(reading)) for reading in one.health.readings],
                "metrics": {name: _plain(one.metrics[name].value) for name in METRICS},
                "thresholds": thresholds,
                "changed": decision.status != status,
            }
        )
        status = decision.status
    controller.write_status(connection, account, rows)


def _light(memory: LightMemory, decision: Decision) -> dict[str, Any]:
    return {
        "status": decision.status,
        "position_multiplier": _plain(decision.multiplier),
        "triggered_by": decision.triggered_by,
        "message": decision.message,
        "triggers": [_trigger(one) for one in decision.triggers],
        "memory": memory.to_dict(),
    }


def _trigger(trigger: Trigger) -> dict[str, Any]:
    found: dict[str, Any] = _plain(asdict(trigger))
    return found


def _plain(value: Any) -> Any:
    """For JSON: a Decimal as its digits, so that none is lost."""
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, dict):
        return {name: _plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    return value
