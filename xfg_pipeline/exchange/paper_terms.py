"""What trading on paper costs, how its amounts are rounded, and how its records are named."""

import uuid
from decimal import Decimal, localcontext
from typing import Final

from xfg_pipeline.signals.increments import EXACT

TAKER_FEE: Final = Decimal("0.00055")
MAKER_FEE: Final = Decimal("0.0002")
"""Of the value; https://www.bybit.com/en/help-center/article/Trading-Fee-Structure, without a discount."""
_CENT: Final = Decimal("0.00000001")
_OURS: Final = uuid.uuid5(uuid.NAMESPACE_URL, "xfg-pipeline:paper")


def timeout_link_id(link_id: str) -> str:
    """The name of the order that closes what `link_id` opened: xft-251209-0930-BTC, 36 characters at most."""
    made = f"xft-{link_id.removeprefix('xfg-')}"
    return made if len(made) <= 36 else f"xft-{uuid.uuid5(_OURS, link_id).hex}"


def identity(account: str, *parts: str) -> str:
    """An id that is the same whenever the same thing is written."""
    return str(uuid.uuid5(_OURS, ":".join((account, *parts))))


def money(value: Decimal) -> Decimal:
    """An amount with the 8 decimals that Bybit gives."""
    return EXACT.quantize(value, _CENT)


def fee_of(price: Decimal, quantity: Decimal, *, is_maker: bool) -> Decimal:
    """What a fill costs."""
    with localcontext(EXACT):
        return money(price * quantity * (MAKER_FEE if is_maker else TAKER_FEE))
