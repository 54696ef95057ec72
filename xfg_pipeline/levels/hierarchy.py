"""What must and what should hold between the levels of one day: the orders of levels.md and the tick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal

from xfg_pipeline.levels.vocabulary import LEVEL_TYPES, label_of

Prices = Mapping[str, Decimal]


@dataclass(frozen=True)
class Broken:
    """A rule that does not hold: the levels of it, the sentence, and whether it can be true of any market."""

    code: str
    message: str
    remedy: str
    levels: tuple[str, ...]
    impossible: bool


# Low below high by construction. A first bar's initial balance may be one price, a profile's POC its edge.
_BELOW = (
    ("overnight_low", "overnight_high"),
    ("val", "vah"),
    ("previous_day_low", "previous_day_high"),
    ("mgi_pw_lo", "mgi_pw_hi"),
    ("mgi_pw_val", "mgi_pw_vah"),
    ("mgi_pm_lo", "mgi_pm_hi"),
    ("mgi_pm_val", "mgi_pm_vah"),
    ("balance_area_low", "balance_area_high"),
    ("pivot_ba_low", "pivot"),
    ("pivot", "pivot_ba_high"),
    ("pivot_ba_low", "pivot_ba_high"),
)
_NOT_ABOVE = (("val", "poc"), ("poc", "vah"), ("mgi_ibl", "mgi_ibh"))

# Usual, not certain: a close may be of another session than the high and low; how a pivot's neighbours stand
# to the balance area, no source says.
_USUALLY_NOT_ABOVE = (
    ("previous_day_low", "previous_day_close"),
    ("previous_day_close", "previous_day_high"),
    ("mgi_pw_lo", "mgi_pw_cl"),
    ("mgi_pw_cl", "mgi_pw_hi"),
    ("mgi_pm_lo", "mgi_pm_cl"),
    ("mgi_pm_cl", "mgi_pm_hi"),
    ("balance_area_low", "balance_area_mid"),
    ("balance_area_mid", "balance_area_high"),
    ("pivot_low", "pivot"),
    ("pivot", "pivot_high"),
    ("pivot_high", "pivot_ba_high"),
    ("pivot_ba_low", "pivot_low"),
)
_MIDPOINTS = (("mgi_ibm", "mgi_ibl", "mgi_ibh"),)


def broken_orders(prices: Prices) -> Iterator[Broken]:
    """Orders between two levels that do not hold; a level that is not there breaks nothing."""
    certain_remedy = "check the study's settings and the two columns' aliases, then export again"
    # One sentence a fault: what follows from an order already named is not said again.
    for low, high in _BELOW:
        if low in prices and high in prices and prices[low] >= prices[high]:
            if (low, high) == ("pivot_ba_low", "pivot_ba_high") and "pivot" in prices:
                continue
            yield _order(prices, low, high, "is not below", certain_remedy, impossible=True)
    upside_down = "val" in prices and "vah" in prices and prices["val"] >= prices["vah"]
    for low, high in _NOT_ABOVE:
        if _above(prices, low, high) and not (upside_down and "poc" in (low, high)):
            yield _order(prices, low, high, "is above", certain_remedy, impossible=True)
    for low, high in _USUALLY_NOT_ABOVE:
        if _above(prices, low, high):
            yield _order(prices, low, high, "is above", "check that both are of the session you mean", impossible=False)


def off_midpoints(prices: Prices, tick: Decimal) -> Iterator[Broken]:
    """Midpoints that are more than a tick away from the middle of their range."""
    for middle, low, high in _MIDPOINTS:
        if {middle, low, high} <= prices.keys() and abs(prices[middle] - (prices[low] + prices[high]) / 2) > tick:
            yield Broken(
                "midpoint",
                f"{label_of(middle)} {prices[middle]} is not the middle of {prices[low]} and {prices[high]}",
                "check the study's settings",
                (middle, low, high),
                impossible=False,
            )


def off_tick(prices: Prices, tick: Decimal) -> Iterator[Broken]:
    """Traded prices that the market cannot print; computed levels may stand anywhere."""
    for name, price in prices.items():
        known = LEVEL_TYPES.get(name)
        if known is not None and known.traded and not on_tick(price, tick):
            yield Broken(
                "off_tick",
                f"{label_of(name)} {price} is not on the {tick} tick: {nearest_tick(price, tick)} would be",
                "check that the column is the traded price, or correct levels.tick_sizes, then export again",
                (name,),
                impossible=True,
            )


def on_tick(price: Decimal, tick: Decimal) -> bool:
    """Whether a price can be traded."""
    return price % tick == 0


def nearest_tick(price: Decimal, tick: Decimal) -> Decimal:
    """The nearest price that can be traded."""
    return (price / tick).to_integral_value() * tick


def _above(prices: Prices, low: str, high: str) -> bool:
    return low in prices and high in prices and prices[low] > prices[high]


def _order(prices: Prices, low: str, high: str, relation: str, remedy: str, *, impossible: bool) -> Broken:
    return Broken(
        "order" if impossible else "unusual_order",
        f"{label_of(low)} {prices[low]} {relation} {label_of(high)} {prices[high]}",
        remedy,
        (low, high),
        impossible,
    )
