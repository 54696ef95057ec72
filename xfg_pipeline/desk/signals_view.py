"""What the signals page shows of signals and decisions: rows in, words out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from xfg_pipeline.desk.formats import MINUS, clock_time, counted, listed, sentence
from xfg_pipeline.resources.why import PASSED, outcome_text
from xfg_pipeline.signals.increments import rounded_down

GATE_LABELS = {
    "data": "data",
    "model": "model",
    "direction": "direction",
    "confidence": "confidence",
    "volume": "volume",
    "plan": "plan",
    "risk_reward": "risk/reward",
    "size": "size",
    "open_signal": "open signal",
    "daily_limit": "daily limit",
    PASSED: "signal",
}
STATUS_WORDS = {"ready": "Ready", "paused": "Paused", "expired": "Expired", "executed": "Executed"}


@dataclass(frozen=True)
class SignalRow:
    """A signal in the words and figures of the desk."""

    id: int
    coin: str
    side: str
    slot: str
    kind: str
    tier: int
    entry: tuple[str, str]
    stop: str
    target: str
    risk_reward: str
    confidence: str
    size: str
    multiplier: str
    status: str
    status_word: str
    age: str
    when: str
    reasoning: str
    became: str
    left: int | None
    """Seconds until it expires; None when it cannot expire any more."""


@dataclass(frozen=True)
class TicketBox:
    """The ticket of a ready signal, or the sentence why there is none."""

    id: int
    title: str
    size: str
    text: str
    refusal: str
    left: int | None


@dataclass(frozen=True)
class WhyRow:
    """Why a coin has no signal at a slot."""

    coin: str
    side: str
    slot: str
    gate: str
    reason: str
    margin: str
    confidence: str
    volume: str
    became: str
    passed: bool


def signal_row(row: Mapping[str, Any], as_of: datetime, zone: ZoneInfo, zone_word: str) -> SignalRow:
    """One signal; times are UTC, the slot also in the user's zone."""
    slot, status = row["slot"].astimezone(UTC), str(row["status"])
    light = row["light"] or {}
    reasoning = sentence(row["reasoning"])
    if status == "paused":
        reasoning = f"Paused: {sentence(str(light.get('message', '')))} {reasoning}"
    return SignalRow(
        id=row["id"],
        coin=row["coin"],
        side=side(row["direction"]),
        slot=f"{clock_time(slot, False)} UTC, {clock_time(slot.astimezone(zone), False)} {zone_word}",
        kind=row["signal_type"].replace("_", " "),
        tier=row["tier"],
        entry=(figure(row["entry_low"]), figure(row["entry_high"])),
        stop=figure(row["stop_loss"]),
        target=figure(row["take_profit"]),
        risk_reward=f"{row['risk_reward']:.2f}",
        confidence=cut(row["confidence"]),
        size=figure(row["position_size"]),
        multiplier=f"×{row['position_multiplier'].normalize():f}",
        status=status,
        status_word=STATUS_WORDS[status],
        age=f", made {span_text(as_of - row['created_at'])} ago" if status in ("ready", "paused") else "",
        when=_when(row, as_of),
        reasoning=reasoning,
        became=sentence(outcome_text(row)) if status in ("expired", "executed") else "",
        left=max(0, int((row["expires_at"] - as_of).total_seconds())) if status in ("ready", "paused") else None,
    )


def why_row(row: Mapping[str, Any]) -> WhyRow:
    """One decision, or that there is none."""
    passed = row["evaluated"] and row["gate"] is None
    gate = "not evaluated" if not row["evaluated"] else GATE_LABELS.get(row["gate"] or PASSED, row["gate"])
    return WhyRow(
        coin=row["coin"],
        side=side(row["direction"]) if row["direction"] else "",
        slot=clock_time(row["slot"].astimezone(UTC), False),
        gate=gate,
        reason=sentence("it became a signal" if passed else row["reason"]),
        margin=f"{MINUS}{-int(row['margin'])}" if row["gate"] == "daily_limit" else signed(row["margin"]),
        confidence=cut(row["confidence"]),
        volume=cut(row["volume_ratio"]),
        became=outcome_text(row),
        passed=passed,
    )


def stopped_text(counts: Mapping[str, int]) -> str:
    """`480 candidates: 401 stopped by confidence, 2 by volume.`, the most frequent gate first."""
    stopped = sorted(((n, name) for name, n in counts.items() if name != PASSED), reverse=True)
    if not stopped:
        return ""
    parts = [f"{number} by {GATE_LABELS.get(name, name)}" for number, name in stopped]
    total = sum(number for number, _ in stopped)
    were = "was" if total == 1 else "were"
    return f"{counted(total, 'candidate')} {were} stopped: {listed(parts)}."


def side(direction: str) -> str:
    """`↑ Long`, `↓ Short`."""
    return "↑ Long" if direction == "LONG" else "↓ Short"


def figure(number: Decimal) -> str:
    """With its own decimals and commas between thousands: `91,850.0`."""
    return f"{number:,f}"


def signed(number: Decimal | None) -> str:
    """`+0.07`, `−0.0218`: with a real minus, and two decimals or as many as tell it from zero."""
    if number is None:
        return "–"
    places = next((n for n in range(2, 6) if round(number, n) != 0), 6) if number else 2
    return f"{'+' if number > 0 else MINUS if number < 0 else ''}{abs(number):,.{places}f}"


def cut(number: float | None) -> str:
    """With two decimals, never rounded up to a limit that it is below: 0.7699 is `0.76`."""
    return "–" if number is None else f"{rounded_down(Decimal(repr(number)), 2):,f}"


def span_text(span: timedelta) -> str:
    """`12 s`, `34 min`, `2 h 05 min`, `3 d`."""
    seconds = max(0, int(span.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    if seconds < 3600:
        return f"{seconds // 60} min"
    if seconds < 86_400:
        return f"{seconds // 3600} h {seconds % 3600 // 60:02d} min"
    return f"{seconds // 86_400} d"


def _when(row: Mapping[str, Any], as_of: datetime) -> str:
    expires = row["expires_at"].astimezone(UTC)
    if row["status"] == "executed":
        at = row["executed_at"]
        return "" if at is None else f"{clock_time(at.astimezone(UTC), False)} UTC"
    if row["status"] == "expired":
        return f"{clock_time(expires, False)} UTC, {span_text(as_of - expires)} ago"
    return f"expires {clock_time(expires, False)} UTC, in {span_text(expires - as_of)}"
