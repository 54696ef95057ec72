"""The light as it is read: old, paused or never evaluated is red, whatever the newest row says."""

from collections.abc import Callable
from dataclasses import replace
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.conftest import FixedClock
from tests.signal_rows import PAUSED, keep_outcome, keep_signals, signal
from tests.trading_rows import (
    ACCOUNT,
    DAILY_LOSS,
    LOW_WIN_RATE,
    NOW,
    SLOT,
    WIN_RATE,
    keep_action,
    keep_lights,
    light,
    side,
)
from xfg_pipeline.resources.level_book import Idempotency, IdempotencyConflict
from xfg_pipeline.resources.light_book import LightBook, NotAcknowledged, ReasonRefused
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.shown_light import cost_dict
from xfg_pipeline.resources.signal_book import RangeRefused
from xfg_pipeline.storage.database import Database, DatabaseUnavailable

Rows = Callable[..., list[dict[str, object]]]


@pytest.fixture
def clock() -> FixedClock:
    """Eleven minutes after a slot."""
    return FixedClock(NOW)


@pytest.fixture
def asked() -> list[str]:
    """The causes that the light was evaluated for."""
    return []


@pytest.fixture
def book(pipeline: Pipeline, asked: list[str]) -> LightBook:
    """A book whose evaluation only takes a note."""
    return replace(pipeline.light_book, evaluate=asked.append)


def test_before_the_first_evaluation_the_light_is_red(book: LightBook) -> None:
    shown = book.now(NOW)
    assert (shown.status, shown.decision.multiplier, shown.decision.triggered_by) == ("red", Decimal(0), "monitor")
    assert shown.decision.message == "no light has been evaluated yet"
    assert shown.row is None
    assert {one.status for one in shown.lights.values()} == {"red"}
    assert book.account == ACCOUNT


def test_the_newest_live_row_holds_and_a_backfilled_one_does_not(book: LightBook, database: Database) -> None:
    keep_lights(
        database,
        light("yellow", SLOT, [WIN_RATE], gated=side("green"), changed=True),
        light("green", SLOT - timedelta(minutes=15)),
        light("red", SLOT + timedelta(minutes=1), mode="backfill"),
        light("red", SLOT + timedelta(minutes=2), account="paper_replay"),
    )
    shown = book.now(NOW)
    assert (shown.status, shown.since, shown.is_as_evaluated) == ("yellow", SLOT, True)
    assert {name: one.status for name, one in shown.lights.items()} == {"literal": "yellow", "gated": "green"}
    (trigger,) = shown.decision.triggers
    assert (trigger.value, trigger.interval) == (Decimal("0.65"), (Decimal("0.432854"), Decimal("0.818808")))


def test_of_two_evaluations_of_one_moment_the_later_one_holds(book: LightBook, database: Database) -> None:
    keep_lights(database, light("green", SLOT, cause="trade"))
    keep_lights(database, light("red", SLOT, cause="slot"))
    assert book.now(NOW).status == "red"


def test_an_evaluation_that_is_old_or_of_the_future_is_red(book: LightBook, database: Database) -> None:
    keep_lights(database, light("green", SLOT))
    for after, status in {20: "green", 21: "red", -1: "green", -2: "red"}.items():
        shown = book.now(SLOT + timedelta(minutes=after))
        assert shown.status == status, after
        assert {one.status for one in shown.lights.values()} == {status}
        assert shown.decision.triggered_by == (None if status == "green" else "monitor")


def test_since_when_it_holds_is_told_over_rows_that_changed_nothing(book: LightBook, database: Database) -> None:
    at = [SLOT - timedelta(minutes=15 * back) for back in range(5)]
    keep_lights(
        database, *(light(word, when) for word, when in zip(("green",) * 3 + ("red", "green"), at, strict=True))
    )
    assert book.now(NOW).since == at[2]


def test_a_pause_is_red_at_once_and_until_somebody_acknowledges(
    book: LightBook, database: Database, asked: list[str]
) -> None:
    keep_lights(database, light("green", SLOT))
    done = book.pause("anna", "  news   at two ")
    assert (done.action["reason"], done.action["at"], done.evaluated, asked) == ("news at two", NOW, True, ["pause"])
    shown = book.now(NOW)
    assert (shown.status, shown.decision.triggered_by) == ("red", "paused")
    assert "anna" in shown.decision.message
    assert {one.status for one in shown.lights.values()} == {"red"}
    # An evaluation that had begun before the pause was written knows nothing of it.
    keep_lights(database, light("green", NOW + timedelta(seconds=5)))
    assert book.now(NOW + timedelta(seconds=6)).status == "red"
    book.acknowledge("bob", "news is over")
    assert asked == ["pause", "acknowledge"]
    assert book.now(NOW + timedelta(seconds=6)).pause is None


