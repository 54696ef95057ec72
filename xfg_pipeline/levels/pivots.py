"""Typed pivots, judged for the form: each fault stands at its field, in a few words."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from xfg_pipeline.levels.band import Reference, inside, is_price, percent, points, unchecked, why_no_price
from xfg_pipeline.levels.hierarchy import nearest_tick, on_tick
from xfg_pipeline.levels.issues import Issue, error, warning
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS


def judge_pivots(
    typed: Mapping[str, Decimal], symbol: str, rules: LevelRules, reference: Reference | None
) -> list[Issue]:
    """Faults of typed pivots: each names its field in `levels`, and is short enough to stand beside it."""
    tick = rules.tick(symbol)
    issues: list[Issue] = []
    for name, price in typed.items():
        if name not in MANUAL_LEVELS:
            issues.append(
                error("unknown_level", f"{name} is not typed in: {', '.join(MANUAL_LEVELS)} are", levels=(name,))
            )
        elif why := why_no_price(price):
            issues.append(error("not_a_price", f"Not a price: {why}", levels=(name,), values=(str(price),)))
        elif rules.manual_on_tick and not on_tick(price, tick):
            nearest = nearest_tick(price, tick)
            issues.append(
                error(
                    "off_tick",
                    f"Not on the {tick} tick: {points(nearest)}?",
                    levels=(name,),
                    values=(str(price),),
                )
            )
        elif reference is not None and not inside(price, reference.price, rules):
            message = f"More than {percent(rules)} from {reference.what}: {points(reference.price)}"
            issues.append(error("band", message, "check the symbol", levels=(name,), values=(str(price),)))
    prices = {name: price for name, price in typed.items() if name in MANUAL_LEVELS and is_price(price)}
    issues += _pivot_orders(prices)
    if prices and reference is None:
        issues.append(unchecked(symbol, ""))
    return sorted(issues, key=lambda issue: not issue.is_error)


def _pivot_orders(prices: Mapping[str, Decimal]) -> list[Issue]:
    """The orders of the pivots in the words of the form, each at the field to correct."""
    certain = [("pivot_ba_high", "pivot", "above", "pivot"), ("pivot_ba_low", "pivot", "below", "pivot")]
    if "pivot" not in prices:
        certain = [("pivot_ba_high", "pivot_ba_low", "above", "BA low")]
    unusual = (
        ("pivot_high", "pivot_ba_high", "above", "BA high"),
        ("pivot_low", "pivot_ba_low", "below", "BA low"),
        ("pivot_high", "pivot", "below", "pivot"),
        ("pivot_low", "pivot", "above", "pivot"),
    )
    issues = []
    for name, other, side, label in certain:
        if name in prices and other in prices and not _beyond(prices[name], prices[other], side):
            message = f"Must be {side} {label} {points(prices[other])}"
            issues.append(error("order", message, levels=(name,), values=(str(prices[name]),)))
    for name, other, side, label in unusual:
        if name in prices and other in prices and _beyond(prices[name], prices[other], side):
            message = f"{side.capitalize()} {label}: unusual"
            issues.append(warning("unusual_order", message, levels=(name,), values=(str(prices[name]),)))
    return issues


def _beyond(price: Decimal, other: Decimal, side: str) -> bool:
    return price > other if side == "above" else price < other
