"""What holds for every light, whatever happened: the promises, over invented situations."""

import json
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.trading.light.situations import NOON, health, metrics, regime, trades
from xfg_pipeline.trading.light.decide import SEVERITY, decide
from xfg_pipeline.trading.light.facts import (
    MULTIPLIERS,
    PARTS,
    Action,
    Decision,
    Evidence,
    Health,
    Regime,
    ShadowOutcome,
    Thresholds,
)
from xfg_pipeline.trading.light.keeping import step
from xfg_pipeline.trading.light.memory import LightMemory
from xfg_pipeline.trading.light.rules import PERFORMANCE
from xfg_pipeline.trading.metrics.metric import Metrics

_EVIDENCE: st.SearchStrategy[Evidence] = st.sampled_from(["literal", "gated"])
_WINS = st.lists(st.sampled_from([True, True, True, False]), max_size=60)
_SHARES = st.integers(-60, 60).map(lambda thousandths: str(Decimal(thousandths) / 1000))
_TYPES = st.dictionaries(
    st.sampled_from("abcde"), st.integers(0, 20).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
)
_RATIOS = st.lists(st.one_of(st.none(), st.integers(0, 80).map(lambda tenths: str(Decimal(tenths) / 10))), max_size=5)


@st.composite
def situations(draw: st.DrawFn) -> tuple[Metrics, Health, Regime]:
    facts = metrics(
        draw(_WINS),
        daily=draw(st.one_of(st.none(), _SHARES)),
        ece=draw(st.one_of(st.none(), st.integers(0, 200).map(lambda k: str(Decimal(k) / 1000)))),
        forecasts=draw(st.sampled_from([0, 49, 50, 199, 200])),
        types=draw(_TYPES),
    )
    states = draw(
        st.dictionaries(st.sampled_from(PARTS), st.sampled_from(["unknown", "degraded", "failed"]), max_size=2)
    )
    return facts, health(**states), regime(*draw(_RATIOS), stale=draw(st.sampled_from([(), (), ("C0",)])))


@given(situations(), _EVIDENCE)
def test_what_is_unknown_is_never_green_and_what_failed_is_red(
    seen: tuple[Metrics, Health, Regime], evidence: Evidence
) -> None:
    facts, parts, market = seen
    decision = decide(facts, parts, market, Thresholds(evidence=evidence))
    unknown = (
        any(reading.state != "ok" for reading in parts.readings)
        or None in market.ratios.values()
        or not market.ratios
        or len(facts.last) < 20
        or facts["daily_pnl_share"].value is None
        or (facts["ece"].n >= 50 and facts["ece"].value is None)
    )
    if unknown:
        assert decision.status != "green"
    if any(reading.state == "failed" for reading in parts.readings) or facts["daily_pnl_share"].value is None:
        assert decision.status == "red"
    assert decision.multiplier == MULTIPLIERS[decision.status]
    assert (decision.triggered_by is None) == (decision.status == "green")
    assert decision.message


@given(situations())
def test_the_gated_light_is_never_worse_than_the_literal_one_and_green_only_with_it(
    seen: tuple[Metrics, Health, Regime],
) -> None:
    literal, gated = (decide(*seen, Thresholds(evidence=evidence)).status for evidence in ("literal", "gated"))
    assert SEVERITY[gated] <= SEVERITY[literal]
    assert (gated == "green") == (literal == "green")


@given(situations(), _EVIDENCE, st.data())
def test_no_metric_that_gets_worse_makes_the_light_better(
    seen: tuple[Metrics, Health, Regime], evidence: Evidence, drawn: st.DataObject
) -> None:
    facts, parts, market = seen
    asked = Thresholds(evidence=evidence)
    before = SEVERITY[decide(facts, parts, market, asked).status]
    wins = list(facts.wins)
    won = [k for k, win in enumerate(wins) if win]
    worse = drawn.draw(st.sampled_from(["loss", "streak", "day", "ece", "type", "volatility", "part"]))
    if worse == "loss" and won:
        wins[drawn.draw(st.sampled_from(won))] = False
        facts = replace(facts, last=trades(wins)[-20:], wins=tuple(wins))
    elif worse in ("streak", "day", "ece"):
        name, by = {"streak": ("consecutive_losses", 1), "day": ("daily_pnl_share", -1), "ece": ("ece", 1)}[worse]
        metric = facts[name]
        if metric.value is not None:
            size = Decimal(drawn.draw(st.integers(1, 9))) / (1 if worse == "streak" else 100)
            facts = replace(facts, values={**facts.values, name: replace(metric, value=metric.value + by * size)})
    elif worse == "type" and (names := [name for name, one in facts.types.items() if one.wins]):
        name = drawn.draw(st.sampled_from(names))
        facts = replace(facts, types={**facts.types, name: replace(facts.types[name], wins=facts.types[name].wins - 1)})
    elif worse == "volatility":
        market = replace(market, ratios={name: ratio and ratio * 2 for name, ratio in market.ratios.items()})
    elif worse == "part":
        parts = replace(parts, readings=tuple(replace(reading, state="failed") for reading in parts.readings))
    assert SEVERITY[decide(facts, parts, market, asked).status] >= before


_MINUTES = st.sampled_from([0, 1, 5, 14, 15, 16, 45])
_STEPS = st.lists(
    st.tuples(
        _MINUTES,
        situations(),
        st.lists(st.booleans(), max_size=6),
        st.lists(st.booleans(), max_size=8),
        st.lists(st.sampled_from(["pause", "acknowledge", "acknowledge"]), max_size=2),
    ),
    min_size=2,
    max_size=8,
)


@settings(max_examples=60)
@given(_STEPS, _EVIDENCE, st.sampled_from([0, 15, 30]))
def test_over_any_life_worse_is_never_delayed_and_better_never_skips_yellow(
    steps: list[tuple[int, tuple[Metrics, Health, Regime], list[bool], list[bool], list[str]]],
    evidence: Evidence,
    hold: int,
) -> None:
    asked = Thresholds(evidence=evidence, hold_minutes=hold, probation_trades=5, shadow_outcomes=5)
    memory, at, shown = None, NOON, "green"
    for number, (minutes, (facts, parts, market), wins, shadow, words) in enumerate(steps):
        at += timedelta(minutes=minutes)
        closed = trades(wins, at) if wins else ()
        outcomes = [ShadowOutcome(at, win, f"{number}-{k}") for k, win in enumerate(shadow)]
        actions = [_action(at, word, f"{number}-{k}") for k, word in enumerate(words)]
        raw = decide(facts, parts, market, asked)
        first = memory is None
        memory, decision = step(memory, at, facts, parts, market, asked, closed, outcomes, actions)
        _keeps_its_promises(decision, raw, shown, memory, first=first)
        again = LightMemory.from_dict(json.loads(json.dumps(memory.to_dict())))
        assert again == memory
        shown = decision.status


def _action(at: datetime, word: str, reason: str) -> Action:
    return Action(at, "pause" if word == "pause" else "acknowledge", "ann", reason)


def _keeps_its_promises(decision: Decision, raw: Decision, shown: str, memory: LightMemory, *, first: bool) -> None:
    hard = [one for one in raw.triggers if one.status == "red" and one.rule not in PERFORMANCE]
    if hard or memory.paused:
        assert decision.status == "red"
    if raw.status == "red" and memory.probation_since is None:
        assert decision.status == "red"
    if raw.status != "green":
        assert decision.status != "green"
    if not first and shown == "red":
        assert decision.status != "green"
    assert decision.multiplier == MULTIPLIERS[decision.status]
