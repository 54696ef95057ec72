"""A local server that answers as Bybit v5 does: paged, limited, signed; and that fails when it is told to.

Numbers come from functions of coin and time, so that a test can say what must arrive. Faults change an honest reply
on its way: `server.fail(status(502), too_often(8_000))` spoils the next two answers; `server.fail(unheard(cut))` is
one that Bybit never heard of: nothing was done.

`server.account` is the account behind the key (see `bybit_books.py`): `server.account.trade("BTC", "LONG", opened,
closed, "0.01", "60000", "61000", by="SL")` is a round trip with all its records. Signatures are judged by the
machine's clock (`stamps`), as pybit stamps them; all else by `now`. `server.limited = True` counts questions a second.
"""

import hashlib
import hmac
import json
import socket
import struct
import threading
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.exchange.bybit_books import AccountBooks

MINUTES = {"1": 1, "3": 3, "5": 5, "15": 15, "30": 30, "60": 60, "5min": 5, "15min": 15, "30min": 30, "1h": 60}
EIGHT_HOURS = 8 * 3600
NEW_YEAR = 1_735_689_600  # 2025-01-01
SEVEN_DAYS_MS = 7 * 86_400_000
KEY = "the-key-of-an-account"
SECRET = "the-secret-of-an-account-0123456789ABCD"
# Questions a second that one account may ask of a path; order/create has its own.
A_SECOND = {"/v5/order/create": 10}
A_SECOND_ELSEWHERE = 50


@dataclass(frozen=True)
class Listing:
    """A contract, as /v5/market/instruments-info has it. `launched` in seconds since 1970."""

    base: str
    quote: str = "USDT"
    symbol: str = ""
    launched: int = 0
    status: str = "Trading"
    contract_type: str = "LinearPerpetual"
    tick: str = "0.10"
    step: str = "0.001"

    @property
    def name(self) -> str:
        return self.symbol or f"{self.base}{self.quote}"

    def record(self) -> dict[str, Any]:
        return {
            "symbol": self.name,
            "contractType": self.contract_type,
            "status": self.status,
            "baseCoin": self.base,
            "quoteCoin": self.quote,
            "settleCoin": self.quote,
            "launchTime": str(self.launched * 1000),
            "deliveryTime": "0",
            "priceScale": "2",
            "leverageFilter": {"minLeverage": "1", "maxLeverage": "100.00", "leverageStep": "0.01"},
            "priceFilter": {"minPrice": self.tick, "maxPrice": "1999999.80", "tickSize": self.tick},
            "lotSizeFilter": {
                "maxOrderQty": "1190.000",
                "minOrderQty": self.step,
                "qtyStep": self.step,
                "postOnlyMaxOrderQty": "1190.000",
                "maxMktOrderQty": "500.000",
                "minNotionalValue": "5",
            },
            "fundingInterval": 480,
        }


def candle(symbol: str, minutes: int, opened: int) -> list[str]:
    """The default market: open, high, low, close, volume, turnover as Bybit writes them, from whole ticks of 0.1."""

    def price(at: int) -> int:
        return 20_000 + zlib.crc32(symbol.encode()) % 5_000 + at // 60 * 7919 % 1_000

    n = opened // 60
    first, last = price(opened), price(opened + 60 * minutes)
    ticks = (first, max(first, last) + n % 13, min(first, last) - n % 11, last)
    volume = n % 500
    return [*(f"{one // 10}.{one % 10}" for one in ticks), f"{volume}.{n % 10}", f"{volume * 2000}"]


def open_interest(symbol: str, at: int) -> str:
    """The default market's open interest at a time in seconds."""
    return f"{50_000 + zlib.crc32(symbol.encode()) % 100 + at // 900 % 1_000}.25"


