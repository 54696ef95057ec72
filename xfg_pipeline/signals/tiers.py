"""A coin's tier, from how its published signals ended: by the last 20 whose outcome was known at the slot."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

WINDOW: Final = 20
FIRST_PERCENT, SECOND_PERCENT = 75, 70


@dataclass(frozen=True)
class Tier:
    """1 from 75 % of wins on, 2 from 70 %, else 3; 3 also while fewer than 20 are known. `evidence` says which."""

    tier: int
    wins: int
    known: int
    evidence: str


def tier_of(wins: Sequence[bool]) -> Tier:
    """The tier after outcomes in the order in which they became known: True where the target came first.

    Only the last 20 count. Compared in whole numbers: 15 of 20 is 75 %.
    """
    last = wins[-WINDOW:]
    won, known = sum(last), len(last)
    if known < WINDOW:
        return Tier(3, won, known, f"tier 3: {known} of {WINDOW} outcomes are known")
    tier = 1 if 100 * won >= FIRST_PERCENT * known else 2 if 100 * won >= SECOND_PERCENT * known else 3
    return Tier(tier, won, known, f"tier {tier}: {won} of the last {known} signals reached the target first")
