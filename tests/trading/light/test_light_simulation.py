"""The simulation says the same as the light itself, and the same again."""

import numpy as np
import pytest

from benchmarks import light
from xfg_pipeline.trading.light.facts import Evidence


def test_the_simulation_agrees_with_decide_trade_by_trade() -> None:
    random = np.random.default_rng(8)
    assert light.compared_with_decide(light.invented(random, 3, 0, 120, None), 3) > 120
    assert light.compared_with_decide(light.invented(random, 2, 200, 60, 0.55), 2) > 4


@pytest.mark.parametrize("evidence", ["literal", "gated"])
def test_the_same_seed_gives_the_same_lives_and_reds(evidence: Evidence) -> None:
    one, other = (light.invented(np.random.default_rng(4), 20, 0, 100, None) for _ in range(2))
    assert light.first_reds(one, evidence) == light.first_reds(other, evidence)


def test_the_gated_light_is_red_less_often_and_later() -> None:
    lives = light.invented(np.random.default_rng(6), 150, 0, 150, None)
    literal, gated = (light.first_reds(lives, evidence) for evidence in ("literal", "gated"))
    late = [(a.trade, b.trade) for a, b in zip(literal, gated, strict=True) if b.trade is not None]
    assert all(a is not None and a <= b for a, b in late)
    assert sum(one.trade is not None for one in gated) < 0.4 * sum(one.trade is not None for one in literal)
