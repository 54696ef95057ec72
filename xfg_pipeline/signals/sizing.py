"""How much to buy or sell: never more at risk than the rule allows, in steps the exchange takes. Decimal only."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal, localcontext
from typing import Final

from xfg_pipeline.signals.increments import EXACT, Increments

NOTHING: Final = Decimal(0)


class SizeRefused(Exception):
    """No order can be placed for this plan. The message has the numbers."""


@dataclass(frozen=True)
class Size:
    """A position: `quantity` in the coin, `risk_amount` and `notional` (at the far edge) in the quote currency.

    `risk_amount` is what is lost between the far edge and the stop, without fees. `risk_share` is its share of equity,
    rounded up to 6 decimals.
    """

    quantity: Decimal
    risk_amount: Decimal
    risk_share: Decimal
    notional: Decimal


NO_POSITION: Final = Size(NOTHING, NOTHING, NOTHING, NOTHING)
"""What a paused signal carries."""


def size_position(
    equity: Decimal | None,
    multiplier: Decimal,
    far_edge: Decimal,
    stop: Decimal,
    increments: Increments,
    base_risk: Decimal,
) -> Size:
    """Equity × base risk × multiplier ÷ (far edge − stop), rounded down to the quantity step, at most `max_qty`.

    Multiplier 0 is NO_POSITION, whatever the equity. Raises SizeRefused when equity is not known or not above 0, or
    what results is below the exchange's minima; ValueError for a multiplier outside 0 to 1 or a stop at the edge.
    """
    if not 0 <= multiplier <= 1:
        raise ValueError(f"a multiplier is from 0 to 1, not {multiplier}")
    if far_edge == stop:
        raise ValueError(f"the stop {stop} is at the far edge")
    if multiplier == 0:
        return NO_POSITION
    if equity is None or not equity.is_finite():
        raise SizeRefused("equity is not known: no size can be given")
    if equity <= 0:
        raise SizeRefused(f"equity is {equity:,.2f}: there is nothing to risk")
    with localcontext(EXACT):
        budget = equity * base_risk * multiplier
        distance = abs(far_edge - stop)
        step = increments.qty_step
        steps = min(budget // (distance * step), increments.max_qty // step)
        quantity = (steps * step).quantize(step.normalize() if step < 1 else Decimal(1))
        notional = quantity * far_edge
        risk_amount = quantity * distance
        if quantity < increments.min_qty:
            raise SizeRefused(
                f"{_plain(budget)} at risk over {_plain(distance)} a coin is a size of {_plain(quantity)}, "
                f"below the least order of {_plain(increments.min_qty)}"
            )
        if notional < increments.min_notional:
            raise SizeRefused(
                f"a size of {_plain(quantity)} is worth {_plain(notional)}, "
                f"below the least order value of {_plain(increments.min_notional)}"
            )
        share = (risk_amount / equity).quantize(Decimal("0.000001"), rounding=ROUND_UP)
        return Size(quantity, risk_amount, share, notional)


def _plain(value: Decimal) -> str:
    return f"{value.normalize():f}"
