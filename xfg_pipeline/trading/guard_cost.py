"""What red and yellow saved, and what they cost: paused and halved plans, by how they would have ended."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal

from xfg_pipeline.trading.light.facts import MULTIPLIERS, Status

NO_RULE = "none"


@dataclass(frozen=True)
class GuardedPlan:
    """A plan that stood under a light. `risk` is the money at stake at full size, in the quote currency.

    `r_multiple`: what the plan came to in units of its risk, None where that is not known. `multiplier` is the one that
    held; `rule` decided.
    """

    slot: datetime
    coin: str
    status: Status
    multiplier: Decimal
    rule: str | None
    r_multiple: Decimal | None
    risk: Decimal | None


@dataclass(frozen=True)
class Cost:
    """What holding back came to. `saved` are losses that were not taken, `missed` gains that were not made.

    Both are 0 or more and of the part that was held back: all of it under red, half under yellow. `r` in units of the
    plan's risk, `money` in the quote currency over plans whose risk is known (`priced` of them). `n` plans, of which
    the end of `unknown` is not known and counts nowhere else.
    """

    n: int = 0
    unknown: int = 0
    losers: int = 0
    winners: int = 0
    saved_r: Decimal = Decimal(0)
    missed_r: Decimal = Decimal(0)
    saved_money: Decimal = Decimal(0)
    missed_money: Decimal = Decimal(0)
    priced: int = 0

    @property
    def net_r(self) -> Decimal:
        """Saved less missed: above zero, the light has spared more than it has cost."""
        return self.saved_r - self.missed_r

    @property
    def net_money(self) -> Decimal:
        """Saved less missed, in the quote currency."""
        return self.saved_money - self.missed_money


@dataclass(frozen=True)
class GuardCost:
    """By status and rule, most plans first; and in sum, by status and altogether. Plans under green are left out."""

    rules: tuple[tuple[Status, str, Cost], ...]
    red: Cost
    yellow: Cost
    total: Cost


def guard_cost(plans: Iterable[GuardedPlan]) -> GuardCost:
    """What the light saved and cost over these plans. A demonstration of the rules, not a forecast of them."""
    by_rule: dict[tuple[Status, str], Cost] = {}
    for plan in plans:
        if plan.multiplier < MULTIPLIERS["green"]:
            key = (plan.status, plan.rule or NO_RULE)
            by_rule[key] = added(by_rule.get(key, Cost()), _of(plan))
    order = sorted(by_rule, key=lambda key: (key[0] != "red", -by_rule[key].n, key[1]))
    red, yellow = (
        _sum(cost for (status, _), cost in by_rule.items() if (status == "red") is is_red) for is_red in (True, False)
    )
    return GuardCost(tuple((*key, by_rule[key]) for key in order), red, yellow, added(red, yellow))


def added(one: Cost, other: Cost) -> Cost:
    """Both together."""
    return Cost(
        one.n + other.n,
        one.unknown + other.unknown,
        one.losers + other.losers,
        one.winners + other.winners,
        one.saved_r + other.saved_r,
        one.missed_r + other.missed_r,
        one.saved_money + other.saved_money,
        one.missed_money + other.missed_money,
        one.priced + other.priced,
    )


def _sum(costs: Iterable[Cost]) -> Cost:
    total = Cost()
    for cost in costs:
        total = added(total, cost)
    return total


def _of(plan: GuardedPlan) -> Cost:
    if plan.r_multiple is None:
        return Cost(n=1, unknown=1)
    held_back = MULTIPLIERS["green"] - plan.multiplier
    r = plan.r_multiple * held_back
    money = r * plan.risk if plan.risk is not None else Decimal(0)
    zero = Decimal(0)
    return Cost(
        n=1,
        losers=int(r < 0),
        winners=int(r > 0),
        saved_r=max(zero, -r),
        missed_r=max(zero, r),
        saved_money=max(zero, -money),
        missed_money=max(zero, money),
        priced=int(plan.risk is not None),
    )
