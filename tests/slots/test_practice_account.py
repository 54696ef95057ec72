"""Practice from its first start on: an account with an invented past, trades, a light, and a live hand."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from tests.slots.conftest import DAY, SLOT, Trial
from xfg_pipeline.resources.controlling import evaluate
from xfg_pipeline.resources.feeding import feed
from xfg_pipeline.resources.predicting import predict
from xfg_pipeline.resources.regime_keeping import keep_regime
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import publish
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.slots_due import work_of
from xfg_pipeline.resources.snapshots import keep_snapshots
from xfg_pipeline.resources.trade_run import Brought, bring_trades, look

DAYS = timedelta(days=4)
NOON = DAY + timedelta(hours=12)
TODAY_ENDS = DAY + timedelta(days=1)


def carry(trial: Trial, whole: SlotWork) -> None:
    """What a run of slots_of_days does, asset by asset."""
    pipeline = trial.pipeline

    def due() -> SlotWork:
        return work_of(pipeline, whole.start, whole.end, whole.as_of, whole.live_at)

    feed(pipeline, whole, print)
    keep_regime(pipeline, due())
    predict(pipeline, due())
    bring_trades(pipeline, whole, is_backfill=whole.is_backfill)
    keep_snapshots(pipeline, whole.start, whole.end, whole.as_of, is_backfill=whole.is_backfill)
    evaluate(pipeline, whole.start, whole.end, whole.as_of, whole.live_at)
    publish(pipeline, due())
    resolve(pipeline, whole)


def first_start(trial: Trial) -> None:
    trial.clock.at = NOON
    carry(trial, SlotWork(DAY - DAYS, TODAY_ENDS, NOON))


def live(trial: Trial, slot: Any) -> None:
    trial.clock.at = slot + timedelta(seconds=6)
    carry(trial, SlotWork(DAY, TODAY_ENDS, slot, slot))


TRADES = (
    "SELECT coin, direction, entry_time, exit_time, pnl, exit_reason, matched_by FROM trades ORDER BY exit_time, coin"
)
LIGHTS = "SELECT timestamp, cause, mode, status, message FROM controller_status ORDER BY timestamp, cause, mode"


@pytest.fixture
def begun(new_trial: Callable[..., Trial]) -> Trial:
    trial = new_trial()
    first_start(trial)
    return trial


def test_after_the_first_start_there_are_trades_metrics_and_a_light_with_a_history(begun: Trial) -> None:
    trades = begun.all(TRADES)
    assert len(trades) >= 8
    assert {row["exit_reason"] for row in trades} <= {"TP", "SL", "timeout"}
    assert {row["matched_by"] for row in trades} >= {"link", "zone"}
    (money,) = begun.all(
        "SELECT (SELECT sum(pnl) FROM trades) AS ours, (SELECT sum(pnl) FROM account_closings) AS told"
    )
    assert money["ours"] == money["told"]
    lights = begun.all(LIGHTS)
    assert {row["timestamp"] for row in lights if row["cause"] == "slot"} == {
        DAY - DAYS + number * SLOT for number in range((DAYS + timedelta(hours=12)) // SLOT + 1)
    }
    assert begun.all("SELECT count(*) AS n FROM performance_snapshots WHERE cause = 'hour'")[0]["n"] == 4 * 24 + 13
    # Nobody has traded before the first signal.
    assert "warming up 0 of 20" in lights[0]["message"]


def test_every_signal_has_the_light_that_was_evaluated_for_its_slot(begun: Trial) -> None:
    signals = begun.all(
        "SELECT slot, position_multiplier, lineage -> 'light' ->> 'status' AS light, equity FROM signals ORDER BY slot"
    )
    assert signals
    told = {
        row["timestamp"]: row
        for row in begun.all(
            "SELECT timestamp, status, position_multiplier, metrics FROM controller_status WHERE cause = 'slot'"
        )
    }
    for signal in signals:
        assert signal["light"] == told[signal["slot"]]["status"]
        assert signal["position_multiplier"] == told[signal["slot"]]["position_multiplier"]
        assert str(signal["equity"]) == told[signal["slot"]]["metrics"]["equity"]


def test_the_same_again_changes_nothing(begun: Trial) -> None:
    before = [begun.all(query) for query in (TRADES, LIGHTS)]
    first_start(begun)
    assert [begun.all(query) for query in (TRADES, LIGHTS)] == before


def test_a_past_that_was_cut_off_is_given_again_whole(
    begun: Trial, new_trial: Callable[..., Trial], monkeypatch: pytest.MonkeyPatch
) -> None:
    cut = new_trial()
    monkeypatch.setattr("xfg_pipeline.resources.practice_account.point", _die)
    with pytest.raises(_CutOff):
        first_start(cut)
    # Meanwhile nothing of the half past is read.
    half = Brought()
    look(cut.pipeline, half)
    assert "has not begun" in half.problems["account"]
    monkeypatch.undo()
    first_start(cut)
    assert [cut.all(query) for query in (TRADES, LIGHTS)] == [begun.all(query) for query in (TRADES, LIGHTS)]


class _CutOff(Exception):
    pass


def _die(name: str) -> None:
    raise _CutOff(name)


def test_a_live_signal_is_taken_by_the_hand_and_becomes_a_trade_of_it(begun: Trial) -> None:
    for number in range(1, 40):
        live(begun, NOON + number * SLOT)
        if begun.all("SELECT 1 FROM signals WHERE mode = 'live' AND status = 'executed'"):
            break
    (signal,) = begun.all(
        "SELECT id, coin, slot, executed_at FROM signals WHERE mode = 'live' AND status = 'executed' LIMIT 1"
    )
    assert signal["slot"] < signal["executed_at"] <= begun.clock.at
    assert begun.all("SELECT 1 FROM account_positions") or begun.all(
        "SELECT 1 FROM trades WHERE signal_id = :id", id=signal["id"]
    )
    (row,) = begun.all("SELECT status, mode FROM controller_status WHERE mode = 'live' ORDER BY timestamp DESC LIMIT 1")
    assert row["status"] != "green", "no daemon reports here, and unknown is never green"


def test_with_the_hand_switched_off_there_is_an_account_and_no_trade(new_trial: Callable[..., Trial]) -> None:
    trial = new_trial(practice_hand=False)
    first_start(trial)
    assert trial.all("SELECT 1 FROM trades") == []
    assert trial.all("SELECT starting_equity FROM paper_accounts")[0]["starting_equity"] == 10_000
    assert {row["status"] for row in trial.all(LIGHTS)} == {"yellow"}
