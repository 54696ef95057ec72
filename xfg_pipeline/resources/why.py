"""Why a coin has no signal at a slot: the stored decision in words, or what can be known where there is none."""

import math
import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from xfg_pipeline.signals.slots import SLOT, is_slot
from xfg_pipeline.signals.stops import GATES, why
from xfg_pipeline.storage.signal_views import PASSED
from xfg_pipeline.storage.tables import signal_candidates

__all__ = ["GATE_WORDS", "PASSED", "explained", "not_evaluated", "outcome_text", "read_slot", "reason_without"]

GATE_WORDS = (*GATES, PASSED)
"""What a candidate can be filtered by."""

_SLOT = re.compile(r"(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2})(?::00(?:\.0{1,6})?)?(Z|[+-]\d{2}:?\d{2})?")
_BECAME = ("outcome", "resolved_at", "r_multiple", "event", "signal_id")


def read_slot(text: str) -> datetime:
    """`2025-12-09T09:30` as a slot: UTC, or with its own offset. Raises ValueError for what is no slot."""
    found = _SLOT.fullmatch(text.strip())
    if found is None:
        raise ValueError("must be a slot such as 2025-12-09T09:30, UTC unless it has an offset")
    day, time, zone = found.groups()
    try:
        at = datetime.fromisoformat(f"{day}T{time}{zone or 'Z'}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text.strip()} is no time of the calendar") from None
    if not 2000 <= at.year < 2100:
        raise ValueError("must be from 2000 to 2099")
    if not is_slot(at):
        raise ValueError("must be on the quarter of an hour: a slot is named by the close of its 15-minute candle")
    return at


def explained(row: Mapping[str, Any]) -> dict[str, Any]:
    """A decision with the sentence of the gate that stopped it, and by how much it failed (below 0)."""
    made = {name: _finite(value) for name, value in row.items()}
    value, threshold = made["gate_value"], made["gate_threshold"]
    reason = "" if made["gate"] is None else why(made["gate"], value, threshold, made["detail"])
    margin = None
    if value is not None and threshold is not None:
        above = Decimal(repr(value)) - Decimal(repr(threshold))
        margin = -above if made["gate"] == "daily_limit" else above
    return {**made, "evaluated": True, "reason": reason, "margin": margin}


def not_evaluated(market: str, coin: str, slot: datetime, reason: str) -> dict[str, Any]:
    """The same keys for a slot without a decision."""
    unknown = dict.fromkeys((*signal_candidates.c.keys(), *_BECAME))
    key = {"market": market, "coin": coin, "slot": slot}
    return {**unknown, **key, "evaluated": False, "reason": reason, "margin": None}


def reason_without(
    coin: str, slot: datetime, as_of: datetime, coins: Sequence[str], *, candle: bool, prediction: bool
) -> str:
    """Why nothing was decided for a coin at a slot, as far as it can be known."""
    if coin not in coins:
        return f"{coin} is not among market.coins ({', '.join(coins)})"
    if slot > as_of:
        if slot - SLOT > as_of:
            return f"the slot lies ahead: its candle opens at {slot - SLOT:%Y-%m-%d %H:%M} UTC"
        return f"the slot is still open: its candle closes at {slot:%H:%M} UTC"
    kept = "its candle is not kept"
    if candle:
        kept = "its candle and its prediction are kept" if prediction else "its candle is kept, and no prediction"
    said = f"no run has finished for this slot; {kept}"
    if as_of - slot < SLOT:
        return f"{said}. A run follows each slot by seconds, and takes up what an earlier one left"
    return f"{said}. `xfg backfill signals {slot:%Y-%m-%d} {slot:%Y-%m-%d}` makes it up"


def outcome_text(row: Mapping[str, Any]) -> str:
    """What became of a plan, or would have: taken or not. "" where there was no plan, or nothing is known yet."""
    outcome, multiple, at = row["outcome"], row["r_multiple"], row["resolved_at"]
    words = {
        "target": "target came first",
        "stop": "stop came first",
        "timeout": "neither target nor stop within a day",
        "ambiguous": "target and stop in the same candle",
        "unresolved": "not decided yet",
    }
    if outcome is None:
        return ""
    size = "" if multiple is None else f", {'+' if multiple > 0 else '−' if multiple < 0 else ''}{abs(multiple):.2f} R"
    when = "" if at is None else f", {at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    return f"{words[outcome]}{size}{when}"


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value
