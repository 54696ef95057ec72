"""Any sequence of runs, missed, killed, doubled, late or half blind, ends in the rows of one backfill."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.slots.conftest import COINS, DAY, SLOT, Trial
from tests.slots.test_slots import TABLES, PartialMarket, use
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.resources import slot_work

FIRST, LAST = -10, 14
"""Slots before and after a midnight."""
EVENTS = ("runs", "is missed", "dies before predictions", "dies before decisions", "dies before outcomes", "runs twice")


# An example is a day on two databases: there is no time to look for a smaller one.
FEW = settings(
    max_examples=3, phases=[Phase.generate], suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None
)


class Killed(Exception):
    """The process ended here."""


def run(trial: Trial, number: int, event: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """What happens at one slot."""
    if event == "is missed":
        return
    step = {"dies before predictions": "predict", "dies before decisions": "publish", "dies before outcomes": "resolve"}
    with monkeypatch.context() as patched:
        if event in step:

            def killed(*of: object) -> None:
                raise Killed

            patched.setattr(f"tests.slots.conftest.{step[event]}", killed)
        try:
            trial.slot(DAY + number * SLOT)
        except Killed:
            return
    if event == "runs twice":
        trial.slot(DAY + number * SLOT, late=timedelta(minutes=1))


def shown(trial: Trial, table: str, *, without: tuple[str, ...] = ()) -> list[dict[str, Any]]:
    rows = trial.rows(table, DAY + FIRST * SLOT)
    return [{name: value for name, value in row.items() if name not in without} for row in rows]


@FEW
@given(
    events=st.lists(st.sampled_from(EVENTS), min_size=LAST - FIRST, max_size=LAST - FIRST),
    ttl=st.sampled_from([1, 30, 200, 1440]),
    piece=st.sampled_from([1, 30]),
)
def test_what_was_missed_or_died_ends_as_one_backfill(
    events: list[str], ttl: int, piece: int, new_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    trading = {"min_confidence": "0.5", "max_signals_per_day": 4, "signal_ttl_minutes": ttl}
    live, backfilled = new_trial(**trading), new_trial(**trading)
    live.backfill(DAY - timedelta(days=1), DAY + FIRST * SLOT)
    for number, event in zip(range(FIRST, LAST), events, strict=True):
        run(live, number, event, monkeypatch)
    live.slot(DAY + LAST * SLOT)
    with monkeypatch.context() as patched:
        patched.setattr(slot_work, "DAYS_AT_ONCE", timedelta(days=piece))
        backfilled.backfill(DAY - timedelta(days=1), DAY + timedelta(days=1), now=DAY + LAST * SLOT)
    for table in TABLES:
        assert shown(live, table) == shown(backfilled, table), table
    assert len(shown(live, "signal_candidates")) == len(COINS) * (LAST - FIRST + 1)
    live.database.dispose()
    backfilled.database.dispose()


@FEW
@given(
    silent=st.lists(st.frozensets(st.sampled_from(COINS), max_size=2), min_size=LAST - FIRST, max_size=LAST - FIRST),
    ttl=st.sampled_from([1, 30, 1440]),
)
def test_coins_that_were_silent_are_made_up_as_if_they_had_answered(
    silent: list[frozenset[str]], ttl: int, new_trial: Callable[..., Trial]
) -> None:
    trading = {"min_confidence": "0.5", "max_signals_per_day": 500, "signal_ttl_minutes": ttl}
    live, backfilled = new_trial(**trading), new_trial(**trading)
    live.backfill(DAY - timedelta(days=1), DAY + FIRST * SLOT)
    for number, coins in zip(range(FIRST, LAST), silent, strict=True):
        use(live, PartialMarket(silent=coins))
        live.slot(DAY + number * SLOT)
    use(live, SimulatedMarket())
    live.slot(DAY + LAST * SLOT)
    backfilled.backfill(DAY - timedelta(days=1), DAY + timedelta(days=1), now=DAY + LAST * SLOT)
    for table in TABLES:
        # Which number of the day a signal was is told by those that were known then.
        assert shown(live, table, without=("gates",)) == shown(backfilled, table, without=("gates",)), table
    live.database.dispose()
    backfilled.database.dispose()
