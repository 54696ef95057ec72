"""What the light is decided from beside the metrics, and what a decision is."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Literal

Status = Literal["green", "yellow", "red"]
MULTIPLIERS: dict[Status, Decimal] = {"green": Decimal(1), "yellow": Decimal("0.5"), "red": Decimal(0)}
Evidence = Literal["literal", "gated"]
State = Literal["ok", "unknown", "degraded", "failed"]


@dataclass(frozen=True)
class Reading:
    """One part of the system: `unknown` and `degraded` are at most yellow, `failed` is red.

    `detail` is a phrase for a person; `value` and `limit` where it was measured.
    """

    part: str
    state: State
    detail: str
    value: Decimal | None = None
    limit: Decimal | None = None


PARTS = ("market", "candles", "account", "models", "clock", "database", "daemon")
"""Every part that a live evaluation reads; a part without a reading is unknown."""


@dataclass(frozen=True)
class Health:
    """Readings of the system. `parts`: those that were to be read; a backfill knows fewer."""

    readings: tuple[Reading, ...]
    parts: tuple[str, ...] = PARTS


@dataclass(frozen=True)
class Regime:
    """Volatility of the coins against their own normal at a moment.

    `ratios` by coin, None where the baseline is short; `stale` are coins whose newest candle is too old.
    """

    ratios: dict[str, Decimal | None]
    stale: tuple[str, ...] = ()


@dataclass(frozen=True)
class Thresholds:
    """DESIGN's thresholds and the sample rules; shares are fractions."""

    red_wr_threshold: Decimal = Decimal("0.65")
    yellow_wr_threshold: Decimal = Decimal("0.70")
    red_daily_loss: Decimal = Decimal("0.04")
    yellow_daily_loss: Decimal = Decimal("0.03")
    red_consecutive_losses: int = 5
    red_ece_threshold: Decimal = Decimal("0.08")
    yellow_ece_threshold: Decimal = Decimal("0.06")
    volatility_ratio: Decimal = Decimal(5)
    evidence: Evidence = "literal"
    evidence_level: Decimal = Decimal("0.03")
    ece_window: int = 200
    ece_min_n: int = 50
    ece_gate: Decimal | None = Decimal("0.99")
    hold_minutes: int = 15
    probation_trades: int = 20
    shadow_outcomes: int = 20


@dataclass(frozen=True)
class Trigger:
    """A rule that is not green. `rule` is its name in the table of rules.

    `value` and `threshold` as they were compared; `n` the sample; `interval` 95 %; `chance` of seeing this or worse by
    luck where the rule knows it. `message` is one sentence with the numbers.
    """

    rule: str
    status: Status
    message: str
    value: Decimal | None = None
    threshold: Decimal | None = None
    n: int | None = None
    interval: tuple[Decimal, Decimal] | None = None
    chance: Decimal | None = None


@dataclass(frozen=True)
class Decision:
    """The light at a moment: the worst of all rules. `triggers` are worst first; none when it is green."""

    status: Status
    multiplier: Decimal
    triggers: tuple[Trigger, ...]
    message: str

    @property
    def triggered_by(self) -> str | None:
        """The rule that decided."""
        return self.triggers[0].rule if self.triggers else None


@dataclass(frozen=True)
class ShadowOutcome:
    """How a plan that was paused would have ended: known from `at` on.

    `id` is the signal's: what is told twice counts once.
    """

    at: datetime
    win: bool
    id: str


@dataclass(frozen=True)
class Action:
    """What a person did to the light: signed, with a reason."""

    at: datetime
    action: Literal["pause", "acknowledge"]
    who: str
    reason: str
