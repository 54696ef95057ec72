"""The fields of the pivot form with what is to be said about each, in the same words as `desk.js`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from xfg_pipeline.desk.formats import middle_date, price_text, typed_price
from xfg_pipeline.levels.band import UNCHECKED
from xfg_pipeline.levels.issues import Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.validation import judge_pivots
from xfg_pipeline.levels.vocabulary import PIVOTS, label_of

SAYS_NOTHING = frozenset({UNCHECKED})


@dataclass(frozen=True)
class Field:
    """An input: `saved` is the text of the value in the database, `value` what stands in the field."""

    name: str
    label: str
    value: str
    saved: str
    state: str
    """`ok`, `bad`, `warn`, `none` (missing) or `kept`; with the mark of that state."""
    says: str
    readonly: bool = False

    @property
    def mark(self) -> str | None:
        return {"ok": "check", "bad": "cross", "warn": "yellow", "kept": "check"}.get(self.state)


@dataclass(frozen=True)
class Typed:
    """What a person sent, as texts, and what can be read of it."""

    texts: Mapping[str, str]
    prices: Mapping[str, Decimal | None]
    errors: Mapping[str, str]

    @classmethod
    def read(cls, texts: Mapping[str, str]) -> Typed:
        prices: dict[str, Decimal | None] = {}
        errors: dict[str, str] = {}
        for name, text in texts.items():
            try:
                prices[name] = typed_price(text)
            except ValueError as wrong:
                errors[name] = str(wrong)
        return cls(texts, prices, errors)


def pivot_fields(
    symbol: str,
    rules: LevelRules,
    saved: Mapping[str, Decimal],
    *,
    typed: Typed | None = None,
    refused: Mapping[str, str] | None = None,
) -> tuple[Field, ...]:
    """The five pivots, in the order that must hold. `refused` are the server's sentences, which win."""
    tick = rules.tick(symbol)
    prices = {name: saved[name] for name in PIVOTS if name in saved}
    if typed is not None:
        prices = {name: price for name, price in typed.prices.items() if price is not None and name in PIVOTS}
    said = {name: ("bad", text) for name, text in {**(typed.errors if typed else {}), **(refused or {})}.items()}
    for issue in judge_pivots(prices, symbol, rules, None):
        if issue.code not in SAYS_NOTHING:
            state = "bad" if issue.severity is Severity.ERROR else "warn"
            for name in issue.levels:
                said.setdefault(name, (state, issue.message))
    fields = []
    for name in PIVOTS:
        text = price_text(saved[name], tick) if name in saved else ""
        state, says = said.get(name) or _quiet(name, prices, tick)
        value = typed.texts.get(name, text) if typed else text
        fields.append(Field(name, label_of(name), value, text, state, says))
    return tuple(fields)


def weekly_field(
    symbol: str,
    rules: LevelRules,
    price: Decimal | None,
    *,
    editable: bool,
    first_session: date,
    typed: Typed | None = None,
    refused: Mapping[str, str] | None = None,
) -> Field:
    """The weekly pivot: typed on the first session of the week, shown and kept on the others."""
    name = "weekly_pivot"
    text = price_text(price, rules.tick(symbol)) if price is not None else ""
    if not editable:
        on = middle_date(first_session)
        says = f"Kept from {on}" if price is not None else "Missing"
        return Field(name, label_of(name), text, text, "kept" if text else "none", says, readonly=True)
    wrong = {**(typed.errors if typed else {}), **(refused or {})}.get(name)
    value = typed.texts.get(name, text) if typed else text
    state, says = ("ok", "Holds for this week") if value.strip() else ("none", "Missing: it holds for this week")
    if wrong:
        state, says = "bad", wrong
    return Field(name, label_of(name), value, text, state, says)


def _quiet(name: str, prices: Mapping[str, Decimal], tick: Decimal) -> tuple[str, str]:
    """Nothing is wrong: say by how much the rule holds."""
    if name not in prices:
        return "none", "Missing"
    pivot = prices.get("pivot")
    if name == "pivot":
        high, low = prices.get("pivot_ba_high"), prices.get("pivot_ba_low")
        between = high is not None and low is not None and high > prices[name] > low
        return "ok", "Between BA high and BA low" if between else "On tick"
    if pivot is None:
        return "ok", "On tick"
    gap = prices[name] - pivot
    if gap == 0:
        return "ok", "At the pivot"
    return "ok", f"{price_text(abs(gap), tick)} {'above' if gap > 0 else 'below'} pivot"