def shares(symbol: str, at: int) -> tuple[str, str]:
    """The default market's shares of accounts that are long and short."""
    long = 4_000 + (at // 900 + zlib.crc32(symbol.encode())) % 2_000
    return f"0.{long}", f"0.{10_000 - long}"


def funding(symbol: str, at: int) -> str:
    """The default market's funding rate, settled every eight hours."""
    return f"{(at // EIGHT_HOURS + zlib.crc32(symbol.encode())) % 40 - 20}e-5"


@dataclass(frozen=True)
class Reply:
    """What goes back. `declared` is the Content-Length when it is not true; `drip` the seconds between bytes."""

    body: bytes
    status: int = 200
    headers: dict[str, str] = field(default_factory=lambda: {"Content-Type": "application/json"})
    at_ms: int = 0
    delay: float = 0.0
    declared: int | None = None
    drip: float | None = None
    reset: bool = False


Fault = Callable[[Reply], Reply]


def status(code: int, body: bytes = b"<html>Bad gateway</html>", **headers: str) -> Fault:
    """An HTTP status, as a gateway or a firewall gives it."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return lambda reply: replace(reply, status=code, body=body, headers={"Content-Type": "text/html", **named})


def raw(body: bytes) -> Fault:
    """HTTP 200 with this body."""
    return lambda reply: replace(reply, body=body)


def edited(change: Callable[[dict[str, Any]], object]) -> Fault:
    """The honest answer after a change in place."""

    def fault(reply: Reply) -> Reply:
        answer = json.loads(reply.body)
        change(answer)
        return replace(reply, body=json.dumps(answer).encode())

    return fault


def code(number: object, words: str = "refused", **headers: str) -> Fault:
    """A retCode, in the envelope that Bybit puts around it."""

    def fault(reply: Reply) -> Reply:
        answer = {"retCode": number, "retMsg": words, "result": {}, "retExtInfo": {}, "time": reply.at_ms}
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return replace(reply, body=json.dumps(answer).encode(), headers={**reply.headers, **named})

    return fault


def too_often(reset_in_ms: int | None) -> Fault:
    """retCode 10006, to be reset that far from the exchange's now, which may be in the past; None: it does not say."""

    def fault(reply: Reply) -> Reply:
        told = {} if reset_in_ms is None else {"X_Bapi_Limit_Reset_Timestamp": str(reply.at_ms + reset_in_ms)}
        return code(10006, "Too many visits. Exceeded the API Rate Limit.", **told)(reply)

    return fault


def truncated(reply: Reply) -> Reply:
    """Half of the body, with the length of the whole, and then the end of the connection."""
    return replace(reply, body=reply.body[: len(reply.body) // 2], declared=len(reply.body))


def cut(reply: Reply) -> Reply:
    """The connection is reset instead of an answer."""
    return replace(reply, reset=True)


@dataclass(frozen=True)
class Unheard:
    """A fault on the way there: the request never came to Bybit."""

    fault: Fault

    def __call__(self, reply: Reply) -> Reply:
        return self.fault(reply)


def unheard(fault: Fault) -> Fault:
    """The same fault, before Bybit did anything."""
    return Unheard(fault)


def slow(seconds: float) -> Fault:
    """The answer comes late."""
    return lambda reply: replace(reply, delay=seconds)


def dripping(seconds: float) -> Fault:
    """The answer comes byte by byte, so slowly that no single read ever times out."""
    return lambda reply: replace(reply, drip=seconds)


class Refused(Exception):
    """A retCode other than 0."""

    def __init__(self, number: int, words: str) -> None:
        super().__init__(words)
        self.number = number


@dataclass(frozen=True)
class Asked:
    """A request that came."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]


class BybitServer:
    """The exchange behind `url`. `now` is its clock, in seconds since 1970; tests set it, or let it run."""

    def __init__(self, url: str, now: Callable[[], float]) -> None:
        self.url = url
        self.now = now
        self.listings = [Listing("BTC"), Listing("ETH", tick="0.01"), Listing("1000PEPE", tick="0.0000001", step="100")]
        self.keys = {KEY: SECRET}
        self.account = AccountBooks()
        # The clock that signatures are judged by.
        self.stamps: Callable[[], float] = time.time
        self.limited = False
        # How many look-ups by link id do not yet find an order that was just created.
        self.hidden = 0
        # How the rows of an account are split into pages, where not honestly.
        self.arranged: Callable[[list[dict[str, Any]]], list[list[dict[str, Any]]]] | None = None
        # Fills market orders at the mark price of `account.marks`, where there is one.
        self.fills_at_market = True
        self.candle = candle
        self.open_interest = open_interest
        self.shares = shares
        self.funding = funding
        self.asked: list[Asked] = []
        self._faults: list[tuple[Fault, str]] = []
        self._always: tuple[Fault, str] | None = None
        self._second: dict[tuple[str, int], int] = {}
        self._lock = threading.Lock()

    def fail(self, *faults: Fault, path: str = "") -> None:
        """Spoil the next answers to paths that end like that, one fault each."""
        with self._lock:
            self._faults += [(fault, path) for fault in faults]

    def fail_always(self, fault: Fault | None, path: str = "") -> None:
        """Spoil every answer that no other fault spoils; None makes it honest again."""
        with self._lock:
            self._always = None if fault is None else (fault, path)

    def count(self, path: str = "") -> int:
        """How many requests came to paths that end like that."""
        return sum(one.path.endswith(path) for one in self.asked)

    def answer(self, asked: Asked, payload: str) -> Reply:
        """The reply to a request, spoiled when it is time for it."""
        at_ms = int(self.now() * 1000)
        with self._lock:
            self.asked.append(asked)
            fault = next((one for one in self._faults if asked.path.endswith(one[1])), None)
            if fault is not None:
                self._faults.remove(fault)
            elif self._always is not None and asked.path.endswith(self._always[1]):
                fault = self._always
        reply = Reply(b"", at_ms=at_ms) if fault and isinstance(fault[0], Unheard) else None
        reply = reply or self._honest(asked, payload, at_ms)
        return fault[0](reply) if fault else reply

    def _honest(self, asked: Asked, payload: str, at_ms: int) -> Reply:
        public = {
            "/v5/market/time": self._time,
            "/v5/market/kline": self._klines,
            "/v5/market/instruments-info": self._instruments,
            "/v5/market/open-interest": self._open_interest,
            "/v5/market/account-ratio": self._ratio,
            "/v5/market/funding/history": self._funding,
        }
        private = {
            "/v5/user/query-api": self._key,
            "/v5/account/wallet-balance": self._wallet,
            "/v5/position/list": self._positions,
            "/v5/position/closed-pnl": self._closed_pnl,
            "/v5/execution/list": self._executions,
            "/v5/order/history": self._order_history,
            "/v5/order/realtime": self._order_realtime,
            "/v5/order/create": self._order_create,
        }
        envelope: dict[str, Any] = {"retCode": 0, "retMsg": "OK", "result": {}, "retExtInfo": {}, "time": at_ms}
        posted = asked.method == "POST"
        try:
            if asked.path in private and posted == (asked.path == "/v5/order/create"):
                self._authorise(asked, payload, int(self.stamps() * 1000))
                if self._is_over_its_limit(asked.path):
                    envelope |= {"retCode": 10006, "retMsg": "Too many visits. Exceeded the API Rate Limit."}
                    headers = {"Content-Type": "application/json", "X-Bapi-Limit-Reset-Timestamp": str(at_ms + 1000)}
                    return Reply(json.dumps(envelope).encode(), headers=headers, at_ms=at_ms)
                with self._lock:
                    envelope["result"] = private[asked.path](json.loads(payload) if posted else asked.query)
            elif asked.path in public:
                envelope["result"] = public[asked.path](asked.query)
            else:
                return Reply(b"404 page not found", status=404, at_ms=at_ms)
        except Refused as refused:
            envelope |= {"retCode": refused.number, "retMsg": str(refused)}
        return Reply(json.dumps(envelope).encode(), at_ms=at_ms)

    def _authorise(self, asked: Asked, payload: str, at_ms: int) -> None:
        told = {name.lower(): value for name, value in asked.headers.items()}
        key, stamp, window = (told.get(f"x-bapi-{name}", "") for name in ("api-key", "timestamp", "recv-window"))
        if key not in self.keys:
            raise Refused(10003, "API key is invalid.")
        if not (stamp.isdigit() and window.isdigit() and at_ms - int(window) <= int(stamp) < at_ms + 1000):
            raise Refused(10002, f"invalid request, req_timestamp[{stamp}],server_timestamp[{at_ms}]")
        signed = hmac.new(self.keys[key].encode(), (stamp + key + window + payload).encode(), hashlib.sha256)
        if not hmac.compare_digest(signed.hexdigest(), told.get("x-bapi-sign", "")):
            raise Refused(10004, f"error sign! origin_string[{stamp}{key}{window}{payload}]")

    def _time(self, _: dict[str, str]) -> dict[str, Any]:
        nano = int(self.now() * 1e9)
        return {"timeSecond": str(nano // 10**9), "timeNano": str(nano)}

    def _klines(self, query: dict[str, str]) -> dict[str, Any]:
        listing = self._listing(query)
        minutes = self._minutes(query, "interval")
        step = 60 * minutes
        limit = self._limit(query, 200, 1000)
        start = int(query.get("start", 0))
        newest = min(int(query.get("end", 10**15)) // 1000, int(self.now())) // step * step
        oldest = max(-(-start // (step * 1000)) * step, -(-listing.launched // step) * step)
        opens = list(range(newest, oldest - 1, -step))[:limit]
        rows = [[str(at * 1000), *self.candle(listing.name, minutes, at)] for at in opens]
        return {"category": "linear", "symbol": listing.name, "list": rows}

    def _instruments(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("category") != "linear":
            raise Refused(10001, "params error: Category is invalid")
        found = [one for one in self.listings if query.get("symbol", one.name) == one.name]
        limit = self._limit(query, 500, 1000)
        page, cursor = self._paged(query, [one.record() for one in found], limit)
        return {"category": "linear", "list": page, "nextPageCursor": cursor}

    def _open_interest(self, query: dict[str, str]) -> dict[str, Any]:
        name = self._listing(query).name
        times = self._stamps(query, 60 * self._minutes(query, "intervalTime"))
        rows = [{"openInterest": self.open_interest(name, at), "timestamp": str(at * 1000)} for at in times]
        page, cursor = self._paged(query, rows, self._limit(query, 50, 200))
        return {"symbol": name, "category": "linear", "list": page, "nextPageCursor": cursor}

    def _ratio(self, query: dict[str, str]) -> dict[str, Any]:
        name = self._listing(query).name
        rows = []
        for at in self._stamps(query, 60 * self._minutes(query, "period")):
            long, short = self.shares(name, at)
            rows.append({"symbol": name, "buyRatio": long, "sellRatio": short, "timestamp": str(at * 1000)})
        page, cursor = self._paged(query, rows, self._limit(query, 50, 500))
        return {"list": page, "nextPageCursor": cursor}

    def _funding(self, query: dict[str, str]) -> dict[str, Any]:
        name = self._listing(query).name
        if "startTime" in query and "endTime" not in query:
            raise Refused(10001, "params error: endTime is required with startTime")
        rows = [
            {"symbol": name, "fundingRate": self.funding(name, at), "fundingRateTimestamp": str(at * 1000)}
            for at in self._stamps(query, EIGHT_HOURS)
        ]
        return {"category": "linear", "list": rows[: self._limit(query, 200, 200)]}

    def _is_over_its_limit(self, path: str) -> bool:
        second = (path, int(time.monotonic()))
        with self._lock:
            self._second[second] = self._second.get(second, 0) + 1
            return self.limited and self._second[second] > A_SECOND.get(path, A_SECOND_ELSEWHERE)

    def _key(self, _: dict[str, str]) -> dict[str, Any]:
        return {"id": "1", "apiKey": KEY, "secret": "", **self.account.key}

    def _wallet(self, query: dict[str, str]) -> dict[str, Any]:
        if query.get("accountType") != "UNIFIED":
            raise Refused(10001, "params error: accountType only support UNIFIED.")
        return {"list": [self.account.wallet()]}

    def _positions(self, query: dict[str, str]) -> dict[str, Any]:
        self._linear(query)
        if "symbol" not in query and "settleCoin" not in query:
            raise Refused(10001, "Missing some parameters that must be filled in, symbol or settleCoin.")
        rows = [one for one in self.account.positions() if query.get("symbol", one["symbol"]) == one["symbol"]]
        return self._page(query, rows, 20, 200)

    def _closed_pnl(self, query: dict[str, str]) -> dict[str, Any]:
        rows = self._between(query, list(self.account.closings.values()), "updatedTime", "orderId")
        return self._page(query, rows, 50, 100)

    def _executions(self, query: dict[str, str]) -> dict[str, Any]:
        rows = self._between(query, self.account.executions, "execTime", "execId")
        return self._page(query, rows, 50, 100)

    def _order_history(self, query: dict[str, str]) -> dict[str, Any]:
        over = [one for one in self.account.orders.values() if one["orderStatus"] not in ("New", "PartiallyFilled")]
        return self._page(query, self._named(query, self._between(query, over, "createdTime", "orderId")), 20, 50)

    def _order_realtime(self, query: dict[str, str]) -> dict[str, Any]:
        self._linear(query)
        if not {"symbol", "baseCoin", "settleCoin"} & query.keys():
            raise Refused(10001, "Missing some parameters that must be filled in, symbol or baseCoin or settleCoin.")
        by_name = {"orderId", "orderLinkId"} & query.keys()
        rows = list(self.account.orders.values())
        if not by_name:
            rows = [one for one in rows if one["orderStatus"] in ("New", "PartiallyFilled")]
        return self._page(query, self._named(query, rows), 20, 50)

    def _order_create(self, body: dict[str, Any]) -> dict[str, Any]:
        self._linear(body)
        listing = next((one for one in self.listings if one.name == body.get("symbol")), None)
        if listing is None:
            raise Refused(10001, "params error: Symbol Is Invalid")
        if body.get("side") not in ("Buy", "Sell") or body.get("orderType") not in ("Market", "Limit"):
            raise Refused(10001, "params error: side or orderType invalid")
        if any(not isinstance(body.get(name, ""), str) for name in ("qty", "price", "takeProfit", "stopLoss")):
            raise Refused(10001, "params error: a number is no string")
        if len(body.get("orderLinkId", "")) > 36:
            raise Refused(10001, "params error: orderLinkId too long")
        if (body.get("positionIdx", 0) == 0) == self.account.hedge_mode:
            raise Refused(10001, "position idx not match position mode")
        if body.get("reduceOnly") and ("takeProfit" in body or "stopLoss" in body):
            raise Refused(10001, "params error: reduceOnly with tpsl")
        link_id = body.get("orderLinkId", "")
        if link_id and any(one["orderLinkId"] == link_id for one in self.account.orders.values()):
            raise Refused(110072, "OrderLinkedID is duplicate")
        at = datetime.fromtimestamp(self.now(), UTC)
        order_id = self.account.order(
            listing.base,
            body["side"],
            body["qty"],
            at,
            price=body.get("price"),
            order_type=body["orderType"],
            link_id=link_id,
            take_profit=body.get("takeProfit"),
            stop_loss=body.get("stopLoss"),
            reduce_only=body.get("reduceOnly", False),
            position_index=body.get("positionIdx", 0),
        )
        mark = self.account.marks.get(listing.name)
        if self.fills_at_market and body["orderType"] == "Market" and mark is not None:
            self.account.fill(order_id, body["qty"], mark, at)
        return {"orderId": order_id, "orderLinkId": link_id}

    def _linear(self, query: dict[str, Any]) -> None:
        if query.get("category") != "linear":
            raise Refused(10001, "params error: Category is invalid")

    def _between(self, query: dict[str, str], rows: list[dict[str, Any]], stamp: str, name: str) -> list[Any]:
        """Newest first, both bounds included, seven days at most; without bounds the last seven."""
        self._linear(query)
        now = int(self.now() * 1000)
        first = int(query.get("startTime", int(query.get("endTime", now)) - SEVEN_DAYS_MS))
        last = int(query.get("endTime", first + SEVEN_DAYS_MS))
        if not 0 <= last - first <= SEVEN_DAYS_MS:
            raise Refused(10001, "The time range between startTime and endTime cannot exceed 7 days.")
        found = [one for one in rows if first <= int(one[stamp]) <= last]
        return sorted(found, key=lambda one: (int(one[stamp]), one[name]), reverse=True)

    def _named(self, query: dict[str, str], rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows of the asked ids; an order may be hidden yet."""
        if "orderLinkId" in query:
            rows = [one for one in rows if one["orderLinkId"] == query["orderLinkId"]]
            if rows and self.hidden > 0:
                self.hidden -= 1
                return []
        return [one for one in rows if query.get("orderId", one["orderId"]) == one["orderId"]]

    def _page(self, query: dict[str, str], rows: list[dict[str, Any]], default: int, most: int) -> dict[str, Any]:
        limit = self._limit(query, default, most)
        if self.arranged is None:
            page, cursor = self._paged(query, rows, limit)
        else:
            pages, asked = self.arranged(rows), query.get("cursor", "after=0")
            at = int(asked.removeprefix("after=")) if asked.startswith("after=") else len(pages) - 1
            page, cursor = pages[at], f"after%3D{at + 1}" if at + 1 < len(pages) else ""
        return {"category": "linear", "list": page, "nextPageCursor": cursor}

    def _listing(self, query: dict[str, str]) -> Listing:
        if query.get("category") != "linear":
            raise Refused(10001, "params error: Category is invalid")
        found = next((one for one in self.listings if one.name == query.get("symbol")), None)
        if found is None:
            raise Refused(10001, "params error: Symbol Is Invalid")
        return found

    def _minutes(self, query: dict[str, str], name: str) -> int:
        if query.get(name) not in MINUTES:
            raise Refused(10001, f"params error: {name} is invalid")
        return MINUTES[query[name]]

    def _limit(self, query: dict[str, str], default: int, most: int) -> int:
        limit = int(query.get("limit", default))
        if not 1 <= limit <= most:
            raise Refused(10001, "params error: limit is invalid")
        return limit

    def _stamps(self, query: dict[str, str], step: int) -> range:
        """Times of rows, newest first, both bounds included."""
        newest = min(int(query.get("endTime", 10**15)) // 1000, int(self.now())) // step * step
        oldest = -(-int(query.get("startTime", 0)) // (step * 1000)) * step
        return range(newest, oldest - 1, -step)

    def _paged(self, query: dict[str, str], rows: list[Any], limit: int) -> tuple[list[Any], str]:
        """A page, and the cursor as Bybit writes it: percent-encoded already, empty on the last page."""
        skipped = int(query.get("cursor", "after=0").removeprefix("after="))
        more = skipped + limit < len(rows)
        return rows[skipped : skipped + limit], f"after%3D{skipped + limit}" if more else ""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 64
    exchange: BybitServer

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Clients that give up are part of the tests."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1
    server: _Server

    def do_GET(self) -> None:
        self._answer(urlsplit(self.path).query)

    def do_POST(self) -> None:
        self._answer(self.rfile.read(int(self.headers.get("Content-Length", 0))).decode())

    def log_message(self, *arguments: Any) -> None:
        """Nothing."""

    def _answer(self, payload: str) -> None:
        parts = urlsplit(self.path)
        asked = Asked(self.command, parts.path, dict(parse_qsl(parts.query)), dict(self.headers))
        reply = self.server.exchange.answer(asked, payload)
        time.sleep(reply.delay)
        if reply.reset:
            # Lingering for zero seconds makes the close a reset.
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            self.connection.close()
            self.close_connection = True
            return
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(reply.body) if reply.declared is None else reply.declared))
        self.end_headers()
        with suppress(OSError):
            if reply.drip is None:
                self.wfile.write(reply.body)
            else:
                for byte in reply.body:
                    self.wfile.write(bytes([byte]))
                    self.wfile.flush()
                    time.sleep(reply.drip)
            self.wfile.flush()
        self.close_connection |= reply.declared is not None


@contextmanager
def bybit_server(now: Callable[[], float] = time.time) -> Iterator[BybitServer]:
    """A running server on a free port of this machine."""
    server = _Server(("127.0.0.1", 0), _Handler)
    server.exchange = BybitServer(f"http://127.0.0.1:{server.server_port}", now)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield server.exchange
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
