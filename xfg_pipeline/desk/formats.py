"""Prices, times and counts in the words and figures of the desk."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

from xfg_pipeline.levels.band import LARGEST

MINUS = "−"
TYPED_PRICE = re.compile(r"(?:[0-9]{1,3}(?:[, ][0-9]{3})+|[0-9]{1,12})(?:\.[0-9]{0,8})?|\.[0-9]{1,8}")


def decimals(price: Decimal, tick: Decimal) -> int:
    """As many as the tick has, more when the price has them, four at most."""
    own = -int(price.normalize().as_tuple().exponent)  # a price is finite
    of_tick = -int(tick.normalize().as_tuple().exponent)
    return max(of_tick, min(own, 4), 0)


def price_text(price: Decimal, tick: Decimal) -> str:
    """`6,843.25`."""
    return f"{price:,.{decimals(price, tick)}f}"


def rounded_text(price: Decimal, tick: Decimal) -> str:
    """With the tick's decimals, for a picture: a VWAP of 6,626.4167 stands at 6,626.42."""
    return f"{price:,.{max(-int(tick.normalize().as_tuple().exponent), 0)}f}"


def distance_text(points: Decimal, tick: Decimal) -> str:
    """`+52.75`, `−1.64`: signed, with a real minus."""
    sign = "+" if points > 0 else MINUS if points < 0 else ""
    return sign + rounded_text(abs(points), tick)


def typed_price(text: str) -> Decimal | None:
    """What a person typed as a price; None for an empty field. Raises ValueError for what is no price.

    A comma separates thousands; `6905,25` could mean two things and is refused.
    """
    stripped = text.strip()
    if not stripped:
        return None
    if not TYPED_PRICE.fullmatch(stripped):
        raise ValueError("Not a price: digits, and a point before decimals")
    try:
        price = Decimal(re.sub("[, ]", "", stripped))
    except InvalidOperation:
        raise ValueError("Not a price") from None
    if price <= 0:
        raise ValueError("Must be above zero")
    if price >= LARGEST:
        raise ValueError("Too large to be a price")
    return price


def long_date(day: date) -> str:
    """`Tuesday 9 December 2025`."""
    return f"{day:%A} {day.day} {day:%B %Y}"


def short_date(day: date) -> str:
    """`Tue 9`, enough beside its neighbours."""
    return f"{day:%a} {day.day}"


def middle_date(day: date) -> str:
    """`Mon 8 Dec`."""
    return f"{day:%a} {day.day} {day:%b}"


def clock_time(moment: datetime, seconds: bool = True) -> str:
    return f"{moment:%H:%M:%S}" if seconds else f"{moment:%H:%M}"


def moment_text(moment: datetime, on: date) -> str:
    """The time of day, and the date when it is not `on`."""
    return clock_time(moment) if moment.date() == on else f"{middle_date(moment.date())} {clock_time(moment, False)}"


def sentence(text: str) -> str:
    """With a capital and a full stop, whatever it came with; empty text stays empty."""
    bare = text.strip()
    if not bare:
        return ""
    ended = bare if bare.endswith((".", "?", "…")) else f"{bare}."
    return ended[0].upper() + ended[1:]


def counted(count: int, thing: str) -> str:
    """`1 level`, `9 levels`, `no level`."""
    if count == 0:
        return f"no {thing}"
    return f"{count} {thing}" if count == 1 else f"{count} {thing}s"


def listed(names: Sequence[str]) -> str:
    """`BA high, Pivot and BA low`."""
    if len(names) < 2:
        return "".join(names)
    return f"{', '.join(names[:-1])} and {names[-1]}"
