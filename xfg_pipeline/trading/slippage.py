"""How far an entry was from the zone that the signal gave."""

from decimal import Decimal

from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.trading.matching import Entered, SignalPlan


def slippage(plan: SignalPlan, entered: Entered) -> Decimal:
    """The entry beyond the zone, in price: above 0 it was worse, below 0 better than the zone, 0 inside it."""
    entry = entered.entry_price
    above = EXACT.subtract(entry, plan.entry_high)
    below = EXACT.subtract(plan.entry_low, entry)
    if above <= 0 and below <= 0:
        return Decimal(0)
    outside = above if above > 0 else -below
    return outside if plan.direction == "LONG" else -outside
