"""What an account at the local Bybit holds, as Bybit keeps it: orders, executions, closed P&L, positions, a wallet.

Fill it with whole round trips, or order by order; everything else follows from the fills.

    trip = server.account.trade("BTC", "LONG", at, at + 2 * HOUR, "0.01", "60000", "61000")           # by its target
    server.account.trade("ETH", "SHORT", at, at + HOUR, "1", "3000", "3050", by="SL", link_id="xfg-251209-0930-ETH")
    server.account.trade("BTC", "LONG", at, at + DAY, "0.02", "60000", ["61000", "59000"], by=["TP", "manual"],
                         funding=[(at + 8 * HOUR, "0.12")], fills=3)      # closed in two halves, opened in three fills
    server.account.trade("BTC", "LONG", at, None, "0.01", "60000")        # still open

`by` is one of WAYS. A trip tells `opening`, `closings` (order ids) and `pnl` (the sum of Bybit's closed P&L).
`position_index` 1 (long) and 2 (short) make it hedge mode. Order by order: `order`, `fill`, `pay_funding`, `cancel`.
"""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Number = str | int | Decimal
EIGHT = Decimal("0.00000001")


@dataclass(frozen=True)
class Way:
    """How Bybit marks an order that closes a position."""

    create_type: str
    stop_order_type: str = ""
    kind: str = "Trade"
    order_type: str = "Market"
    own_prefix: str = ""


WAYS: dict[str, Way] = {
    "TP": Way("CreateByTakeProfit", "TakeProfit"),
    "SL": Way("CreateByStopLoss", "StopLoss"),
    "partial TP": Way("CreateByPartialTakeProfit", "PartialTakeProfit"),
    "partial SL": Way("CreateByPartialStopLoss", "PartialStopLoss"),
    "trailing": Way("CreateByTrailingStop", "TrailingStop"),
    "conditional": Way("CreateByStopOrder", "Stop"),
    "manual": Way("CreateByClosing"),
    "manual by the api": Way("CreateByUser", order_type="Limit"),
    "own close": Way("CreateByUser", own_prefix="xfc-"),
    "timeout": Way("CreateByUser", own_prefix="xft-"),
    "liquidation": Way("CreateByLiq", kind="BustTrade"),
    "ADL": Way("CreateByAdl_PassThrough", kind="AdlTrade"),
    "settlement": Way("CreateBySettle", kind="Settle"),
}


@dataclass
class Holding:
    """A position: quantity above zero is long. `entry` and `fees` are the open quantity's value and opening fees."""

    quantity: Decimal = Decimal(0)
    entry: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)
    since: int = 0
    updated: int = 0


@dataclass(frozen=True)
class Trip:
    """What `trade` wrote."""

    opening: str
    closings: tuple[str, ...]
    pnl: Decimal


