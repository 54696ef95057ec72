"""What controller_status keeps as JSON, read back as values: triggers, readings of the system, numbers."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import Any

from xfg_pipeline.trading.light.facts import MULTIPLIERS, Decision, Reading, Trigger


def trigger_of(kept: Mapping[str, Any]) -> Trigger:
    """One trigger. Raises KeyError for what is none."""
    interval = kept.get("interval")
    return Trigger(
        rule=kept["rule"],
        status=kept["status"],
        message=kept["message"],
        value=_number(kept.get("value")),
        threshold=_number(kept.get("threshold")),
        n=kept.get("n"),
        interval=None if interval is None else (Decimal(str(interval[0])), Decimal(str(interval[1]))),
        chance=_number(kept.get("chance")),
    )


def decision_of(kept: Mapping[str, Any]) -> Decision:
    """A light with its triggers, in their order: of a row, or of one of its two lights."""
    triggers = tuple(trigger_of(one) for one in kept["triggers"])
    return Decision(kept["status"], MULTIPLIERS[kept["status"]], triggers, kept["message"])


def readings_of(kept: Sequence[Mapping[str, Any]]) -> tuple[Reading, ...]:
    """What was read of the system."""
    return tuple(
        Reading(one["part"], one["state"], one["detail"], _number(one.get("value")), _number(one.get("limit")))
        for one in kept
    )


def numbers_of(kept: Mapping[str, Any]) -> dict[str, Any]:
    """A JSON object whose numbers are text, as numbers; other words stay."""
    return {name: _number_or_word(value) for name, value in kept.items()}


def _number(value: Any) -> Decimal | None:
    return None if value is None else Decimal(str(value))


def _number_or_word(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return Decimal(value)
    except InvalidOperation:
        return value
