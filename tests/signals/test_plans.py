"""Entry zone, stop and target in whole ticks: sides, rounding, and risk/reward from the worst fill."""

from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.candidate_rows import BTC, MODELS, feature_rows, measures, said
from xfg_pipeline.signals.gates import judge
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.plans import FARTHEST, REFUSALS, STOP, ZONE, Plans, make_plans
from xfg_pipeline.signals.positioning import PositioningRows
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES


def plans_of(
    direction: int | list[int] = 1,
    increments: Increments = BTC,
    around: PositioningRows | None = None,
    **changed: object,
) -> Plans:
    size = 1 if isinstance(direction, int) else len(direction)
    slots = np.arange(size, dtype=np.int64) * 900
    sides = np.broadcast_to(np.array(direction, dtype=np.int8), (size,))
    return make_plans("BTC", slots, measures(size, **changed), sides, increments, around)  # type: ignore[arg-type]


def prices(plans: Plans, row: int = 0) -> list[str]:
    columns = (plans.stop, plans.entry_low, plans.entry_high, plans.target)
    return [str(plans.increments.price(int(ticks[row]))) for ticks in columns]


def refusal(plans: Plans) -> str:
    assert not plans.possible[0]
    assert plans.columns()["stop_loss"].tolist() == pytest.approx([np.nan], nan_ok=True)
    return REFUSALS[plans.refusal[0]]


def test_a_breakout_aims_as_far_as_its_range_allows() -> None:
    # 1.618 × 1,000 from the edge is 1,618, less the 44 that price is beyond it; but 3.3 ATR are 1,320.
    plans = plans_of()
    assert prices(plans) == ["91410.0", "91890.0", "91970.0", "93250.0"]
    assert plans.risk_reward(0) == Decimal("2.2857")
    assert SIGNAL_TYPES[plans.signal_type[0]] == "breakout"
    # A range half as high is not worth the risk.
    narrow = plans_of(range_low=91386.0)
    assert prices(narrow)[3] == "92695.0"
    assert not narrow.reaches(Decimal(2))[0]


def test_the_zone_is_rounded_to_the_nearest_tick_and_the_stop_towards_it() -> None:
    # 10 % of 4,006 ticks are 400.6, and 130 % are 5,207.8.
    assert prices(plans_of(atr=400.6))[:3] == ["91409.3", "91889.9", "91970.1"]
    assert prices(plans_of(atr=400.4))[:3] == ["91409.5", "91890.0", "91970.0"]


def test_a_breakout_downwards_is_its_mirror() -> None:
    mirrored = plans_of(-1, close=90842.0, mean_20=91372.0)
    assert prices(mirrored) == ["91362.0", "90802.0", "90882.0", "89522.0"]
    assert mirrored.risk_reward(0) == Decimal("2.2857")


def test_a_reversion_aims_at_the_mean_and_no_farther() -> None:
    stretched = {"close": 91000.0, "rsi": 22.0, "range_high": 92500.0, "range_low": 90000.0}
    plans = plans_of(**stretched, mean_20=92140.03)
    assert prices(plans) == ["90520.0", "90960.0", "91040.0", "92140.0"]
    assert prices(plans_of(**stretched, mean_20=95000.0))[3] == "92320.0"
    assert not plans_of(**stretched, mean_20=91500.0).reaches(Decimal(2))[0]


def test_a_cascade_aims_at_taking_most_of_the_move_back() -> None:
    around = PositioningRows(np.array([np.nan]), np.array([-0.05]), np.array([np.nan]))
    plans = plans_of(1, around=around, close=89886.0, rsi=18.0)
    # 0.618 × (91,886 − 89,886) = 1,236.
    assert prices(plans) == ["89386.0", "89846.0", "89926.0", "91122.0"]
    assert plans.risk_reward(0) == Decimal("2.2148")


def test_a_trend_aims_three_usual_ranges_away() -> None:
    plans = plans_of(close=91500.0)
    assert SIGNAL_TYPES[plans.signal_type[0]] == "trend_following"
    assert prices(plans) == ["90980.0", "91460.0", "91540.0", "92700.0"]
    assert plans.risk_reward(0) == Decimal("2.0714")


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"close": 91500.0, "adx": 5.0}, "no signal type fits"),
        ({"atr": 0.0}, "inside the entry zone"),
        ({"atr": 0.2}, ""),
        ({"close": 91500.0, "atr": np.nan}, "not known"),
        ({"range_low": 91880.0}, "the target is inside the entry zone"),
        ({"atr": 80_000.0}, "below zero"),
        ({"close": 1e18, "range_high": 1e17}, "whole ticks"),
        ({"close": 0.04, "range_high": 0.03, "range_low": 0.01, "atr": 0.01}, "whole ticks"),
    ],
)
def test_a_plan_that_cannot_be_is_refused_with_its_reason(changed: dict[str, float], expected: str) -> None:
    plans = plans_of(**changed)
    if expected:
        assert expected in refusal(plans)
        assert plans.columns()["risk_reward"].tolist() == pytest.approx([np.nan], nan_ok=True)
    else:
        assert plans.possible[0]


def test_a_tick_too_coarse_for_a_stop_is_refused() -> None:
    coarse = Increments(Decimal(1000), Decimal("0.001"), Decimal("0.001"), Decimal(10), Decimal(5))
    assert "inside the entry zone" in refusal(plans_of(1, coarse))


