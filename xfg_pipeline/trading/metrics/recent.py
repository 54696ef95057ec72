"""The last 24 hours of an account: what was realised in them, and the equity before them."""

from bisect import bisect_right
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from xfg_pipeline.trading.metrics.exact import ZERO, minus

WINDOW = timedelta(hours=24)


@dataclass(frozen=True)
class Standing:
    """What had been realised in all, by how many closings, and what equity was."""

    realised: Decimal = ZERO
    closings: int = 0
    equity: Decimal | None = None


@dataclass(frozen=True)
class Change:
    """Something happened to the account; `before` is how it stood just before."""

    at: datetime
    before: Standing


class Recent:
    """Changes of the last 24 hours, oldest first: an event exactly 24 hours old is no longer among them."""

    def __init__(self, changes: list[Change] | None = None) -> None:
        self._changes = changes or []

    def add(self, change: Change) -> None:
        """Note a change, and forget those that left the window by it."""
        del self._changes[: self._left_by(change.at)]
        self._changes.append(change)

    def base(self, moment: datetime, now: Standing) -> Standing:
        """How the account stood 24 hours before `moment`.

        Where equity was not known above 0 then, it is the first one told since, less what was realised until that.
        """
        inside = self._changes[self._left_by(moment) :]
        if not inside:
            return now
        first = inside[0].before
        if first.equity is not None and first.equity > 0:
            return first
        for after in (*(change.before for change in inside[1:]), now):
            if after.equity is not None:
                equity = minus(after.equity, minus(after.realised, first.realised))
                if equity > 0:
                    return Standing(first.realised, first.closings, equity)
        return first

    def _left_by(self, moment: datetime) -> int:
        return bisect_right(self._changes, moment - WINDOW, key=lambda change: change.at)

    def state(self) -> list[list[Any]]:
        """As JSON."""
        return [[change.at.isoformat(), *standing_state(change.before)] for change in self._changes]

    @classmethod
    def from_state(cls, state: list[list[Any]]) -> "Recent":
        """The inverse of `state`."""
        return cls([Change(datetime.fromisoformat(at), standing_of(rest)) for at, *rest in state])


def standing_state(standing: Standing) -> list[Any]:
    """As JSON."""
    return [str(standing.realised), standing.closings, None if standing.equity is None else str(standing.equity)]


def standing_of(state: list[Any]) -> Standing:
    """The inverse of `standing_state`."""
    realised, closings, equity = state
    return Standing(Decimal(realised), closings, None if equity is None else Decimal(equity))
