"""The light over time: worse at once, better one step after a while; pause, acknowledgement, probation, shadow."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from xfg_pipeline.trading.light.decide import SEVERITY, judged, message_of, worst_of
from xfg_pipeline.trading.light.facts import (
    MULTIPLIERS,
    Action,
    Decision,
    Evidence,
    Health,
    Regime,
    ShadowOutcome,
    Status,
    Thresholds,
    Trigger,
)
from xfg_pipeline.trading.light.memory import Ended, LightMemory
from xfg_pipeline.trading.light.rules import ACKNOWLEDGEABLE, PERFORMANCE
from xfg_pipeline.trading.light.situation import Probation, Situation
from xfg_pipeline.trading.metrics.events import ClosedTrade
from xfg_pipeline.trading.metrics.metric import Metrics

UNWATCHED = timedelta(minutes=20)
"""After a longer time without an evaluation nobody knows that it was better all along: the wait begins again."""
_HEARD_FOR = timedelta(days=1)
_STEP_BETTER: dict[Status, Status] = {"red": "yellow", "yellow": "green", "green": "green"}


@dataclass(frozen=True)
class _Facts:
    at: datetime
    metrics: Metrics
    health: Health
    market: Regime
    thresholds: Thresholds


def step(
    memory: LightMemory | None,
    at: datetime,
    metrics: Metrics,
    health: Health,
    market: Regime,
    thresholds: Thresholds,
    closed: Sequence[ClosedTrade] = (),
    shadow: Sequence[ShadowOutcome] = (),
    actions: Sequence[Action] = (),
) -> tuple[LightMemory, Decision]:
    """One evaluation of one light at `at`, and what to give to the next one.

    `memory` is that of the last evaluation, None for the first ever. `closed`, `shadow` and `actions` are those since
    then; told again they change nothing, and what lies after `at` is not looked at. Raises ValueError when `at` lies
    before the memory.
    """
    if memory is not None and at < memory.at:
        raise ValueError(f"the light was evaluated as of {memory.at}, and {at} is earlier: evaluate in order of time")
    facts = _Facts(at, metrics, health, market, thresholds)
    kept, released = _obeyed(memory, at, actions)
    kept = _counted(kept, facts, closed, shadow)
    raw = _raw(kept, facts)
    if _outlived(kept, raw, thresholds):
        kept, released = _on_probation(kept, at), True
        raw = _raw(kept, facts)
    freed = released and ACKNOWLEDGEABLE.issuperset(kept.reds)
    status, better_since = (raw.status, None) if memory is None else _held(kept, raw.status, facts, at_once=freed)
    decision = _shown(kept, status, raw, better_since, thresholds)
    return _remembered(kept, memory, at, raw, decision, better_since), decision


def step_both(
    memories: Mapping[Evidence, LightMemory],
    at: datetime,
    metrics: Metrics,
    health: Health,
    market: Regime,
    thresholds: Thresholds,
    closed: Sequence[ClosedTrade] = (),
    shadow: Sequence[ShadowOutcome] = (),
    actions: Sequence[Action] = (),
) -> dict[Evidence, tuple[LightMemory, Decision]]:
    """The literal and the gated light, each with its own memory. Which of them rules, `thresholds.evidence` says."""
    both: tuple[Evidence, ...] = ("literal", "gated")
    return {
        evidence: step(
            memories.get(evidence),
            at,
            metrics,
            health,
            market,
            replace(thresholds, evidence=evidence),
            closed,
            shadow,
            actions,
        )
        for evidence in both
    }


def _obeyed(memory: LightMemory | None, at: datetime, actions: Iterable[Action]) -> tuple[LightMemory, bool]:
    """What people did since, in order; and whether red was released for probation."""
    kept, released = memory or LightMemory(at, "green"), False
    oldest = kept.at - _HEARD_FOR
    heard = {action for action in kept.heard if action.at > oldest}
    for action in sorted(actions, key=lambda one: one.at):
        if action.at > at or action in heard or (memory is not None and action.at <= oldest):
            continue
        heard.add(action)
        if action.action == "pause":
            kept, released = replace(kept, paused=action, probation_since=None, trades=()), False
        elif (kept.paused and action.at >= kept.paused.at) or (
            not kept.paused and kept.status == "red" and kept.reds and PERFORMANCE.issuperset(kept.reds)
        ):
            kept, released = _on_probation(kept, action.at), True
    return replace(kept, heard=tuple(sorted(heard, key=lambda one: (one.at, one.action, one.who)))), released


def _on_probation(kept: LightMemory, since: datetime) -> LightMemory:
    return replace(kept, paused=None, probation_since=since, trades=(), shadow=())


def _counted(
    kept: LightMemory, facts: _Facts, closed: Iterable[ClosedTrade], shadow: Iterable[ShadowOutcome]
) -> LightMemory:
    """Trades that count for probation, and outcomes that count against red."""
    if (since := kept.probation_since) is not None:
        # The metrics' own trades too: one that became known late still closed when it closed.
        told = [Ended(trade.at, trade.id, trade.win) for trade in (*closed, *facts.metrics.last)]
        trades = _joined(kept.trades, told, since, facts.at)
        if len(trades) >= facts.thresholds.probation_trades:
            kept = replace(kept, probation_since=None, trades=())
        else:
            kept = replace(kept, trades=trades)
    if (since := kept.red_since) is not None:
        told = [Ended(one.at, one.id, one.win) for one in shadow]
        kept = replace(kept, shadow=_joined(kept.shadow, told, since, facts.at)[-facts.thresholds.shadow_outcomes :])
    return kept


def _joined(known: Iterable[Ended], told: Iterable[Ended], since: datetime, until: datetime) -> tuple[Ended, ...]:
    fresh = [one for one in told if since < one.at <= until]
    return tuple(sorted({(one.at, one.id): one for one in (*known, *fresh)}.values()))


def _raw(kept: LightMemory, facts: _Facts) -> Decision:
    """What the rules say now, with the pause and the probation."""
    said: list[Trigger] = []
    probation = None
    if kept.paused:
        said.append(paused_by(kept.paused))
    if kept.probation_since is not None:
        of, wins = facts.thresholds.probation_trades, tuple(trade.win for trade in kept.trades)
        probation = Probation(kept.probation_since, wins, of)
        message = f"on probation since {_said(kept.probation_since)}: {len(wins)} of {of} trades have closed"
        said.append(Trigger("probation", "yellow", message, Decimal(len(wins)), Decimal(of), len(wins)))
    said += judged(Situation(facts.metrics, facts.health, facts.market, facts.thresholds, probation))
    return worst_of(said)


def paused_by(pause: Action) -> Trigger:
    """The kill switch, as a rule."""
    return Trigger("paused", "red", f"paused by {pause.who} at {_said(pause.at)}: {pause.reason}")


def _reds(decision: Decision) -> tuple[str, ...]:
    return tuple(trigger.rule for trigger in decision.triggers if trigger.status == "red")


def _outlived(kept: LightMemory, raw: Decision, thresholds: Thresholds) -> bool:
    """Whether only performance rules are red, and plans that were paused since have won often enough."""
    n = len(kept.shadow)
    if raw.status != "red" or not PERFORMANCE.issuperset(_reds(raw)) or n < thresholds.shadow_outcomes:
        return False
    return sum(one.win for one in kept.shadow) >= thresholds.yellow_wr_threshold * n


def _held(kept: LightMemory, raw: Status, facts: _Facts, *, at_once: bool) -> tuple[Status, datetime | None]:
    """The status to show, and since when the rules have been better than it. `at_once`: one step without a wait."""
    if SEVERITY[raw] >= SEVERITY[kept.status]:
        return raw, None
    watched = facts.at - kept.at <= UNWATCHED
    since = kept.better_since if watched and kept.better_since is not None else facts.at
    if not at_once and facts.at - since < timedelta(minutes=facts.thresholds.hold_minutes):
        return kept.status, since
    shown = _STEP_BETTER[kept.status]
    return shown, facts.at if SEVERITY[raw] < SEVERITY[shown] else None


def _shown(
    kept: LightMemory, status: Status, raw: Decision, better_since: datetime | None, thresholds: Thresholds
) -> Decision:
    """The decision as it is shown: where the rules are better already, `hold` says until when it waits."""
    if better_since is None:
        return raw
    until = better_since + timedelta(minutes=thresholds.hold_minutes)
    message = (
        f"held at {status} after {kept.cause or 'a rule'}: the rules are better, "
        f"and it can be {_STEP_BETTER[status]} at {_said(until)} at the earliest"
    )
    hold = Trigger("hold", status, message, threshold=Decimal(thresholds.hold_minutes))
    triggers = (hold, *raw.triggers)
    return Decision(status, MULTIPLIERS[status], triggers, message_of(triggers))


def _remembered(
    kept: LightMemory,
    memory: LightMemory | None,
    at: datetime,
    raw: Decision,
    shown: Decision,
    better_since: datetime | None,
) -> LightMemory:
    red = shown.status == "red"
    was_red = memory is not None and memory.status == "red"
    return replace(
        kept,
        at=at,
        status=shown.status,
        cause=kept.cause if better_since is not None else shown.triggered_by,
        reds=() if not red else _reds(raw) or kept.reds,
        better_since=better_since,
        red_since=None if not red else kept.red_since if was_red else at,
        shadow=kept.shadow if red else (),
    )


def _said(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
