"""The light as it is read: an evaluation that is too old, or a pause that is newer than it, is red at once."""

from datetime import datetime, timedelta

from xfg_pipeline.trading.light.decide import worst_of
from xfg_pipeline.trading.light.facts import Action, Decision, Trigger
from xfg_pipeline.trading.light.keeping import paused_by

AHEAD = timedelta(minutes=1)
"""How far an evaluation may lie ahead of the reader's clock."""
STALE_AFTER = timedelta(minutes=20)
"""A slot and a third: longer without an evaluation means that nobody watches."""


def at_reading(
    decision: Decision,
    as_of: datetime,
    now: datetime,
    *,
    stale_after: timedelta = STALE_AFTER,
    pause: Action | None = None,
) -> Decision:
    """The newest evaluation as it holds now.

    Red `monitor` when it is older than `stale_after`, or more than a minute ahead of `now`; red `paused` when the
    newest pause is not older than it. What was decided stays among the triggers.
    """
    found: list[Trigger] = []
    already = any(trigger.rule == "paused" for trigger in decision.triggers)
    if pause is not None and pause.at >= as_of and not already:
        found.append(paused_by(pause))
    age = now - as_of
    if age > stale_after:
        found.append(_monitor(f"the last evaluation is {_length(age)} old, more than {_length(stale_after)}"))
    elif age < -AHEAD:
        found.append(_monitor(f"the last evaluation lies {_length(-age)} in the future: a clock is wrong"))
    if not found:
        return decision
    return worst_of((*found, *decision.triggers))


def not_evaluated(why: str) -> Decision:
    """Red `monitor` where there is no evaluation to read. `why` is a phrase: no light has been evaluated yet."""
    return worst_of([_monitor(why)])


def _monitor(message: str) -> Trigger:
    return Trigger("monitor", "red", message)


def _length(time: timedelta) -> str:
    seconds = int(time.total_seconds())
    if seconds < 120:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h {minutes % 60} min"
