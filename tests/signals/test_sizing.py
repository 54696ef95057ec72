"""The size of a position: what may be lost is what the rule allows, and never more."""

import ast
import inspect
from decimal import Decimal

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from xfg_pipeline.signals import sizing
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.sizing import NO_POSITION, Size, SizeRefused, size_position

BTC = Increments(Decimal("0.10"), Decimal("0.001"), Decimal("0.001"), Decimal(100), Decimal(5))
BASE = Decimal("0.015")


def size(
    equity: str | None = "39661", multiplier: str = "0.5", far: str = "91950", stop: str = "91350", **changed: str
) -> Size:
    increments = Increments(
        **{name: Decimal(changed.get(name, str(getattr(BTC, name)))) for name in BTC.__dataclass_fields__}
    )
    known = None if equity is None else Decimal(equity)
    return size_position(known, Decimal(multiplier), Decimal(far), Decimal(stop), increments, BASE)


def test_the_size_is_the_allowed_risk_over_the_stop_distance_rounded_down() -> None:
    # 39,661 × 1.5 % × 0.5 = 297.4575 over 600 a coin is 0.49576….
    made = size()
    assert str(made.quantity) == "0.495"
    assert made.risk_amount == 297
    assert made.risk_share == Decimal("0.007489")
    assert made.notional == Decimal("45515.25")


def test_a_light_at_half_is_half_the_size_and_a_short_is_sized_alike() -> None:
    assert size(multiplier="1").quantity == Decimal("0.991")
    assert size(far="91350", stop="91950").quantity == Decimal("0.495")


def test_the_most_that_an_order_may_hold_caps_the_size() -> None:
    assert size(max_qty="0.2005").quantity == Decimal("0.200")


def test_an_exact_step_is_not_lost_to_rounding() -> None:
    assert str(size("40000", "1", far="100", stop="97", max_qty="1000").quantity) == "200.000"
    assert str(size("40000", "1", far="0.1", stop="0.07", qty_step="10", max_qty="1e9").quantity) == "20000"


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"equity": None}, "equity is not known"),
        ({"equity": "NaN"}, "equity is not known"),
        ({"equity": "0"}, "equity is 0.00"),
        ({"equity": "-12.5"}, "equity is -12.50"),
        ({"equity": "50"}, "is a size of 0, below the least order of 0.001"),
        ({"min_qty": "0.5"}, "0.495, below the least order of 0.5"),
        ({"min_notional": "45515.26"}, "worth 45515.25, below the least order value of 45515.26"),
    ],
)
def test_what_cannot_be_ordered_is_refused_with_the_numbers(changed: dict[str, str | None], message: str) -> None:
    with pytest.raises(SizeRefused, match=message):
        size(**changed)  # type: ignore[arg-type]


def test_the_least_that_can_be_ordered_is_not_refused() -> None:
    assert size(min_qty="0.495", min_notional="45515.25").quantity == Decimal("0.495")


def test_a_red_light_is_no_position_whatever_the_equity() -> None:
    assert size(multiplier="0") == NO_POSITION
    assert size(None, multiplier="0") == NO_POSITION
    assert NO_POSITION.quantity == 0
    assert NO_POSITION.risk_amount == 0


@pytest.mark.parametrize("multiplier", ["-0.5", "1.01"])
def test_a_multiplier_beyond_its_range_is_a_fault(multiplier: str) -> None:
    with pytest.raises(ValueError, match="from 0 to 1"):
        size(multiplier=multiplier)


def test_a_stop_at_the_far_edge_is_a_fault() -> None:
    with pytest.raises(ValueError, match="far edge"):
        size(far="91350")


AMOUNTS = st.decimals("0.01", "1e9", places=8, allow_nan=False)
SHARES = st.sampled_from([Decimal("0.25"), Decimal("0.5"), Decimal(1), Decimal("0.3333")])
STEPS = st.sampled_from([Decimal("0.001"), Decimal("0.00001"), Decimal("0.5"), Decimal(1), Decimal(10)])
PRICES = st.decimals("0.0001", "200000", places=4, allow_nan=False)


def tried(equity: Decimal, multiplier: Decimal, far: Decimal, stop: Decimal, increments: Increments) -> Size:
    """What is refused is no position."""
    try:
        return size_position(equity, multiplier, far, stop, increments, BASE)
    except SizeRefused:
        return NO_POSITION


@given(equity=AMOUNTS, more=AMOUNTS, multiplier=SHARES, far=PRICES, stop=PRICES, step=STEPS, least=AMOUNTS)
def test_never_more_risk_than_allowed_in_whole_steps_and_more_equity_is_never_a_smaller_size(
    equity: Decimal, more: Decimal, multiplier: Decimal, far: Decimal, stop: Decimal, step: Decimal, least: Decimal
) -> None:
    assume(far != stop)
    increments = Increments(Decimal("0.0001"), step, step * 2, step * 1000, least)
    made = tried(equity, multiplier, far, stop, increments)
    assert made.risk_amount == made.quantity * abs(far - stop)
    assert made.risk_amount <= equity * BASE * multiplier
    assert made.quantity % step == 0
    assert made.quantity <= increments.max_qty
    assert made.notional == made.quantity * far
    if made.quantity:
        assert made.quantity >= increments.min_qty
        assert made.notional >= least
        assert made.risk_amount <= equity * made.risk_share <= made.risk_amount + equity * Decimal("0.000001")
        if made.quantity < increments.max_qty:
            assert (made.quantity + step) * abs(far - stop) > equity * BASE * multiplier
    assert tried(equity + more, multiplier, far, stop, increments).quantity >= made.quantity
    assert tried(equity, multiplier / 2, far, stop, increments).quantity <= made.quantity


def test_no_float_is_in_the_arithmetic() -> None:
    tree = ast.parse(inspect.getsource(sizing))
    floats = [node for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, float)]
    assert floats == []
    assert not {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"float", "np"}
