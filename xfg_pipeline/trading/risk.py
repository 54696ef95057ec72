"""What a trade put at stake, and its result in units of that."""

from decimal import Decimal

from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.trading.amounts import QUOTIENTS, product
from xfg_pipeline.trading.matching import SignalPlan
from xfg_pipeline.trading.trade import Trade


def risk_of(trade: Trade, plan: SignalPlan | None = None) -> Decimal | None:
    """|entry − stop| × quantity in the quote currency, without fees; the stop of the plan, else of the order.

    None without a stop, and where it is not on the losing side of the entry: such a stop limits no loss.
    """
    stop = trade.stop_loss if plan is None else plan.stop_loss
    if stop is None:
        return None
    entry = trade.entry_price
    distance = EXACT.subtract(entry, stop) if trade.direction == "LONG" else EXACT.subtract(stop, entry)
    return product(distance, trade.quantity) if distance > 0 else None


def r_multiple(trade: Trade, risk: Decimal | None) -> Decimal | None:
    """P&L in units of the risk; None where the risk is not known."""
    return None if risk is None else QUOTIENTS.divide(trade.pnl, risk)


def pnl_percent(trade: Trade) -> Decimal:
    """P&L in percent of the entry value, whatever the leverage."""
    value = product(trade.entry_price, trade.quantity)
    return QUOTIENTS.divide(product(Decimal(100), trade.pnl), value)
