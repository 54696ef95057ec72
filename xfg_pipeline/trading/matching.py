"""Which trade followed which signal: by the order's own name, else by coin, direction, time and entry zone."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, Protocol

from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.signals.records import Direction
from xfg_pipeline.trading.amounts import QUOTIENTS

GRACE: Final = timedelta(minutes=30)
"""How long after its expiry an entry may still be meant for a signal."""
REACH: Final = Decimal("0.5")
"""How far outside the zone an entry may be, as a share of the way from the zone's far edge to the stop."""


@dataclass(frozen=True)
class SignalPlan:
    """A published signal, as trades are held against it. `position_size` is 0 where it was paused."""

    id: int
    coin: str
    slot: datetime
    expires_at: datetime
    direction: Direction
    entry_low: Decimal
    entry_high: Decimal
    stop_loss: Decimal
    take_profit: Decimal
    order_link_id: str
    signal_type: str
    confidence: Decimal
    ensemble_hash: str
    position_size: Decimal

    @property
    def far_edge(self) -> Decimal:
        """The worst fill inside the zone."""
        return self.entry_high if self.direction == "LONG" else self.entry_low


class Entered(Protocol):
    """A position that was entered: a trade, or one of which nothing is closed yet."""

    @property
    def episode(self) -> str: ...
    @property
    def order_link_id(self) -> str: ...
    @property
    def coin(self) -> str: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def entry_time(self) -> datetime | None: ...
    @property
    def entry_price(self) -> Decimal: ...


@dataclass(frozen=True)
class Match:
    """The signal that a position followed, and how that is known."""

    signal_id: int
    by: Literal["link", "zone"]


def match(entered: Iterable[Entered], plans: Iterable[SignalPlan], *, grace: timedelta = GRACE) -> dict[str, Match]:
    """The signal of each position, by episode; positions without one are left out.

    By link id first, of the same coin and direction. What carries the link id of any of these plans is held against no
    other. Else an entry of the same coin and direction, from the slot to `grace` after the expiry, inside the zone or
    within REACH of it; of several the nearest wins, in price, then in time. A signal takes one position, the first of
    those with its link id. The result does not depend on the order of the arguments' elements.
    """
    positions = sorted(entered, key=lambda one: (one.entry_time is None, one.entry_time, one.episode))
    known = sorted(plans, key=lambda plan: (plan.slot, plan.id))
    by_link = {plan.order_link_id: plan for plan in reversed(known) if plan.order_link_id}
    found: dict[str, Match] = {}
    used: set[int] = set()
    for one in positions:
        plan = by_link.get(one.order_link_id)
        if plan is not None and _alike(one, plan) and plan.id not in used:
            found[one.episode] = Match(plan.id, "link")
            used.add(plan.id)
    nameless = [one for one in positions if one.order_link_id not in by_link]
    for *_, signal_id, episode in sorted(_near(nameless, known, grace)):
        if signal_id not in used and episode not in found:
            found[episode] = Match(signal_id, "zone")
            used.add(signal_id)
    return found


def _near(
    positions: Iterable[Entered], plans: Iterable[SignalPlan], grace: timedelta
) -> Iterator[tuple[Decimal, timedelta, int, str]]:
    """Every pair that could be meant: distance in units of the risk, time since the slot, and the two names."""
    by_coin: dict[tuple[str, Direction], list[SignalPlan]] = defaultdict(list)
    for plan in plans:
        by_coin[plan.coin, plan.direction].append(plan)
    for one in positions:
        if one.entry_time is None:
            continue
        for plan in by_coin[one.coin, one.direction]:
            if plan.slot <= one.entry_time <= plan.expires_at + grace:
                distance = _distance(one.entry_price, plan)
                if distance <= REACH:
                    yield distance, one.entry_time - plan.slot, plan.id, one.episode


def _alike(one: Entered, plan: SignalPlan) -> bool:
    return one.coin == plan.coin and one.direction == plan.direction


def _distance(entry: Decimal, plan: SignalPlan) -> Decimal:
    outside = max(EXACT.subtract(plan.entry_low, entry), EXACT.subtract(entry, plan.entry_high), Decimal(0))
    return QUOTIENTS.divide(outside, EXACT.abs(EXACT.subtract(plan.far_edge, plan.stop_loss)))
