"""An account that a test writes order by order: its records as the exchange gives them, and what really happened."""

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from xfg_pipeline.signals.records import Direction
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord, Side
from xfg_pipeline.trading.trade import Trade
from xfg_pipeline.trading.trades import trades_of

START = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
FEE = Decimal("0.00055")
CENT = Decimal("1e-8")


@dataclass
class RoundTrip:
    """What happened to one position, as the one who traded it knows. `pnl` is the sum of its closings so far."""

    coin: str
    direction: Direction
    opened_at: datetime
    held: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    closed: Decimal = Decimal(0)
    pnl: Decimal = Decimal(0)
    closed_at: datetime | None = None


@dataclass
class Story:
    """An order a minute, a fill a second. `hedge`: longs and shorts of a coin stand side by side."""

    hedge: bool = False
    at: datetime = START
    closings: dict[str, Closing] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    orders: list[OrderRecord] = field(default_factory=list)
    trips: list[RoundTrip] = field(default_factory=list)
    _open: dict[tuple[str, Direction], RoundTrip] = field(default_factory=dict)

    def order(
        self,
        coin: str,
        side: Side,
        *fills: tuple[str, str],
        create: str = "CreateByUser",
        stop_type: str = "",
        kind: str = "Trade",
        link: str = "",
        parent: str = "",
        stop: str | None = None,
        target: str | None = None,
        closes: bool | None = None,
        order_id: str | None = None,
    ) -> str:
        """An order of (quantity, price) fills; in hedge mode `closes` says which position it is for. Its id."""
        self.at = self.at.replace(second=0) + timedelta(minutes=1)
        order_id = order_id or f"order-{len(self.orders):03}"
        first = self.at
        for quantity, price in fills:
            self._fill(order_id, coin, side, Decimal(quantity), Decimal(price), create, stop_type, kind, link, closes)
        quantity = sum((Decimal(one) for one, _ in fills), Decimal(0))
        self.orders.append(
            OrderRecord(
                order_id=order_id,
                link_id=link,
                parent_link_id=parent,
                coin=coin,
                side=side,
                status="Filled",
                order_type="Market",
                price=None,
                quantity=quantity,
                average_price=None,
                filled_quantity=quantity,
                create_type=create,
                stop_order_type=stop_type,
                cancel_type="UNKNOWN",
                reject_reason="EC_NoError",
                take_profit=None if target is None else Decimal(target),
                stop_loss=None if stop is None else Decimal(stop),
                trigger_price=None,
                reduce_only=bool(stop_type),
                close_on_trigger=bool(stop_type),
                position_index=0,
                created_at=first,
                updated_at=self.at,
            )
        )
        return order_id

    def funding(self, coin: str, fee: str, side: Side = "Buy") -> None:
        """A settlement: `fee` above 0 is paid."""
        self.at += timedelta(seconds=1)
        self._execution("", coin, side, Decimal(1), Decimal(100), Decimal(fee), Decimal(0), "Funding")

    def trades(self) -> tuple[Trade, ...]:
        return trades_of("bybit", self.closings.values(), self.executions, self.orders)

    def only(self) -> Trade:
        (trade,) = self.trades()
        return trade

    def _fill(
        self,
        order_id: str,
        coin: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        create: str,
        stop_type: str,
        kind: str,
        link: str,
        closes: bool | None,
    ) -> None:
        self.at += timedelta(seconds=1)
        other: Direction = "SHORT" if side == "Buy" else "LONG"
        own: Direction = "LONG" if side == "Buy" else "SHORT"
        trip = self._open.get((coin, other))
        closed = Decimal(0)
        if trip is not None and (closes if self.hedge else True):
            closed = min(trip.held, quantity)
        fee = (quantity * price * FEE).quantize(CENT)
        if closed and trip is not None:
            self._close(trip, order_id, side, closed, price, (closed * price * FEE).quantize(CENT), kind)
        if self.hedge and closes:
            assert closed == quantity
        if quantity > closed:
            trip = self._open.get((coin, own))
            if trip is None:
                trip = self._open[coin, own] = RoundTrip(coin, own, self.at)
                self.trips.append(trip)
            trip.held += quantity - closed
            trip.cost += (quantity - closed) * price
            trip.fees += ((quantity - closed) * price * FEE).quantize(CENT)
        self._execution(order_id, coin, side, quantity, price, fee, closed, kind, create, stop_type, link)

    def _close(
        self, trip: RoundTrip, order_id: str, side: Side, quantity: Decimal, price: Decimal, fee: Decimal, kind: str
    ) -> None:
        share = quantity / trip.held
        entry_value, open_fee = (trip.cost * share).quantize(CENT), (trip.fees * share).quantize(CENT)
        pnl = (quantity * price - entry_value) * (1 if trip.direction == "LONG" else -1) - open_fee - fee
        trip.held, trip.cost, trip.fees = trip.held - quantity, trip.cost - entry_value, trip.fees - open_fee
        trip.closed += quantity
        trip.pnl += pnl
        if not trip.held:
            trip.closed_at = self.at
            del self._open[trip.coin, trip.direction]
        told = self.closings.get(order_id)
        if told is None:
            zero = Decimal(0)
            told = Closing(
                order_id, trip.coin, side, zero, price, price, zero, zero, zero, zero, zero, Decimal(5), kind, self.at,
                self.at,
            )  # fmt: skip
        assert told.open_fee is not None
        assert told.close_fee is not None
        whole = told.quantity + quantity
        self.closings[order_id] = replace(
            told,
            quantity=whole,
            entry_value=told.entry_value + entry_value,
            exit_value=told.exit_value + quantity * price,
            entry_price=(told.entry_value + entry_value) / whole,
            exit_price=(told.exit_value + quantity * price) / whole,
            pnl=told.pnl + pnl,
            open_fee=told.open_fee + open_fee,
            close_fee=told.close_fee + fee,
            updated_at=self.at,
        )

    def _execution(
        self,
        order_id: str,
        coin: str,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        closed: Decimal,
        kind: str,
        create: str = "",
        stop_type: str = "",
        link: str = "",
    ) -> None:
        n = len(self.executions)
        self.executions.append(
            Execution(
                exec_id=f"exec-{n:03}",
                order_id=order_id,
                link_id=link,
                coin=coin,
                side=side,
                kind=kind,
                price=price,
                quantity=quantity,
                value=quantity * price,
                fee=fee,
                closed_quantity=closed,
                create_type=create,
                stop_order_type=stop_type,
                is_maker=False,
                at=self.at,
                seq=1_000 + n,
            )
        )


def target_hit(**more: str) -> dict[str, str]:
    """The words of an order that a target made."""
    return {"create": "CreateByTakeProfit", "stop_type": "TakeProfit", **more}


def stop_hit(**more: str) -> dict[str, str]:
    """The words of an order that a stop made."""
    return {"create": "CreateByStopLoss", "stop_type": "StopLoss", **more}
