"""The tier of a coin: whole numbers, and never better for what is not known."""

import pytest

from xfg_pipeline.signals.tiers import tier_of


@pytest.mark.parametrize(("wins", "tier"), [(20, 1), (15, 1), (14, 2), (13, 3), (0, 3)])
def test_the_tier_is_by_wins_of_twenty(wins: int, tier: int) -> None:
    found = tier_of([True] * wins + [False] * (20 - wins))
    assert (found.tier, found.wins, found.known) == (tier, wins, 20)
    assert found.evidence == f"tier {tier}: {wins} of the last 20 signals reached the target first"


def test_fewer_than_twenty_known_is_tier_three_and_says_so() -> None:
    found = tier_of([True] * 19)
    assert found.tier == 3
    assert found.evidence == "tier 3: 19 of 20 outcomes are known"
    assert tier_of([]).evidence == "tier 3: 0 of 20 outcomes are known"


def test_only_the_last_twenty_count() -> None:
    assert tier_of([False] * 50 + [True] * 20).tier == 1
    assert tier_of([True] * 50 + [False] * 20).tier == 3