def test_a_pause_holds_also_when_the_light_cannot_be_evaluated(
    book: LightBook, database: Database, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(_: str) -> None:
        raise DatabaseUnavailable("Postgres is busy")

    keep_lights(database, light("green", SLOT))
    done = replace(book, evaluate=fail).pause("anna", "news")
    assert not done.evaluated
    assert book.now(NOW).status == "red"
    assert "could not be evaluated after pause by anna" in caplog.text


def test_a_pause_is_evaluated_for_good(pipeline: Pipeline, rows: Rows) -> None:
    done = pipeline.light_book.pause("anna", "news")
    assert done.evaluated
    (row,) = rows("SELECT status, cause, mode, triggers FROM controller_status")
    assert (row["status"], row["cause"], row["mode"]) == ("red", "pause", "live")
    assert "paused" in str(row["triggers"])
    assert pipeline.light_book.now(NOW).decision.triggers[0].status == "red"


@pytest.mark.parametrize(
    ("made", "says", "standing"),
    [
        (light("yellow"), "The light is yellow: there is nothing to acknowledge", ()),
        (light("red", SLOT, [DAILY_LOSS]), r"The day lost 4\.6 % of its first equity", ("daily_loss",)),
        (light("red", SLOT, [LOW_WIN_RATE, DAILY_LOSS]), "must end by itself", ("daily_loss",)),
        (light("red", SLOT - timedelta(hours=1)), "The last evaluation is 71 min old", ("monitor",)),
    ],
)
def test_what_is_not_a_matter_of_judgement_cannot_be_acknowledged(
    book: LightBook, database: Database, rows: Rows, made: Any, says: str, standing: tuple[str, ...]
) -> None:
    keep_lights(database, made)
    with pytest.raises(NotAcknowledged, match=says) as refused:
        book.acknowledge("anna", "I looked")
    assert tuple(trigger.rule for trigger in refused.value.triggers) == standing
    assert rows("SELECT * FROM controller_actions") == []


def test_a_pause_hides_nothing_that_is_red_beside_it(book: LightBook, database: Database) -> None:
    keep_lights(database, light("red", SLOT, [DAILY_LOSS]))
    keep_action(database, "pause", NOW)
    with pytest.raises(NotAcknowledged) as refused:
        book.acknowledge("anna", "I looked")
    assert [trigger.rule for trigger in refused.value.triggers] == ["daily_loss"]


def test_red_by_performance_is_acknowledged_once(book: LightBook, database: Database, asked: list[str]) -> None:
    keep_lights(database, light("red", SLOT))
    done = book.acknowledge("anna", "three stops on one piece of news")
    assert (done.action["action"], asked) == ("acknowledge", ["acknowledge"])
    assert [row["who"] for row in book.actions()] == ["anna"]


def test_a_reason_must_be_one(book: LightBook, rows: Rows, asked: list[str]) -> None:
    for reason, says in {"   ": "must say why", "x" * 501: "500 characters", "a\x07b": "control"}.items():
        with pytest.raises(ReasonRefused, match=says):
            book.pause("anna", reason)
    assert rows("SELECT * FROM controller_actions") == []
    assert asked == []


def test_a_repeated_call_acts_once(book: LightBook, asked: list[str]) -> None:
    key = Idempotency("anna", "status-pause", "k1", "a" * 64)
    first, again = book.pause("anna", "news", key), book.pause("anna", "news", key)
    assert (first.replayed, again.replayed, again.action["id"]) == (False, True, first.action["id"])
    assert len(book.actions()) == 1
    assert asked == ["pause"]
    with pytest.raises(IdempotencyConflict):
        book.pause("anna", "other", replace(key, body_sha256="b" * 64))


def test_days_are_those_that_were_shown_where_any_was(book: LightBook, database: Database) -> None:
    before = SLOT - timedelta(days=1)
    keep_lights(
        database,
        light("green", SLOT),
        light("red", SLOT + timedelta(minutes=1), mode="backfill"),
        light("yellow", before, mode="backfill"),
        light("green", before + timedelta(hours=1), mode="backfill"),
    )
    days = book.days(3, NOW)
    assert [(day.day.day, day.worst, day.mode) for day in days] == [
        (14, None, None),
        (15, "yellow", "backfill"),
        (16, "green", "live"),
    ]
    assert days[1].counts == {"yellow": 1, "green": 1}


def test_the_history_is_newest_first_and_can_be_the_changes_alone(book: LightBook, database: Database) -> None:
    made = [light("green", SLOT - timedelta(minutes=15 * back), changed=back == 1) for back in range(4)]
    keep_lights(database, *made)
    today = date(2025, 10, 16)
    found = book.history(today, today, limit=2)
    assert (found.total, [row["timestamp"] for row in found.rows]) == (4, [SLOT, SLOT - timedelta(minutes=15)])
    assert [row["timestamp"] for row in book.history(today, today, changed=True).rows] == [SLOT - timedelta(minutes=15)]
    assert book.history(date(2025, 10, 15), date(2025, 10, 15)).rows == []
    with pytest.raises(RangeRefused):
        book.history(today, date(2025, 10, 15))


def test_what_the_guard_cost_is_counted_by_light_and_rule(book: LightBook, database: Database) -> None:
    half = {"position_multiplier": Decimal("0.5"), "position_size": Decimal("0.125"), "risk_amount": Decimal(75)}
    keep_lights(database, light("red", SLOT, [DAILY_LOSS]), light("yellow", SLOT - timedelta(minutes=15)))
    keep_signals(database, [signal("BTC", **PAUSED), signal("SOL", **PAUSED)])
    keep_signals(
        database, [signal("ETH", SLOT - timedelta(minutes=15), **half), signal("XRP", SLOT - timedelta(hours=3))]
    )
    keep_outcome(database, "BTC", SLOT, "stop", -1.0)
    keep_outcome(database, "SOL", SLOT, "unresolved", float("nan"))
    keep_outcome(database, "ETH", SLOT - timedelta(minutes=15), "target", 2.25)
    found = cost_dict(book.guard_cost(date(2025, 10, 16), date(2025, 10, 16)))
    assert [(row["status"], row["rule"], row["n"], row["unknown"]) for row in found["rules"]] == [
        ("red", "daily_loss", 2, 1),
        ("yellow", "win_rate", 1, 0),
    ]
    # Paused: what any signal risks, 1.5 % of 10,000. Cut to half: twice what it did risk.
    assert (found["red"]["saved_r"], found["red"]["saved_money"]) == (Decimal(1), Decimal(150))
    assert (found["yellow"]["missed_r"], found["yellow"]["missed_money"]) == (Decimal("1.125"), Decimal("168.75"))
    assert found["total"]["net_r"] == Decimal("-0.125")
