"""From facts to a light: every rule is judged, the worst wins."""

from collections.abc import Iterable

from xfg_pipeline.trading.light.facts import MULTIPLIERS, PARTS, Decision, Health, Regime, Status, Thresholds, Trigger
from xfg_pipeline.trading.light.rules import RULES
from xfg_pipeline.trading.light.situation import Situation
from xfg_pipeline.trading.light.system_rules import health as health_rule
from xfg_pipeline.trading.metrics.metric import Metrics

SEVERITY: dict[Status, int] = {"green": 0, "yellow": 1, "red": 2}
_JUDGED_ON_PROBATION = frozenset({"win_rate", "consecutive_losses"})


def decide(metrics: Metrics, health: Health, market: Regime, thresholds: Thresholds) -> Decision:
    """The light by the rules alone: no hysteresis, no pause, no probation; `keeping.step` adds those.

    `thresholds.evidence` says whose light it is, the literal or the gated one.
    """
    return worst_of(judge(metrics, health, market, thresholds))


def judge(metrics: Metrics, health: Health, market: Regime, thresholds: Thresholds) -> tuple[Trigger, ...]:
    """What every rule says, also those that are green, in the order of the table."""
    return judged(Situation(metrics, health, market, thresholds))


def judged(seen: Situation) -> tuple[Trigger, ...]:
    """What every rule says of a situation. On probation the record before it is not judged."""
    said = [
        rule.judge(seen)
        for rule in RULES
        if seen.probation is None or not rule.performance or rule.name in _JUDGED_ON_PROBATION
    ]
    # A part that the table does not know is read all the same.
    named = {*seen.health.parts, *(reading.part for reading in seen.health.readings)}
    said += [health_rule(part)(seen) for part in sorted(named.difference(PARTS))]
    return tuple(said)


def worst_of(said: Iterable[Trigger]) -> Decision:
    """The worst status of all, and every rule that is not green, worst first."""
    everything = tuple(said)
    triggers = tuple(
        sorted(
            (trigger for trigger in everything if trigger.status != "green"),
            key=lambda trigger: -SEVERITY[trigger.status],
        )
    )
    status: Status = triggers[0].status if triggers else "green"
    return Decision(status, MULTIPLIERS[status], triggers, message_of(triggers, everything))


def message_of(triggers: tuple[Trigger, ...], said: tuple[Trigger, ...] = ()) -> str:
    """One sentence: what decided, with its numbers, and how many rules beside it are not green."""
    if not triggers:
        shown = [trigger.message for trigger in said if trigger.rule == "win_rate"]
        return "; ".join(["no rule objects", *shown])
    more = ", ".join(trigger.rule for trigger in triggers[1:])
    return f"{triggers[0].message} (also {more})" if more else triggers[0].message
