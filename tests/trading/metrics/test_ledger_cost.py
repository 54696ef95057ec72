"""What a trade costs does not grow with those before it: counted in calls, which no other load disturbs."""

import sys
from collections.abc import Callable
from datetime import timedelta
from typing import Any

from tests.trading.metrics.event_lists import MONDAY, closing, equity, trade
from xfg_pipeline.trading.metrics.ledger import Ledger


def _calls(action: Callable[[], object]) -> int:
    count = 0

    def one_more(_frame: Any, event: str, _argument: Any) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(one_more)
    try:
        action()
    finally:
        sys.setprofile(before)
    return count


def test_the_five_thousandth_trade_costs_what_the_three_hundredth_did() -> None:
    ledger = Ledger()
    ledger.add(equity("10000"))
    costs = {}

    def one(number: int) -> None:
        at = MONDAY + timedelta(hours=6 * number)
        ledger.add(closing("1" if number % 3 else "-1", at))
        ledger.add(trade(number % 3 > 0, at, kind="breakout", r="0.5", confidence=0.8, ensemble="one"))
        ledger.at(at)
        ledger.groups(at)

    for number in range(1, 5001):
        if number in {300, 5000}:
            costs[number] = _calls(lambda number=number: one(number))
        elif number % 10 == 0 or number > 4990:
            one(number)
        else:
            at = MONDAY + timedelta(hours=6 * number)
            ledger.add(closing("1" if number % 3 else "-1", at))
            ledger.add(trade(number % 3 > 0, at, kind="breakout", r="0.5", confidence=0.8, ensemble="one"))
    assert abs(costs[5000] - costs[300]) <= 0.05 * costs[300]
