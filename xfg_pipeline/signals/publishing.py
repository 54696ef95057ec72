"""A candidate as a record: the signal that it became, or the reason why it became none."""

from decimal import Decimal

from xfg_pipeline.signals.gates import Candidates
from xfg_pipeline.signals.light import Light
from xfg_pipeline.signals.reasoning import of_row, reasoning
from xfg_pipeline.signals.records import Direction, Signal, order_link_id
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES
from xfg_pipeline.signals.sizing import Size
from xfg_pipeline.signals.slots import moment
from xfg_pipeline.signals.stops import DAILY_LIMIT, GATES, OPEN_SIGNAL, SIZE, GateReading, at_least, millionths
from xfg_pipeline.signals.tiers import Tier


def signal_of(
    one: Candidates, row: int, *, light: Light, equity: Decimal | None, size: Size, tier: Tier, number: int
) -> Signal:
    """The signal of a row that passed every gate, as the `number`th of its kind (ready or paused) that day."""
    plans, price = one.plans, one.plans.increments.price
    kind, slot = SIGNAL_TYPES[plans.signal_type[row]], moment(one.features.slots[row])
    return Signal(
        coin=one.coin,
        slot=slot,
        direction=_side(one.direction[row]),
        signal_type=kind,
        tier=tier.tier,
        tier_evidence=tier.evidence,
        confidence=millionths(one.confidence[row]),
        disagreement=Decimal(repr(float(one.prediction.disagreement[row]))).quantize(Decimal("0.000001")),
        volume_ratio=millionths(one.volume_ratio[row]),
        entry_low=price(int(plans.entry_low[row])),
        entry_high=price(int(plans.entry_high[row])),
        stop_loss=price(int(plans.stop[row])),
        take_profit=price(int(plans.target[row])),
        risk_reward=plans.risk_reward(row),
        position_size=size.quantity,
        position_multiplier=light.multiplier,
        risk_amount=size.risk_amount,
        equity=equity,
        light_status=light.status,
        light_message=light.message,
        reasoning=reasoning(
            kind,
            long=bool(one.direction[row] > 0),
            measures={name: float(values[row]) for name, values in one.features.measures.items()},
            positioning=of_row(one.positioning, row),
            members=one.prediction.members[:, row],
            models=one.models,
            confidence=millionths(one.confidence[row]),
            increments=plans.increments,
        ),
        status="paused" if light.is_red else "ready",
        expires_at=slot + one.rules.ttl,
        order_link_id=order_link_id(slot, one.coin),
        gates=(*one.readings(row), *_later_readings(one, light, size, number)),
    )


def _later_readings(one: Candidates, light: Light, size: Size, number: int) -> tuple[GateReading, ...]:
    least, limit = one.plans.increments.min_qty, Decimal(one.rules.max_signals_per_day)
    return (
        GateReading(GATES[SIZE], passed=True, detail="not sized while paused")
        if light.is_red
        else at_least(GATES[SIZE], size.quantity, least, passed=True),
        GateReading(GATES[OPEN_SIGNAL], True, Decimal(0), "=", Decimal(0), Decimal(0)),
        GateReading(GATES[DAILY_LIMIT], True, Decimal(number), "≤", limit, limit - number),
    )


def _side(direction: int) -> Direction:
    return "LONG" if direction > 0 else "SHORT"