def test_without_a_direction_there_is_no_plan() -> None:
    assert refusal(plans_of(0)) == "no direction"


LEAST_RATIOS = st.sampled_from(["2.0", "1.75", "2.2857", "3", "0.5"])


@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32 - 1),
    tick=st.sampled_from(["0.1", "0.00001", "5", "0.25", "0.0000001"]),
    ratio=LEAST_RATIOS,
)
def test_every_plan_has_its_prices_in_order_and_rounding_never_adds_risk(seed: int, tick: str, ratio: str) -> None:
    rng = np.random.default_rng(seed)
    size = 60
    increments = Increments(Decimal(tick), Decimal(1), Decimal(1), Decimal(10), Decimal(0))
    level = float(Decimal(tick)) * 10 ** rng.uniform(0.5, 6)
    close = np.round(level * rng.uniform(0.9, 1.1, size) / float(tick)) * float(tick)
    atr = close * 10 ** rng.uniform(-4, -0.3, size)
    near = {
        name: close + rng.normal(0, 4, size) * atr
        for name in ("mean_20", "band_high", "band_low", "ema_50", "range_high")
    }
    near["range_low"] = near["range_high"] - np.abs(rng.normal(0, 5, size)) * atr
    direction = rng.integers(-1, 2, size).astype(np.int8)
    rows = measures(size, close=close, high=close + atr, low=close - atr, atr=atr, adx=30.0, **near)
    plans = make_plans("X", np.arange(size), rows, direction, increments)
    assert ((plans.refusal == 0) == (plans.direction != 0)).all()
    low, high = plans.entry_low, plans.entry_high
    for row in np.flatnonzero(plans.possible).tolist():
        side, stop, target = int(plans.direction[row]), int(plans.stop[row]), int(plans.target[row])
        assert side == direction[row]
        if side > 0:
            assert 0 < stop < low[row] <= high[row] < target
        else:
            assert 0 < target < low[row] <= high[row] < stop
        here, usual = Decimal(close[row]), Decimal(atr[row])
        slack = Decimal(tick) / 2 + here * Decimal("1e-12")
        stop_away = abs(increments.price(stop) - here)
        assert stop_away <= Decimal(STOP[SIGNAL_TYPES[plans.signal_type[row]]]) * usual + slack
        assert abs(increments.price(target) - here) <= Decimal(FARTHEST) * usual + 2 * slack
        assert abs(increments.price(int(high[row])) - here - Decimal(ZONE) * usual) <= 2 * slack
        reward, risk = int(plans.reward[row]), int(plans.risk[row])
        assert plans.reaches(Decimal(ratio))[row] == (Decimal(reward) >= Decimal(ratio) * risk)
        assert plans.risk_reward(row) <= Decimal(reward) / Decimal(risk)


def test_risk_reward_is_compared_exactly_at_its_limit() -> None:
    one = plans_of()
    at = [(480, 960, True), (480, 959, False), (2**50, 2**51, True), (2**50, 2**51 - 1, False)]
    for risk, reward, expected in at:
        edge = 10
        fields = {
            name: np.array([value])
            for name, value in (
                ("entry_low", edge),
                ("entry_high", edge),
                ("stop", edge - risk),
                ("target", edge + reward),
            )
        }
        plan = Plans("BTC", one.slots, BTC, one.direction, one.signal_type, refusal=one.refusal, **fields)
        assert plan.reaches(Decimal("2.000"))[0] == expected
        assert (plan.risk_reward(0) >= 2) == expected
        # So many decimals that 64 bits do not hold the products.
        assert plan.reaches(Decimal("1.999999999999999999999")).tolist() == [expected]
        assert plan.reaches(Decimal("2.000000000000000000001")).tolist() == [False]


def test_one_slot_alone_and_among_many_get_the_same_plan() -> None:
    rng = np.random.default_rng(11)
    size = 501
    close = rng.uniform(90_000, 93_000, size)
    rows = measures(
        size,
        close=close,
        high=close + 200,
        low=close - 200,
        atr=rng.uniform(50, 900, size),
        rsi=rng.uniform(10, 90, size),
    )
    direction = rng.integers(-1, 2, size).astype(np.int8)
    slots = np.arange(size, dtype=np.int64)
    whole = make_plans("BTC", slots, rows, direction, BTC)
    for row in range(0, size, 7):
        cut = slice(row, row + 1)
        alone = make_plans("BTC", slots[cut], {k: v[cut] for k, v in rows.items()}, direction[cut], BTC)
        for name in ("direction", "signal_type", "entry_low", "entry_high", "stop", "target", "refusal"):
            assert getattr(alone, name)[0] == getattr(whole, name)[row]


def test_prices_leave_as_the_doubles_of_their_decimals() -> None:
    plans = plans_of([1, 0])
    assert [column.tolist()[0] for column in plans.as_floats()] == [91970.0, 91410.0, 93250.0]
    columns = plans.columns()
    assert {name: values[0] for name, values in columns.items() if name != "risk_reward"} == {
        "entry_low": 91890.0,
        "entry_high": 91970.0,
        "stop_loss": 91410.0,
        "take_profit": 93250.0,
    }
    assert all(np.isnan(values[1]) for values in columns.values())


def test_a_normal_candidate_of_each_kind_passes_the_usual_gate() -> None:
    found = judge(feature_rows(1), said((0.1, 0.06, 0.84)), MODELS, BTC, SignalRules())
    assert found.stops.reason(0) == ""