@dataclass
class AccountBooks:
    """One account. All amounts are Decimal, all answers strings, as Bybit gives them."""

    starting: Decimal = Decimal(10_000)
    leverage: str = "10"
    hedge_mode: bool = False
    # Prices that open positions are valued at, by symbol; without one at their entry.
    marks: dict[str, Decimal] = field(default_factory=dict)
    key: dict[str, Any] = field(
        default_factory=lambda: {
            "readOnly": 1,
            "permissions": {"ContractTrade": ["Order", "Position"], "Wallet": [], "Spot": []},
            "ips": ["*"],
            "deadlineDay": 90,
            "expiredAt": "2027-02-18T00:00:00Z",
        }
    )
    orders: dict[str, dict[str, Any]] = field(default_factory=dict)
    executions: list[dict[str, Any]] = field(default_factory=list)
    closings: dict[str, dict[str, Any]] = field(default_factory=dict)
    holdings: dict[tuple[str, int], Holding] = field(default_factory=dict)
    cash: Decimal = Decimal(0)

    def trade(
        self,
        coin: str,
        direction: str,
        opened: datetime,
        closed: datetime | None,
        quantity: Number,
        entry: Number,
        exits: Number | Sequence[Number] = (),
        *,
        by: str | Sequence[str] = "TP",
        link_id: str = "",
        take_profit: Number | None = None,
        stop_loss: Number | None = None,
        fills: int = 1,
        funding: Sequence[tuple[datetime, Number]] = (),
        fee_rate: Number = "0.00055",
        position_index: int = 0,
    ) -> Trip:
        """A position from its opening to its close; several exits close it in equal parts, up to `closed`.

        Funding is what was paid (below 0: received). `closed` None leaves it open, after the exits if there are any.
        """
        whole = Decimal(quantity)
        side, back = ("Buy", "Sell") if direction == "LONG" else ("Sell", "Buy")
        opening = self.order(
            coin,
            side,
            whole,
            opened,
            price=entry,
            order_type="Limit",
            link_id=link_id,
            take_profit=take_profit,
            stop_loss=stop_loss,
            position_index=position_index,
        )
        for number, part in enumerate(_parts(whole, fills)):
            self.fill(opening, part, entry, opened + timedelta(seconds=number), fee_rate=fee_rate)
        for at, paid in funding:
            self.pay_funding(coin, side, whole, entry, at, paid)
        prices: list[Number] = [exits] if isinstance(exits, str | int | Decimal) else list(exits)
        ways = [by] * len(prices) if isinstance(by, str) else list(by)
        parts = _parts(whole, len(prices) + (closed is None))
        until = closed or opened + timedelta(hours=1)
        made = []
        for number, (price, word) in enumerate(zip(prices, ways, strict=True), 1):
            way = WAYS[word]
            at = opened + (until - opened) * number / max(len(prices), 1)
            order = self.order(
                coin,
                back,
                parts[number - 1],
                # A target or stop has waited since the position was opened: order history is by creation.
                opened if way.stop_order_type else at,
                order_type=way.order_type,
                price=price if way.order_type == "Limit" else None,
                link_id=way.own_prefix + f"{link_id or opening}"[-28:] if way.own_prefix else "",
                parent_link_id=link_id if way.stop_order_type in ("TakeProfit", "StopLoss") else "",
                create_type=way.create_type,
                stop_order_type=way.stop_order_type,
                reduce_only=True,
                close_on_trigger=bool(way.stop_order_type),
                trigger_price=price if way.stop_order_type else None,
                position_index=position_index,
            )
            self.fill(order, parts[number - 1], price, at, kind=way.kind, fee_rate=fee_rate)
            made.append(order)
        pnl = sum((Decimal(self.closings[order]["closedPnl"]) for order in made), Decimal(0))
        return Trip(opening, tuple(made), pnl)

    def order(
        self,
        coin: str,
        side: str,
        quantity: Number,
        at: datetime,
        *,
        price: Number | None = None,
        order_type: str = "Market",
        link_id: str = "",
        parent_link_id: str = "",
        create_type: str = "CreateByUser",
        stop_order_type: str = "",
        take_profit: Number | None = None,
        stop_loss: Number | None = None,
        trigger_price: Number | None = None,
        reduce_only: bool = False,
        close_on_trigger: bool = False,
        position_index: int = 0,
    ) -> str:
        """A new order, not filled; its id."""
        order_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"order {len(self.orders)}"))
        stamp = _ms(at)
        self.orders[order_id] = {
            "symbol": f"{coin}USDT",
            "orderId": order_id,
            "orderLinkId": link_id,
            "parentOrderLinkId": parent_link_id,
            "side": side,
            "orderType": order_type,
            "orderStatus": "New",
            "price": "0" if price is None else _told(price),
            "qty": _told(quantity),
            "avgPrice": "",
            "cumExecQty": "0",
            "cumExecValue": "0",
            "cumExecFee": "0",
            "leavesQty": _told(quantity),
            "createType": create_type,
            "stopOrderType": stop_order_type,
            "cancelType": "UNKNOWN",
            "rejectReason": "EC_NoError",
            "takeProfit": "" if take_profit is None else _told(take_profit),
            "stopLoss": "" if stop_loss is None else _told(stop_loss),
            "triggerPrice": "" if trigger_price is None else _told(trigger_price),
            "tpslMode": "Full" if stop_order_type or take_profit or stop_loss else "",
            "timeInForce": "IOC" if order_type == "Market" else "GTC",
            "reduceOnly": reduce_only,
            "closeOnTrigger": close_on_trigger,
            "positionIdx": position_index,
            "createdTime": str(stamp),
            "updatedTime": str(stamp),
        }
        return order_id

    def fill(
        self,
        order_id: str,
        quantity: Number,
        price: Number,
        at: datetime,
        *,
        kind: str = "Trade",
        fee_rate: Number = "0.00055",
        maker: bool = False,
    ) -> str:
        """Fill an order in part or whole; its position, its closed P&L and the wallet follow. The execution's id."""
        order, done, at_price, stamp = self.orders[order_id], Decimal(quantity), Decimal(price), _ms(at)
        fee = (done * at_price * Decimal(fee_rate)).quantize(EIGHT)
        holding = self.holdings.setdefault((order["symbol"], order["positionIdx"]), Holding())
        signed = done if order["side"] == "Buy" else -done
        closed = min(done, abs(holding.quantity)) if signed * holding.quantity < 0 else Decimal(0)
        opened_fee = fee * (done - closed) / done
        if closed:
            self._close(order, holding, closed, at_price, fee - opened_fee, kind, stamp)
        if done > closed:
            holding.since = holding.since if holding.quantity else stamp
            holding.quantity += (done - closed).copy_sign(signed)
            holding.entry += (done - closed) * at_price
            holding.fees += opened_fee
        self.cash -= fee
        holding.updated = stamp
        before = Decimal(order["cumExecQty"])
        value = Decimal(order["cumExecValue"]) + done * at_price
        order |= {
            "cumExecQty": _told(before + done),
            "cumExecValue": _told(value),
            "cumExecFee": _told(Decimal(order["cumExecFee"]) + fee),
            "avgPrice": _told(value / (before + done)),
            "leavesQty": _told(Decimal(order["qty"]) - before - done),
            "orderStatus": "Filled" if before + done >= Decimal(order["qty"]) else "PartiallyFilled",
            "updatedTime": str(stamp),
        }
        return self._executed(order, done, at_price, fee, closed, kind, maker, stamp)

    def pay_funding(
        self, coin: str, side: str, quantity: Number, price: Number, at: datetime, paid: Number, position_index: int = 0
    ) -> str:
        """A settlement of funding, as Bybit books it: an execution without an order of anyone. Its id."""
        self.cash -= Decimal(paid)
        order = {
            "symbol": f"{coin}USDT",
            "orderId": str(uuid.uuid5(uuid.NAMESPACE_OID, f"funding {len(self.executions)}")),
            "orderLinkId": "",
            "side": side,
            "orderType": "UNKNOWN",
            "price": "0",
            "qty": "0",
            "leavesQty": "0",
            "createType": "",
            "stopOrderType": "UNKNOWN",
            "positionIdx": position_index,
        }
        return self._executed(
            order, Decimal(quantity), Decimal(price), Decimal(paid), Decimal(0), "Funding", False, _ms(at)
        )

    def cancel(self, order_id: str, at: datetime, cancel_type: str = "CancelByUser") -> None:
        """Cancel what is left of an order."""
        self.orders[order_id] |= {"orderStatus": "Cancelled", "cancelType": cancel_type, "updatedTime": str(_ms(at))}

    def reject(self, order_id: str, at: datetime, reason: str = "EC_NoEnoughQtyToFill") -> None:
        """An order that was accepted, and then was not."""
        self.orders[order_id] |= {"orderStatus": "Rejected", "rejectReason": reason, "updatedTime": str(_ms(at))}

    def positions(self) -> list[dict[str, Any]]:
        """Open positions, as /v5/position/list has them."""
        rows = []
        for (symbol, index), holding in self.holdings.items():
            if holding.quantity == 0:
                continue
            size = abs(holding.quantity)
            rows.append(
                {
                    "symbol": symbol,
                    "positionIdx": index,
                    "side": "Buy" if holding.quantity > 0 else "Sell",
                    "size": _told(size),
                    "avgPrice": _told(holding.entry / size),
                    "positionValue": _told(holding.entry),
                    "leverage": self.leverage,
                    "markPrice": _told(self.marks.get(symbol, holding.entry / size)),
                    "liqPrice": "",
                    "takeProfit": "",
                    "stopLoss": "",
                    "trailingStop": "0",
                    "unrealisedPnl": _told(self._unrealised(symbol, holding)),
                    "curRealisedPnl": _told(-holding.fees),
                    "positionStatus": "Normal",
                    "createdTime": str(holding.since),
                    "updatedTime": str(holding.updated),
                    "seq": 1,
                }
            )
        return rows

    def wallet(self) -> dict[str, Any]:
        """The row of /v5/account/wallet-balance."""
        balance = self.starting + self.cash
        unrealised = sum((self._unrealised(symbol, held) for (symbol, _), held in self.holdings.items()), Decimal(0))
        coin = {
            "coin": "USDT",
            "equity": _told(balance + unrealised),
            "walletBalance": _told(balance),
            "unrealisedPnl": _told(unrealised),
            "cumRealisedPnl": _told(self.cash),
            "usdValue": _told(balance + unrealised),
        }
        return {
            "accountType": "UNIFIED",
            "totalEquity": _told(balance + unrealised),
            "totalWalletBalance": _told(balance),
            "totalAvailableBalance": _told(balance + unrealised),
            "totalPerpUPL": _told(unrealised),
            "coin": [coin],
        }

    def _unrealised(self, symbol: str, holding: Holding) -> Decimal:
        if not holding.quantity or symbol not in self.marks:
            return Decimal(0)
        worth = self.marks[symbol] * holding.quantity
        return worth - holding.entry if holding.quantity > 0 else worth + holding.entry

    def _close(
        self,
        order: dict[str, Any],
        holding: Holding,
        closed: Decimal,
        price: Decimal,
        close_fee: Decimal,
        kind: str,
        stamp: int,
    ) -> None:
        share = closed / abs(holding.quantity)
        entry, open_fee = holding.entry * share, holding.fees * share
        gross = (closed * price - entry) * (1 if holding.quantity > 0 else -1)
        holding.quantity -= closed.copy_sign(holding.quantity)
        holding.entry -= entry
        holding.fees -= open_fee
        self.cash += gross
        old = self.closings.get(order["orderId"], {})

        def grown(name: str, by: Decimal) -> Decimal:
            return Decimal(old.get(name, "0")) + by

        size = grown("closedSize", closed)
        entry_value, exit_value = grown("cumEntryValue", entry), grown("cumExitValue", closed * price)
        self.closings[order["orderId"]] = {
            "symbol": order["symbol"],
            "orderId": order["orderId"],
            "side": order["side"],
            "qty": order["qty"],
            "orderPrice": order["price"],
            "orderType": order["orderType"],
            "execType": kind,
            "closedSize": _told(size),
            "cumEntryValue": _told(entry_value),
            "avgEntryPrice": _told(entry_value / size),
            "cumExitValue": _told(exit_value),
            "avgExitPrice": _told(exit_value / size),
            "closedPnl": _told(grown("closedPnl", gross - open_fee - close_fee)),
            "fillCount": str(int(old.get("fillCount", "0")) + 1),
            "leverage": self.leverage,
            "openFee": _told(grown("openFee", open_fee)),
            "closeFee": _told(grown("closeFee", close_fee)),
            "createdTime": old.get("createdTime", str(stamp)),
            "updatedTime": str(stamp),
        }

    def _executed(
        self,
        order: dict[str, Any],
        quantity: Decimal,
        price: Decimal,
        fee: Decimal,
        closed: Decimal,
        kind: str,
        maker: bool,
        stamp: int,
    ) -> str:
        exec_id = str(uuid.uuid5(uuid.NAMESPACE_OID, f"execution {len(self.executions)}"))
        self.executions.append(
            {
                "symbol": order["symbol"],
                "orderId": order["orderId"],
                "orderLinkId": order["orderLinkId"],
                "side": order["side"],
                "orderPrice": order["price"],
                "orderQty": order["qty"],
                "leavesQty": order["leavesQty"],
                "orderType": order["orderType"],
                "createType": order["createType"],
                "stopOrderType": order["stopOrderType"] or "UNKNOWN",
                "execId": exec_id,
                "execPrice": _told(price),
                "execQty": _told(quantity),
                "execValue": _told(quantity * price),
                "execFee": _told(fee),
                "feeRate": "0.00055",
                "execType": kind,
                "execTime": str(stamp),
                "closedSize": "" if kind == "Funding" else _told(closed),
                "isMaker": maker,
                "seq": len(self.executions) + 1,
            }
        )
        return exec_id


def _parts(whole: Decimal, number: int) -> list[Decimal]:
    """About equal parts of a quantity, whose sum is exactly the whole."""
    part = (whole / max(number, 1)).quantize(Decimal("0.00001"))
    return [part] * (number - 1) + [whole - part * (number - 1)]


def _ms(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _told(number: Number) -> str:
    """As Bybit writes numbers: plain decimals, at most twelve digits after the point."""
    text = f"{Decimal(number).quantize(Decimal('1e-12')):f}"
    return text.rstrip("0").rstrip(".") or "0"
