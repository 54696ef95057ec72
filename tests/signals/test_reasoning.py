"""Why there is a signal: plain sentences with the numbers, and no promise."""

from decimal import Decimal

import numpy as np
import pytest

from tests.signals.candidate_rows import BREAKOUT, BTC, MODELS
from xfg_pipeline.signals.reasoning import reasoning
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES

UP, DOWN, FLAT = (0.1, 0.1, 0.8), (0.8, 0.1, 0.1), (0.1, 0.8, 0.1)
POSITIONING = {"funding_rate": 0.0003, "open_interest_change": -0.0312, "long_short_ratio": 1.84}


def told(
    kind: str, *, long: bool = True, members: object = (UP,) * 5, models: tuple[str, ...] = MODELS, **changed: float
) -> str:
    around = {name: changed.pop(name, value) for name, value in POSITIONING.items()}
    return reasoning(
        kind,
        long=long,
        measures={**BREAKOUT, **changed},
        positioning=around,
        members=np.array(members),
        models=models,
        confidence=Decimal("0.849999"),
        increments=BTC,
    )


def test_a_breakout_names_the_level_that_was_broken() -> None:
    assert told("breakout", members=(UP, UP, UP, FLAT, UP)) == (
        "Price closed above the 20-candle high of 91,886.0 with 2.62 times the usual volume. "
        "Four of five models agree, tabnet does not; confidence 0.84."
    )
    assert "closed below the 20-candle low of 90,886.0 with" in told("breakout", long=False, members=(DOWN,) * 5)


@pytest.mark.parametrize(
    ("kind", "long", "expected"),
    [
        (
            "trend_following",
            True,
            "Price closed above its 50-candle average of 91,200.0 in a trend of strength 24 (ADX)",
        ),
        ("trend_following", False, "Price closed below its 50-candle average of 91,200.0"),
        (
            "mean_reversion",
            True,
            "Price closed 1.3 times the usual candle range below its 20-candle mean of 91,400.0, RSI 62,",
        ),
        ("mean_reversion", False, "1.3 times the usual candle range above its 20-candle mean"),
        (
            "liquidation_cascade",
            True,
            "Price fell 3.0% from the 20-candle high of 91,886.0 while open interest shrank by 3.1%",
        ),
        ("liquidation_cascade", False, "Price rose 3.0% from the 20-candle low of 90,886.0 while open interest"),
    ],
)
def test_each_type_tells_what_was_seen(kind: str, long: bool, expected: str) -> None:
    close = {
        "mean_reversion": 90880.0 if long else 91920.0,
        "liquidation_cascade": 89129.0 if long else 93612.6,
    }.get(kind, 91930.0)
    assert expected in told(kind, long=long, members=(UP if long else DOWN,) * 5, close=close)


def test_a_divergence_tells_the_crowd_what_it_pays_and_where_price_went() -> None:
    long_crowd = told("sentiment_divergence", long=False, members=(DOWN,) * 5, return_96=-0.0123)
    assert long_crowd.startswith(
        "1.8 accounts are long for each that is short, funding is 0.030%, and price has moved −1.2% in a day, with 2.62"
    )
    short_crowd = told("sentiment_divergence", long_short_ratio=0.5, funding_rate=-0.0002)
    assert short_crowd.startswith(
        "2.0 accounts are short for each that is long, funding is −0.020%, and price has moved +1.2% in a day, with"
    )


@pytest.mark.parametrize(
    ("members", "expected"),
    [
        ((UP,) * 5, "All five models agree; "),
        ((UP, UP, UP, FLAT, DOWN), "Three of five models agree, tabnet and automl do not; "),
        ((UP, UP, DOWN, FLAT, DOWN), "Two of five models agree; "),
        ((UP, FLAT, DOWN, FLAT, DOWN), "One of five models agrees; "),
        ((FLAT,) * 5, "No single model is on this side by itself; "),
    ],
)
def test_who_agrees_is_counted_and_one_or_two_that_do_not_are_named(members: object, expected: str) -> None:
    assert expected in told("breakout", members=members)


def test_a_short_is_agreed_on_by_models_that_say_down() -> None:
    assert "Four of five models agree, xgboost does not; " in told("breakout", long=False, members=(UP, *[DOWN] * 4))


def test_an_ensemble_of_one_or_of_many_is_told_as_well() -> None:
    assert "The only model, xgboost, says the same; " in told("breakout", members=(UP,), models=("xgboost",))
    twelve = tuple(f"model_{n}" for n in range(12))
    assert "All 12 models agree; " in told("breakout", members=(UP,) * 12, models=twelve)


@pytest.mark.parametrize("kind", SIGNAL_TYPES)
def test_nothing_is_promised(kind: str) -> None:
    text = told(kind).lower()
    assert text.count(". ") == 1
    assert not [word for word in ("profit", "will", "sure", "guarantee", "expect", "!") if word in text]
