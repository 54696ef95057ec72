"""The copy-paste ticket: an order in the exchange's own terms, for a signal that can be acted on now."""

from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Literal

from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.light import Light
from xfg_pipeline.signals.records import Signal, Status, status_at
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.sizing import SizeRefused, size_position


class TicketRefused(Exception):
    """There is nothing to place. The message says why, and is all that a person should see."""


@dataclass(frozen=True)
class Ticket:
    """A limit order at the far edge of the entry zone, with target and stop triggered by the last price."""

    symbol: str
    side: Literal["Buy", "Sell"]
    quantity: str
    price: str
    take_profit: str
    stop_loss: str
    link_id: str
    multiplier: Decimal
    risk_amount: Decimal

    @property
    def text(self) -> str:
        """Plain lines, label and value."""
        return "\n".join(
            (
                f"{self.symbol}  {self.side}  Limit",
                f"Quantity     {self.quantity}",
                f"Price        {self.price}",
                f"Take profit  {self.take_profit}  last price",
                f"Stop loss    {self.stop_loss}  last price",
                f"Link id      {self.link_id}",
            )
        )


def ticket(
    signal: Signal, status: Status, symbol: str, increments: Increments, light: Light, now: datetime, rules: SignalRules
) -> Ticket:
    """The order of a signal at a moment, under the light that holds then.

    `status` is the stored one. A light that has become stricter since cuts the size; one that has become better leaves
    it. Raises TicketRefused when the signal is expired, paused or executed, the light is red, or the cut size is below
    the exchange's minima.
    """
    current = status_at(status, signal.expires_at, now)
    if current == "executed":
        raise TicketRefused(f"EXECUTED: {signal.order_link_id} has been placed, there is nothing more to do")
    if current == "expired":
        raise TicketRefused(f"EXPIRED at {signal.expires_at.astimezone(UTC):%Y-%m-%d %H:%M} UTC: open nothing")
    if current == "paused" or light.is_red:
        raise TicketRefused(f"PAUSED, open nothing: {light.message if light.is_red else signal.light_message}")
    quantity, multiplier, risk_amount = signal.position_size, signal.position_multiplier, signal.risk_amount
    if light.multiplier < multiplier:
        multiplier = light.multiplier
        try:
            size = size_position(
                signal.equity, multiplier, signal.far_edge, signal.stop_loss, increments, rules.base_risk_per_trade
            )
        except SizeRefused as refused:
            raise TicketRefused(f"NO SIZE at ×{multiplier}, open nothing: {refused}") from refused
        quantity, risk_amount = size.quantity, size.risk_amount
    return Ticket(
        symbol=symbol,
        side="Buy" if signal.direction == "LONG" else "Sell",
        quantity=increments.quantity_text(quantity),
        price=increments.price_text(signal.far_edge),
        take_profit=increments.price_text(signal.take_profit),
        stop_loss=increments.price_text(signal.stop_loss),
        link_id=signal.order_link_id,
        multiplier=multiplier,
        risk_amount=risk_amount,
    )
