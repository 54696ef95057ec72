"""What metrics are folded from, in order of (at, id)."""

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal


@dataclass(frozen=True)
class Realised:
    """Money: closed P&L of one closing order, net of fees. Partial closes come one by one."""

    at: datetime
    id: str
    pnl: Decimal


@dataclass(frozen=True)
class ClosedTrade:
    """A count: a position that is flat again. Its money came as `Realised` events.

    `confidence` is what the signal stated, by the ensemble of that hash; None without a signal. `r_multiple` is None
    where the risk is not known.
    """

    at: datetime
    id: str
    coin: str
    pnl: Decimal
    r_multiple: Decimal | None = None
    signal_type: str | None = None
    confidence: float | None = None
    ensemble: str | None = None

    @property
    def win(self) -> bool:
        """Net P&L above zero; exactly zero is no win."""
        return self.pnl > 0


@dataclass(frozen=True)
class EquityKnown:
    """The account said what it was worth without open positions: from here on this counts, not the sum of P&L.

    The difference is a deposit, a withdrawal or funding: it moves equity, never a return or a drawdown.
    """

    at: datetime
    id: str
    equity: Decimal


Event = Realised | ClosedTrade | EquityKnown
