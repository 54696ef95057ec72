"""A signal as it is published, and what becomes of its status with time."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from xfg_pipeline.signals.stops import GateReading

Direction = Literal["LONG", "SHORT"]
Status = Literal["ready", "paused", "expired", "executed"]

# The exchange takes 36 characters at most: letters, digits, - and _.
_LINK_ID = re.compile(r"xfg-\d{6}-\d{4}-[A-Za-z0-9]{1,20}")


@dataclass(frozen=True)
class Signal:
    """A sized, explained trade plan. Prices and amounts are Decimal, times aware UTC.

    `confidence`, `volume_ratio` and `disagreement` have 6 decimals, `risk_reward` 4, rounded down. `status` is ready,
    or paused where the light's multiplier was 0: then `position_size` and `risk_amount` are 0, and `equity` may be
    None. `risk_amount` is without fees. Raises ValueError when prices are not on the right sides.
    """

    coin: str
    slot: datetime
    direction: Direction
    signal_type: str
    tier: int
    tier_evidence: str
    confidence: Decimal
    disagreement: Decimal
    volume_ratio: Decimal
    entry_low: Decimal
    entry_high: Decimal
    stop_loss: Decimal
    take_profit: Decimal
    risk_reward: Decimal
    position_size: Decimal
    position_multiplier: Decimal
    risk_amount: Decimal
    equity: Decimal | None
    light_status: str | None
    light_message: str
    reasoning: str
    status: Status
    expires_at: datetime
    order_link_id: str
    gates: tuple[GateReading, ...]

    def __post_init__(self) -> None:
        low, high, stop, target = self.entry_low, self.entry_high, self.stop_loss, self.take_profit
        ordered = stop < low <= high < target if self.direction == "LONG" else target < low <= high < stop
        if not ordered:
            zone = f"entry {low} to {high}, stop {stop}, target {target}"
            raise ValueError(f"{self.coin} {self.direction}: the prices are not in order: {zone}")

    @property
    def far_edge(self) -> Decimal:
        """The worst fill: risk, reward and size are counted from here."""
        return self.entry_high if self.direction == "LONG" else self.entry_low


def status_at(status: Status, expires_at: datetime, now: datetime) -> Status:
    """What a signal is at a moment: executed stays, everything else is expired from `expires_at` on."""
    if status == "executed":
        return "executed"
    return "expired" if expires_at <= now else status


def order_link_id(slot: datetime, coin: str) -> str:
    """The order's own name at the exchange, by slot (in UTC) and coin: xfg-251209-0930-BTC.

    Raises ValueError for a coin that is not of 1 to 20 letters and digits.
    """
    made = f"xfg-{slot.astimezone(UTC):%y%m%d-%H%M}-{coin}"
    if not _LINK_ID.fullmatch(made):
        raise ValueError(f"{coin}: {made} is no order link id: a coin has 1 to 20 letters and digits")
    return made
