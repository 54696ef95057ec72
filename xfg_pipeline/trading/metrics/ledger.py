"""The ledger: events in, metrics out. It never looks back, so that the millionth trade costs what the tenth did."""

from datetime import UTC, date, datetime, tzinfo
from decimal import Decimal
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

from xfg_pipeline.trading.metrics.counts import Counts
from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown, Event, Realised
from xfg_pipeline.trading.metrics.groups import Groups
from xfg_pipeline.trading.metrics.metric import METRICS, Metrics
from xfg_pipeline.trading.metrics.money import Money

VERSION = "1"
"""Of the state's meaning: a state of another version cannot be gone on from, only folded anew."""


class Ledger:
    """Folds the events of one account, in order of (at, id), into all of its metrics.

    `zone` says where a day, a week (from Monday) and a month begin. `ece_window` is how many trades with a confidence
    are scored at most, `ece_min_n` how many an ECE needs. Reading changes nothing.
    """

    def __init__(self, zone: tzinfo = UTC, ece_window: int = 200, ece_min_n: int = 50) -> None:
        self._zone = zone
        self._settings = (_name_of(zone), ece_window, ece_min_n)
        self._counts = Counts(ece_window, ece_min_n)
        self._money = Money()
        self._newest: tuple[datetime, str] | None = None
        # Kinds that the newest place in the order already had.
        self._kinds: set[str] = set()

    @property
    def version(self) -> str:
        """Of the state: VERSION with the settings, because a ledger of other settings folds otherwise."""
        return ":".join([VERSION, *map(str, self._settings)])

    @property
    def newest(self) -> datetime | None:
        """When the newest event was."""
        return self._newest[0] if self._newest else None

    def add(self, event: Event) -> None:
        """Fold one event. Raises ValueError, and leaves everything as it was, where it cannot be folded.

        That is: it comes before the newest one, it is there already, or a number or a time in it is none.
        """
        _check(event)
        place, kind = (event.at, event.id), type(event).__name__
        if self._newest is not None and place < self._newest:
            raise ValueError(
                f"{kind} {event.id} of {event.at.isoformat()} comes before {self._newest[1]} of "
                f"{self._newest[0].isoformat()}, which is folded already; fold again from an earlier state"
            )
        if place == self._newest and kind in self._kinds:
            raise ValueError(f"{kind} {event.id} of {event.at.isoformat()} is folded already")
        if place != self._newest:
            self._newest, self._kinds = place, set()
        self._kinds.add(kind)
        day = event.at.astimezone(self._zone).date()
        match event:
            case Realised():
                self._money.realised(event, day)
            case ClosedTrade():
                self._counts.add(event, day)
            case EquityKnown():
                self._money.told(event, day)

    def at(self, moment: datetime) -> Metrics:
        """All metrics at `moment`. Raises ValueError where an event after it is folded already."""
        day = self._local(moment)
        values = self._money.metrics(moment, day) | self._counts.metrics()
        return Metrics(
            at=moment,
            values={name: values[name] for name in METRICS},
            last=self._counts.last,
            wins=self._counts.wins,
            forecasts=self._counts.forecasts,
            types=self._counts.types,
        )

    def groups(self, moment: datetime) -> Groups:
        """Trades by signal type and coin at `moment`. Raises ValueError as `at` does."""
        return self._counts.groups(moment, self._local(moment))

    def _local(self, moment: datetime) -> date:
        if moment.tzinfo is None:
            raise ValueError(f"the moment {moment.isoformat()} has no time zone")
        if self._newest is not None and moment < self._newest[0]:
            raise ValueError(
                f"metrics at {moment.isoformat()} were asked for, but {self._newest[1]} of "
                f"{self._newest[0].isoformat()} is folded already; read from an earlier state"
            )
        return moment.astimezone(self._zone).date()

    def state(self) -> dict[str, Any]:
        """Everything that is folded, as JSON: what `from_state` goes on from."""
        zone, window, min_n = self._settings
        return {
            "version": self.version,
            "zone": zone,
            "ece_window": window,
            "ece_min_n": min_n,
            "newest": None if self._newest is None else [self._newest[0].isoformat(), self._newest[1]],
            "kinds": sorted(self._kinds),
            "money": self._money.state(),
            "counts": self._counts.state(),
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> "Ledger":
        """The ledger that gave this state. Raises ValueError where another version did."""
        if str(state.get("version")).split(":", 1)[0] != VERSION:
            raise ValueError(f"the state is of version {state.get('version')}, this is {VERSION}; fold from the start")
        zone = UTC if state["zone"] == "UTC" else ZoneInfo(state["zone"])
        made = cls(zone, state["ece_window"], state["ece_min_n"])
        if state["newest"] is not None:
            at, name = state["newest"]
            made._newest = datetime.fromisoformat(at), name
        made._kinds = set(state["kinds"])
        made._money = Money.from_state(state["money"])
        made._counts.restore(state["counts"])
        return made


def _name_of(zone: tzinfo) -> str:
    if zone is UTC:
        return "UTC"
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    raise ValueError(f"{zone!r} is no named time zone; use UTC or ZoneInfo(name)")


def _check(event: Event) -> None:
    what = f"{type(event).__name__} {event.id}"
    if event.at.tzinfo is None:
        raise ValueError(f"{what}: its time {event.at.isoformat()} has no time zone")
    amounts: dict[str, Decimal | float | None]
    match event:
        case EquityKnown():
            amounts = {"equity": event.equity}
        case Realised():
            amounts = {"pnl": event.pnl}
        case ClosedTrade():
            amounts = {"pnl": event.pnl, "r_multiple": event.r_multiple, "confidence": event.confidence}
            if event.confidence is not None and not 0 <= event.confidence <= 1:
                raise ValueError(f"{what}: its confidence {event.confidence} is not between 0 and 1")
    for name, amount in amounts.items():
        if amount is not None and not isfinite(amount):
            raise ValueError(f"{what}: its {name} is {amount}, which is no number")
