"""The light at the moment of reading: nobody is trusted who has not looked lately."""

from datetime import timedelta
from decimal import Decimal

import pytest

from tests.trading.light.situations import CALM, NOON, health, metrics, record
from xfg_pipeline.trading.light.decide import decide
from xfg_pipeline.trading.light.facts import Action, Thresholds
from xfg_pipeline.trading.light.reading import at_reading, not_evaluated

GREEN = decide(metrics(), health(), CALM, Thresholds())
YELLOW = decide(metrics(record(13)), health(), CALM, Thresholds())
AFTER = timedelta(minutes=20)


@pytest.mark.parametrize(
    ("age", "status"),
    [
        (timedelta(0), "green"), (AFTER, "green"), (AFTER + timedelta(seconds=1), "red"), (timedelta(days=9), "red"),
        (timedelta(minutes=-1), "green"), (timedelta(minutes=-1, seconds=-1), "red"),
    ],
)  # fmt: skip
def test_an_evaluation_that_is_too_old_or_from_the_future_is_red(age: timedelta, status: str) -> None:
    read = at_reading(GREEN, NOON, NOON + age, stale_after=AFTER)
    assert read.status == status
    assert read.triggered_by == ("monitor" if status == "red" else None)


def test_a_fresh_evaluation_is_read_as_it_was_decided() -> None:
    assert at_reading(YELLOW, NOON, NOON + AFTER, stale_after=AFTER) is YELLOW


def test_what_was_decided_is_still_told_beside_the_monitor() -> None:
    read = at_reading(YELLOW, NOON, NOON + timedelta(hours=3), stale_after=AFTER)
    assert (read.status, read.multiplier) == ("red", Decimal(0))
    assert [trigger.rule for trigger in read.triggers] == ["monitor", "win_rate"]
    assert read.message.startswith("the last evaluation is 3 h 0 min old, more than 20 min")


def test_a_pause_that_is_newer_than_the_evaluation_is_red_at_once() -> None:
    pause = Action(NOON + timedelta(seconds=3), "pause", "ann", "news")
    read = at_reading(GREEN, NOON, NOON + timedelta(seconds=4), stale_after=AFTER, pause=pause)
    assert (read.status, read.triggered_by) == ("red", "paused")
    older = Action(NOON - timedelta(seconds=3), "pause", "ann", "news")
    assert at_reading(GREEN, NOON, NOON + timedelta(seconds=4), stale_after=AFTER, pause=older).status == "green"


def test_without_any_evaluation_it_is_red_and_says_so() -> None:
    nothing = not_evaluated("no light has been evaluated yet")
    assert (nothing.status, nothing.multiplier, nothing.triggered_by, nothing.message) == (
        "red", Decimal(0), "monitor", "no light has been evaluated yet",
    )  # fmt: skip
