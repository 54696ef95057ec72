"""The light as it is shown: one moment of it, a day of it, what it cost, each also as programs read it."""

from dataclasses import asdict, dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from xfg_pipeline.storage.light_rows import numbers_of, readings_of
from xfg_pipeline.trading.guard_cost import Cost, GuardCost
from xfg_pipeline.trading.light.facts import Decision, Evidence, Reading, Status, Trigger
from xfg_pipeline.trading.light.rules import ACKNOWLEDGEABLE


@dataclass(frozen=True)
class ShownLight:
    """The light as it holds at `as_of`.

    `row` is the newest one of controller_status, None before the first; the light shown is stricter where that is old
    or somebody has paused since. `since`: from when on the row's status has held. `pause`: who paused, while nobody has
    acknowledged. `lights`: both ways to weigh the evidence, side by side.
    """

    decision: Decision
    as_of: datetime
    row: dict[str, Any] | None
    since: datetime | None
    pause: dict[str, Any] | None
    lights: dict[Evidence, Decision] = field(default_factory=dict)

    @property
    def status(self) -> Status:
        return self.decision.status

    @property
    def standing(self) -> tuple[Trigger, ...]:
        """What is red and cannot be acknowledged. A pause or an old row hides nothing: all stays in the triggers."""
        return tuple(
            trigger
            for trigger in self.decision.triggers
            if trigger.status == "red" and trigger.rule not in ACKNOWLEDGEABLE
        )

    @property
    def is_as_evaluated(self) -> bool:
        """Whether this is what the row says, and nothing has become of it since."""
        return self.row is not None and self.row["status"] == self.decision.status

    def to_dict(self) -> dict[str, Any]:
        """For programs: the light, both ways to weigh the evidence, and what it was decided from."""
        row, pause = self.row or {}, self.pause
        return {
            **decision_dict(self.decision),
            "since": self.since,
            "evaluated_status": row.get("status"),
            "lights": {name: decision_dict(one) for name, one in self.lights.items()},
            "paused": None if pause is None else {name: pause[name] for name in ("at", "who", "reason")},
            **{name: row.get(name) for name in ("timestamp", "evaluated_at", "cause", "evidence")},
            "health": [asdict(reading) for reading in self.health],
            "metrics": self.metrics,
            "thresholds": numbers_of(row["thresholds"]) if self.row else {},
        }

    @property
    def health(self) -> tuple[Reading, ...]:
        """What was read of the system for the row."""
        return readings_of(self.row["health"]) if self.row else ()

    @property
    def metrics(self) -> dict[str, Decimal | None]:
        """Values of the metrics that the row was decided from; None where one was not known."""
        return numbers_of(self.row["metrics"]) if self.row else {}


@dataclass(frozen=True)
class DayOfLight:
    """How often a UTC day was each colour. `mode` is live where any of it was shown; None: nothing is kept of it."""

    day: date
    counts: dict[Status, int]
    mode: str | None

    @property
    def worst(self) -> Status | None:
        """The worst colour of the day."""
        return next((status for status in ("red", "yellow", "green") if self.counts.get(status)), None)


def decision_dict(decision: Decision) -> dict[str, Any]:
    """A light with its triggers, under the names of controller_status."""
    return {
        "status": decision.status,
        "position_multiplier": decision.multiplier,
        "message": decision.message,
        "triggered_by": decision.triggered_by,
        "triggers": [asdict(trigger) for trigger in decision.triggers],
    }


def cost_dict(found: GuardCost) -> dict[str, Any]:
    """For programs: by rule, and in sum."""
    rules = [{"status": status, "rule": rule, **_cost(cost)} for status, rule, cost in found.rules]
    return {"rules": rules, "red": _cost(found.red), "yellow": _cost(found.yellow), "total": _cost(found.total)}


def _cost(cost: Cost) -> dict[str, Any]:
    return asdict(cost) | {"net_r": cost.net_r, "net_money": cost.net_money}
