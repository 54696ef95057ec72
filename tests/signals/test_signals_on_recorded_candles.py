"""The whole path on recorded candles of a real market: every plan is possible, and nothing looks ahead."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from tests.signals.candidate_rows import BTC, MODELS, FixedLight, Said, said
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.features import compute
from xfg_pipeline.signals.gates import Candidates, judge
from xfg_pipeline.signals.outcomes import OUTCOMES, STOP, TARGET, TIMEOUT, Outcomes, follow
from xfg_pipeline.signals.plans import REFUSALS
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.selection import Selection, select
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES
from xfg_pipeline.signals.standing import Standing

FIRST, LAST = datetime(2024, 4, 1, tzinfo=UTC), datetime(2024, 6, 1, tzinfo=UTC)
RULES = SignalRules()


@pytest.fixture(scope="module")
def recorded(shared_data: Path) -> Candles:
    """A Bybit perpetual, two months with the days before and after that they need."""
    table = pd.read_csv(shared_data / "crypto" / "bybit_BTCUSDT_15m.csv")
    at = pd.to_datetime(table["timestamp"]).to_numpy().astype("datetime64[s]").astype(np.int64)
    columns = (table[name].to_numpy(dtype=np.float64) for name in ("open", "high", "low", "close", "volume"))
    return Candles("BTC", at, *columns).opened_between(FIRST - timedelta(days=4), LAST + timedelta(days=2))


def followed_momentum(candles: Candles, start: datetime, end: datetime) -> Candidates:
    """Probabilities that believe in the last hour's direction: no model, but real prices."""
    features = compute(candles, start, end)
    lean = np.nan_to_num(np.tanh(60 * features.measures["return_4"])) * 0.49 + 0.5
    return judge(features, answers(lean), MODELS, BTC, RULES)


def answers(lean: np.ndarray) -> Said:
    return said(*[(0.999 * (1 - up), 0.001, 0.999 * up) for up in lean.tolist()])


def published(candidates: Candidates, outcomes: Outcomes) -> Selection:
    return select(
        [candidates],
        Standing(),
        light=FixedLight("1"),
        equity=lambda _: Decimal(40_000),
        rules=RULES,
        outcomes={"BTC": outcomes},
    )


def outcomes_of(candidates: Candidates, candles: Candles, as_of: datetime) -> Outcomes:
    plans = candidates.plans
    return follow(plans.slots, plans.direction, *plans.as_floats(), candles, as_of)


@pytest.fixture(scope="module")
def whole(recorded: Candles) -> Candidates:
    return followed_momentum(recorded, FIRST, LAST)


def test_every_plan_is_in_order_and_worth_its_name(whole: Candidates) -> None:
    plans = whole.plans
    assert len(whole.features) == 61 * 96
    possible = plans.possible
    sign = plans.direction[possible].astype(np.int64)
    low, high, stop, target = (
        ticks[possible] * sign for ticks in (plans.entry_low, plans.entry_high, plans.stop, plans.target)
    )
    assert (stop < np.minimum(low, high)).all()
    assert (np.maximum(low, high) < target).all()
    kinds = {SIGNAL_TYPES[kind] for kind in plans.signal_type[possible]}
    assert {"breakout", "trend_following", "mean_reversion"} <= kinds
    ratio = plans.columns()["risk_reward"][possible]
    assert 0.5 < (ratio >= 2).mean() < 1
    assert ratio.max() < 3
    refused = {REFUSALS[code] for code in plans.refusal[~possible]}
    assert not {text for text in refused if "tick" in text or "zero" in text}


def test_real_prices_reach_targets_and_stops_and_a_plan_is_not_better_than_its_odds(
    whole: Candidates, recorded: Candles
) -> None:
    found = outcomes_of(whole, recorded, LAST + timedelta(days=2))
    followed = whole.plans.possible
    counts = {name: int((found.outcome[followed] == code).sum()) for code, name in enumerate(OUTCOMES)}
    assert counts["unresolved"] == 0
    assert counts["ambiguous"] < 0.01 * followed.sum()
    assert counts["target"] > 200
    assert counts["stop"] > counts["target"]
    known = followed & np.isin(found.outcome, (TARGET, STOP, TIMEOUT))
    # Momentum is no edge: a path that looked ahead would show here.
    assert abs(found.r_multiple[known].mean()) < 0.2


def test_signals_are_the_same_when_the_future_is_not_there(whole: Candidates, recorded: Candles) -> None:
    everything = published(whole, outcomes_of(whole, recorded, LAST + timedelta(days=2)))
    assert len(everything.signals) > 20
    day = FIRST + timedelta(days=40)
    for as_of in (day + timedelta(hours=7, minutes=15), day + timedelta(hours=23, minutes=45)):
        seen = recorded.closed_by(as_of)
        then = followed_momentum(seen, FIRST, as_of + timedelta(minutes=1))
        known = published(then, outcomes_of(then, seen, as_of))
        earlier = [one for one in everything.signals if one.slot <= as_of]
        assert list(known.signals) == earlier
        assert {one.tier_evidence for one in earlier} != {earlier[0].tier_evidence}


def test_a_missing_candle_stops_its_day_and_only_what_reads_it(whole: Candidates, recorded: Candles) -> None:
    hole = np.flatnonzero(recorded.close_time == int(whole.features.slots[96 * 10 + 20]))[0]
    keep = np.arange(len(recorded)) != hole
    found = followed_momentum(recorded.at(keep), FIRST, LAST)
    changed = np.flatnonzero(found.stops.gate != whole.stops.gate)
    stopped = np.flatnonzero(~found.features.usable)
    assert set(changed) <= set(stopped)
    assert stopped[0] == 96 * 10 + 20
    # The rest of that day, and the three days whose slots look back over it.
    assert stopped[-1] == 96 * 14 - 1
    reasons = [found.stops.reason(row) for row in stopped.tolist()]
    assert reasons[0] == "no closed candle for the slot"
    assert set(reasons[1:]) == {"a candle is missing since three days before the slot's day"}
    assert not found.plans.possible[stopped].any()
