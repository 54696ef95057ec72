"""The light over time: what holds it, what releases it, and that it never gets better by itself too soon."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal

import pytest

from tests.trading.light.situations import CALM, NOON, health, metrics, record, trades
from xfg_pipeline.trading.light.facts import Action, Decision, Health, ShadowOutcome, Thresholds
from xfg_pipeline.trading.light.keeping import step, step_both
from xfg_pipeline.trading.light.memory import LightMemory
from xfg_pipeline.trading.metrics.events import ClosedTrade
from xfg_pipeline.trading.metrics.metric import Metrics

ASKED = Thresholds()
SLOT = timedelta(minutes=15)
GOOD, BAD = metrics(), metrics(record(12))


class Life:
    """A light that is evaluated again and again; its memory goes through JSON each time."""

    def __init__(self, asked: Thresholds = ASKED) -> None:
        self.asked, self.memory, self.at = asked, None, NOON - SLOT
        self.shown: list[str] = []

    def next(
        self,
        facts: Metrics = GOOD,
        parts: Health | None = None,
        *,
        after: timedelta = SLOT,
        closed: Sequence[ClosedTrade] = (),
        shadow: Sequence[ShadowOutcome] = (),
        actions: Sequence[Action] = (),
    ) -> Decision:
        self.at += after
        memory, decision = step(
            self.memory, self.at, facts, parts or health(), CALM, self.asked, closed, shadow, actions
        )
        self.memory = LightMemory.from_dict(json.loads(json.dumps(memory.to_dict())))
        assert self.memory == memory
        assert (memory.status, memory.at) == (decision.status, self.at)
        self.shown.append(decision.status)
        return decision

    def soon(self, minutes: float = 1) -> datetime:
        return self.at + timedelta(minutes=minutes)

    def do(self, action: str, **words: str) -> Action:
        return Action(self.soon(), action, words.get("who", "ann"), words.get("reason", "looked at it"))


def outcomes(at: datetime, wins: int, of: int = 20) -> list[ShadowOutcome]:
    return [ShadowOutcome(at + timedelta(seconds=k), k < wins, f"s{k}") for k in range(of)]


def test_the_first_evaluation_ever_is_what_the_rules_say() -> None:
    for facts, status in ((GOOD, "green"), (metrics(record(13)), "yellow"), (BAD, "red")):
        assert Life().next(facts).status == status


def test_worse_is_shown_at_once_and_better_one_step_at_a_time_after_it_was_better_for_long_enough() -> None:
    life = Life()
    for facts in (GOOD, BAD, GOOD, GOOD, GOOD, GOOD):
        life.next(facts)
    assert life.shown == ["green", "red", "red", "yellow", "green", "green"]


def test_what_holds_it_is_said_with_the_time() -> None:
    life = Life()
    life.next(BAD)
    held = life.next(GOOD)
    assert (held.status, held.multiplier, held.triggered_by) == ("red", Decimal(0), "hold")
    assert held.message == (
        "held at red after win_rate: the rules are better, and it can be yellow at 2026-11-20 12:30 UTC at the earliest"
    )
    stepped = life.next(GOOD)
    assert (stepped.status, stepped.triggered_by) == ("yellow", "hold")


def test_an_interruption_begins_the_wait_again() -> None:
    life = Life(replace(ASKED, hold_minutes=30))
    for facts in (BAD, GOOD, BAD, GOOD, GOOD, GOOD):
        life.next(facts)
    assert life.shown == ["red", "red", "red", "red", "red", "yellow"]


def test_a_time_without_evaluations_is_no_time_in_which_it_was_better() -> None:
    life = Life(replace(ASKED, hold_minutes=30))
    life.next(BAD)
    life.next(GOOD)
    assert life.next(GOOD, after=timedelta(hours=5)).status == "red"
    life.next(GOOD)
    assert life.next(GOOD).status == "yellow"


def test_without_a_wait_it_still_passes_yellow() -> None:
    life = Life(replace(ASKED, hold_minutes=0))
    for facts in (BAD, GOOD, GOOD):
        life.next(facts)
    assert life.shown == ["red", "yellow", "green"]


def test_red_of_performance_does_not_end_with_an_acknowledgement_in_green_but_in_probation() -> None:
    life = Life()
    life.next(BAD)
    released = life.next(BAD, actions=[life.do("acknowledge")])
    assert (released.status, released.multiplier, released.triggered_by) == ("yellow", Decimal("0.5"), "probation")
    assert "0 of 20 trades have closed" in released.message


@pytest.mark.parametrize(
    ("facts", "parts"), [(metrics(daily="-0.05"), None), (GOOD, health(daemon="failed")), (BAD, health(clock="failed"))]
)
def test_an_acknowledgement_does_not_override_the_daily_loss_or_a_failure(facts: Metrics, parts: Health | None) -> None:
    life = Life()
    life.next(facts, parts)
    assert life.next(facts, parts, actions=[life.do("acknowledge")]).status == "red"
    assert life.memory.probation_since is None


def test_an_acknowledgement_does_not_shorten_the_wait_after_a_daily_loss() -> None:
    life = Life()
    life.next(metrics(daily="-0.05"))
    life.next(GOOD, after=timedelta(minutes=5))
    assert life.next(GOOD, after=timedelta(minutes=5), actions=[life.do("acknowledge")]).triggered_by == "hold"


def test_on_probation_only_the_trades_since_are_judged() -> None:
    life = Life(replace(ASKED, probation_trades=5))
    life.next(BAD)
    life.next(BAD, actions=[life.do("acknowledge")])
    awful = metrics(record(0), streak=4, ece="0.3", types={"a": (0, 20), "b": (0, 20)})
    decision = life.next(awful, closed=trades([True, False], life.soon(3)))
    assert (decision.status, decision.triggered_by) == ("yellow", "probation")
    assert "2 of 5 trades have closed" in decision.message
    over = life.next(awful, closed=trades([True] * 3, life.soon(5)))
    assert over.status == "red"


def test_five_losses_in_a_row_or_too_few_wins_on_probation_are_red_again() -> None:
    for wins, rule in (
        ([False] * 5, "consecutive_losses"),
        ([True, False, False, True, False, False, False, True, False, False], "win_rate"),
    ):
        life = Life()
        life.next(BAD)
        life.next(BAD, actions=[life.do("acknowledge")])
        decision = life.next(BAD, closed=trades(wins, life.soon(14)))
        assert (decision.status, decision.triggered_by) == ("red", rule)
        assert life.next(BAD, actions=[life.do("acknowledge")]).status == "yellow"


def test_the_daily_loss_and_failures_hold_on_probation_too() -> None:
    life = Life()
    life.next(BAD)
    life.next(BAD, actions=[life.do("acknowledge")])
    assert life.next(metrics(record(12), daily="-0.05")).triggered_by == "daily_loss"


def test_after_good_trades_on_probation_the_light_becomes_green_by_itself() -> None:
    life = Life()
    life.next(BAD)
    life.next(BAD, actions=[life.do("acknowledge")])
    life.next(BAD, closed=trades([True] * 19, life.soon(14)))
    assert life.shown[-1] == "yellow"
    life.next(GOOD, closed=trades([True], life.soon(14)))
    life.next(GOOD)
    assert life.shown == ["red", "yellow", "yellow", "yellow", "green"]


def test_a_trade_told_twice_or_late_counts_once_on_probation() -> None:
    life = Life()
    life.next(BAD)
    life.next(BAD, actions=[life.do("acknowledge")])
    closed = trades([True] * 3, life.soon(4))
    for told in (closed, closed, (*closed, *trades([True], life.soon(3.5)))):
        life.next(BAD, after=timedelta(minutes=5), closed=told)
    assert len(life.memory.trades) == 4


def test_paused_plans_that_would_have_won_release_red_for_probation() -> None:
    life = Life()
    life.next(BAD)
    assert life.next(BAD, shadow=outcomes(life.soon(), 13, 19)).status == "red"
    released = life.next(BAD, shadow=[ShadowOutcome(life.soon(), True, "one more")])
    assert (released.status, released.triggered_by) == ("yellow", "probation")


def test_paused_plans_below_the_yellow_rate_release_nothing_and_only_the_newest_count() -> None:
    life = Life()
    life.next(BAD)
    assert life.next(BAD, shadow=outcomes(life.soon(), 13)).status == "red"
    newer = [ShadowOutcome(life.soon(k / 10), True, f"n{k}") for k in range(20)]
    assert life.next(BAD, shadow=newer).status == "yellow"


def test_outcomes_from_before_red_or_told_twice_do_not_count() -> None:
    life = Life()
    life.next(BAD)
    before = outcomes(NOON - timedelta(hours=1), 20)
    assert life.next(BAD, shadow=before).status == "red"
    ten = outcomes(life.soon(), 10, 10)
    for _ in range(3):
        assert life.next(BAD, shadow=ten).status == "red"
    assert len(life.memory.shadow) == 10


def test_good_outcomes_do_not_override_the_daily_loss_a_failure_or_a_pause() -> None:
    for facts, parts in ((metrics(record(12), daily="-0.05"), None), (BAD, health(market="failed"))):
        life = Life()
        life.next(facts, parts)
        assert life.next(facts, parts, shadow=outcomes(life.soon(), 20)).status == "red"
    life = Life()
    life.next(BAD, actions=[Action(NOON - SLOT, "pause", "ann", "news")])
    assert life.next(BAD, shadow=outcomes(life.soon(), 20)).triggered_by == "paused"


def test_a_pause_is_red_at_once_and_until_it_is_acknowledged_then_probation() -> None:
    life = Life()
    life.next()
    paused = life.next(actions=[life.do("pause", who="bob", reason="the exchange behaves strangely")])
    assert (paused.status, paused.multiplier, paused.triggered_by) == ("red", Decimal(0), "paused")
    assert paused.message == "paused by bob at 2026-11-20 12:01 UTC: the exchange behaves strangely"
    for _ in range(5):
        assert life.next().status == "red"
    assert life.next(actions=[life.do("acknowledge")]).triggered_by == "probation"


def test_a_pause_that_is_told_again_after_its_acknowledgement_stays_acknowledged() -> None:
    life = Life()
    life.next()
    pause = life.do("pause")
    life.next(actions=[pause])
    acknowledged = life.do("acknowledge")
    assert life.next(actions=[pause, acknowledged]).status == "yellow"
    assert life.next(actions=[pause, acknowledged]).status == "yellow"


def test_a_pause_that_is_told_late_is_still_a_pause() -> None:
    life = Life()
    life.next()
    late = Action(life.soon(-1), "pause", "ann", "the row came after the evaluation")
    assert life.next(actions=[late]).status == "red"


def test_a_pause_on_probation_ends_it() -> None:
    life = Life()
    life.next(BAD)
    life.next(BAD, actions=[life.do("acknowledge")])
    assert life.next(BAD, actions=[life.do("pause")]).triggered_by == "paused"
    assert life.memory.probation_since is None


def test_a_pause_and_its_acknowledgement_between_two_evaluations_lead_to_probation_never_to_green() -> None:
    life = Life()
    life.next()
    pause = life.do("pause")
    acknowledged = replace(pause, action="acknowledge", at=pause.at + timedelta(minutes=1))
    assert life.next(actions=[acknowledged, pause]).triggered_by == "probation"


def test_a_probation_that_was_over_before_it_was_seen_still_passes_yellow() -> None:
    life = Life(replace(ASKED, probation_trades=5))
    life.next(BAD)
    decision = life.next(GOOD, actions=[life.do("acknowledge")], closed=trades([True] * 5, life.soon(14)))
    assert (decision.status, decision.triggered_by) == ("yellow", "hold")


def test_what_lies_after_the_moment_is_not_looked_at() -> None:
    life = Life()
    life.next(BAD)
    later = Action(life.soon(16), "acknowledge", "ann", "too early")
    assert life.next(BAD, actions=[later], shadow=outcomes(life.soon(16), 20)).status == "red"
    assert life.next(BAD, actions=[later]).status == "yellow"


def test_time_does_not_run_backwards() -> None:
    life = Life()
    life.next()
    with pytest.raises(ValueError, match="evaluate in order of time"):
        life.next(after=-SLOT)


def test_two_lights_go_side_by_side_each_with_its_own_memory() -> None:
    luck = metrics([True] * 30 + record(12))
    both = step_both({}, NOON, luck, health(), CALM, ASKED)
    assert {name: decision.status for name, (_, decision) in both.items()} == {"literal": "red", "gated": "yellow"}
    again = step_both({name: memory for name, (memory, _) in both.items()}, NOON + SLOT, GOOD, health(), CALM, ASKED)
    assert {name: decision.triggered_by for name, (_, decision) in again.items()} == {
        "literal": "hold",
        "gated": "hold",
    }


@pytest.mark.parametrize("broken", [{}, {"version": 0}, {"version": 1, "at": "today"}])
def test_a_memory_that_cannot_be_read_is_refused_with_the_remedy(broken: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="Evaluate without one"):
        LightMemory.from_dict(broken)


def test_an_acknowledgement_that_is_heard_late_does_not_release_a_later_pause() -> None:
    life = Life()
    life.next(BAD)
    acknowledged, paused = life.do("acknowledge"), Action(life.soon(2), "pause", "bob", "stop")
    assert life.next(GOOD, actions=[paused]).triggered_by == "paused"
    assert life.next(GOOD, actions=[acknowledged, paused]).triggered_by == "paused"
    assert life.next(GOOD, actions=[Action(life.soon(0), "acknowledge", "ann", "over")]).status == "yellow"
