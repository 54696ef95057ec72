"""What the light saved and cost, by rule."""

from datetime import UTC, datetime
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from xfg_pipeline.trading.guard_cost import Cost, GuardedPlan, guard_cost
from xfg_pipeline.trading.light.facts import MULTIPLIERS, Status

SLOT = datetime(2026, 11, 20, 12, tzinfo=UTC)


def plan(status: Status, r: str | None, rule: str | None = "win_rate", risk: str | None = "100") -> GuardedPlan:
    return GuardedPlan(
        SLOT,
        "BTC",
        status,
        MULTIPLIERS[status],
        rule,
        None if r is None else Decimal(r),
        None if risk is None else Decimal(risk),
    )


def test_red_saves_the_whole_loss_and_misses_the_whole_gain() -> None:
    found = guard_cost([plan("red", "-1"), plan("red", "2.5"), plan("red", "-0.5")])
    assert found.red == Cost(
        n=3,
        losers=2,
        winners=1,
        saved_r=Decimal("1.5"),
        missed_r=Decimal("2.5"),
        saved_money=Decimal(150),
        missed_money=Decimal(250),
        priced=3,
    )
    assert (found.red.net_r, found.red.net_money) == (Decimal(-1), Decimal(-100))
    assert (found.yellow, found.total) == (Cost(), found.red)


def test_yellow_counts_by_the_half_that_it_held_back() -> None:
    found = guard_cost([plan("yellow", "-1", "calibration"), plan("yellow", "3", "calibration")])
    assert (found.yellow.saved_r, found.yellow.missed_r) == (Decimal("0.5"), Decimal("1.5"))


def test_green_costs_nothing_and_is_left_out() -> None:
    assert guard_cost([plan("green", "-1", None)]).total == Cost()


def test_an_end_that_is_not_known_is_counted_and_nothing_else_and_an_unknown_risk_has_no_money() -> None:
    found = guard_cost([plan("red", None), plan("red", "-1", risk=None), plan("red", "0")])
    assert (found.red.n, found.red.unknown, found.red.losers, found.red.winners) == (3, 1, 1, 0)
    assert (found.red.saved_r, found.red.saved_money, found.red.priced) == (Decimal(1), Decimal(0), 1)


def test_rules_stand_red_first_and_the_busiest_first() -> None:
    plans = [plan("yellow", "1", "probation")] * 5 + [plan("red", "1", "paused"), *[plan("red", "-1", "win_rate")] * 2]
    assert [(status, rule, cost.n) for status, rule, cost in guard_cost(plans).rules] == [
        ("red", "win_rate", 2),
        ("red", "paused", 1),
        ("yellow", "probation", 5),
    ]


_PLANS = st.lists(
    st.builds(
        plan,
        st.sampled_from(["green", "yellow", "red"]),
        st.one_of(st.none(), st.integers(-300, 500).map(lambda k: str(Decimal(k) / 100))),
        st.sampled_from(["win_rate", "daily_loss", None]),
        st.one_of(st.none(), st.just("37.5")),
    ),
    max_size=30,
)


@given(_PLANS)
def test_rules_add_up_to_the_sums_in_any_order(plans: list[GuardedPlan]) -> None:
    found, turned = guard_cost(plans), guard_cost(plans[::-1])
    assert found == turned
    held_back = [one for one in plans if one.status != "green"]
    assert sum(cost.n for _, _, cost in found.rules) == found.total.n == len(held_back)
    net = sum(((1 - one.multiplier) * -one.r_multiple for one in held_back if one.r_multiple is not None), Decimal(0))
    assert found.total.net_r == net == found.red.net_r + found.yellow.net_r
