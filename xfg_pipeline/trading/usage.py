"""What a person made of a signal: taken, late, skipped, or still open to be taken."""

from datetime import datetime, timedelta
from typing import Literal, get_args

from xfg_pipeline.trading.matching import GRACE, Entered, SignalPlan

Usage = Literal["taken", "late", "skipped", "open"]
USAGES: tuple[Usage, ...] = get_args(Usage)


def usage_of(plan: SignalPlan, entered: Entered | None, now: datetime, *, grace: timedelta = GRACE) -> Usage:
    """What became of a signal, given the trade or the open position that matches it.

    Late: entered from its expiry on. Skipped: nothing matches, and nothing can any more. A match whose entry is not in
    the records was taken: only the link id can have matched it.
    """
    if entered is not None:
        return "late" if entered.entry_time is not None and entered.entry_time >= plan.expires_at else "taken"
    return "open" if now <= plan.expires_at + grace else "skipped"
