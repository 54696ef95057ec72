"""Bybit as an account: what its records say about linear USDT perpetuals, and orders that are placed once.

The API key is in the sessions' headers and nowhere else: not in an error, a log or a repr.
"""

import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from xfg_pipeline.clock import Clock, SystemClock
from xfg_pipeline.exchange.account import Batch
from xfg_pipeline.exchange.bybit import plain_address
from xfg_pipeline.trading.account_records import (
    AccountName,
    Closing,
    Equity,
    Execution,
    KeyFacts,
    NewOrder,
    OrderRecord,
    Placed,
    Position,
)

if TYPE_CHECKING:
    from xfg_pipeline.exchange.bybit_account_pages import Patience
    from xfg_pipeline.exchange.bybit_session import Backoff

# Bybit allows an address 600 requests in 5 s. Two processes with a market (500) and an account stay below it:
# 2 × ((10 + 5 × 5) + (5 + 5 × 1)) = 90 more. One account may ask 50 times a second of a path, and create 10 orders.
READS_PER_SECOND, READS_AT_ONCE = 5, 10
ORDERS_PER_SECOND, ORDERS_AT_ONCE = 1, 5
KEEPS = timedelta(days=730)
DEMO_KEEPS = timedelta(days=7)
POSITIONS_PAGE = 200
# A record that is about to leave Bybit's memory may have left it when the question arrives.
ABOUT_TO_BE_FORGOTTEN = timedelta(minutes=5)

_PRINTABLE = re.compile(r"[!-~]{1,200}")


class BybitAccount:
    """An account (see `exchange/account.py`), in one-way mode where it is to place orders; read from any thread.

    `timeout` is what one read may take, `deadline` what a question of one page may take with all its attempts, each
    in seconds; a question of n pages has 2 (n - 1) s more, and an order whose outcome is not known is looked for
    during some seconds more. Demo accounts live on their own host, with real prices.
    """

    def __init__(
        self,
        api_key: str,
        api_secret: str,
        *,
        testnet: bool = False,
        demo: bool = False,
        base_url: str | None = None,
        timeout: float = 5.0,
        deadline: float = 30.0,
        clock: Clock | None = None,
        backoff: "Backoff | None" = None,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """Raises ValueError for keys that cannot be any, or a base_url that is no plain http(s) address.

        Nothing is asked yet.
        """
        from xfg_pipeline.exchange.bybit_account_orders import BybitOrders
        from xfg_pipeline.exchange.bybit_session import Backoff, BybitSession, Keys

        if not (_PRINTABLE.fullmatch(api_key) and _PRINTABLE.fullmatch(api_secret)):
            raise ValueError("bybit.api_key and api_secret are printable, without spaces, and at most 200 long")
        self._is_testnet, self._is_demo = testnet, demo
        self._clock = clock or SystemClock()
        self._deadline = deadline
        self._monotonic = monotonic

        def session(per_second: int, burst: int) -> BybitSession:
            return BybitSession(
                self._clock,
                testnet=testnet and not demo,
                demo=demo,
                base_url=None if base_url is None else plain_address(base_url),
                timeout=timeout,
                backoff=backoff or Backoff(),
                keys=Keys(api_key, api_secret),
                per_second=per_second,
                burst=burst,
                monotonic=monotonic,
                sleep=sleep,
            )

        self._session = session(READS_PER_SECOND, READS_AT_ONCE)
        self._orders = BybitOrders(
            session(ORDERS_PER_SECOND, ORDERS_AT_ONCE),
            self._session,
            seconds=deadline,
            monotonic=monotonic,
            sleep=sleep,
        )

    @property
    def name(self) -> AccountName:
        """bybit, bybit_testnet or bybit_demo."""
        if self._is_demo:
            return "bybit_demo"
        return "bybit_testnet" if self._is_testnet else "bybit"

    @property
    def keeps(self) -> timedelta:
        """Two years; seven days for a demo account. What is asked for beyond that is not there."""
        return DEMO_KEEPS if self._is_demo else KEEPS

    def settled_to(self, now: datetime) -> datetime:
        """The present: Bybit tells what it knows."""
        return now

    def equity(self) -> Equity:
        """What the unified account is worth, over all its coins, in USD as Bybit values them."""
        from xfg_pipeline.exchange.bybit_account_records import equity_of

        deadline = self._patience().for_a_page()
        return equity_of(self._session.get("get_wallet_balance", deadline, accountType="UNIFIED").result)

    def positions(self) -> tuple[Position, ...]:
        """What is open now. A record that cannot be meant makes the whole answer malformed."""
        from xfg_pipeline.exchange.bybit_account_pages import read_rows
        from xfg_pipeline.exchange.bybit_account_records import position_of

        rows = read_rows(
            self._session, "get_positions", "positions", self._patience(), limit=POSITIONS_PAGE, settleCoin="USDT"
        )
        # A position that changes between two pages can be on both.
        told = {(one.coin, one.position_index): one for one in map(position_of, rows) if one is not None}
        return tuple(told[key] for key in sorted(told))

    def closings(self, start: datetime, end: datetime) -> Batch[Closing]:
        """Closed P&L of orders that began to close before `end` and filled last at `start` or later."""
        from xfg_pipeline.exchange.bybit_account_kinds import CLOSINGS
        from xfg_pipeline.exchange.bybit_account_pages import read_batch

        return read_batch(self._session, CLOSINGS, self._from(start), end, self._patience())

    def executions(self, start: datetime, end: datetime) -> Batch[Execution]:
        """Fills and settlements of funding."""
        from xfg_pipeline.exchange.bybit_account_kinds import EXECUTIONS
        from xfg_pipeline.exchange.bybit_account_pages import read_batch

        return read_batch(self._session, EXECUTIONS, self._from(start), end, self._patience())

    def orders(self, start: datetime, end: datetime) -> Batch[OrderRecord]:
        """Orders that are no longer open, by the time of their creation; Bybit forgets unfilled ones after a day."""
        from xfg_pipeline.exchange.bybit_account_kinds import ORDERS
        from xfg_pipeline.exchange.bybit_account_pages import read_batch

        return read_batch(self._session, ORDERS, self._from(start), end, self._patience())

    def key(self) -> KeyFacts:
        """What the API key may do, as `ContractTrade:Order`, and until when."""
        from xfg_pipeline.exchange.bybit_account_records import key_of

        return key_of(self._session.get("get_api_key_information", self._patience().for_a_page()).result)

    def clock_skew(self, now: datetime) -> timedelta:
        """How far Bybit's clock is ahead of `now`, exact to half the time that the question took."""
        from xfg_pipeline.exchange.bybit_clock import clock_skew

        return clock_skew(self._session, now, self._patience().for_a_page(), self._monotonic)

    def place(self, order: NewOrder) -> Placed:
        """Send an order once: at market, or a limit that stays until it is cancelled; target and stop go with it.

        After an unclear answer it is looked for by its link id. Raises OrderRefused and MarketUnavailable (nothing was
        placed) and OrderOutcomeUnknown.
        """
        return self._orders.place(order)

    def order(self, link_id: str) -> OrderRecord | None:
        """The newest order of that name, open or of the last seven days; None: Bybit does not show it, now."""
        return self._orders.order(link_id, self._patience())

    def _patience(self) -> "Patience":
        from xfg_pipeline.exchange.bybit_account_pages import Patience

        return Patience(self._deadline, self._monotonic)

    def _from(self, start: datetime) -> datetime:
        """No earlier than Bybit keeps: what lies before is refused with the rest of its window."""
        return max(start, self._clock.now() - self.keeps + ABOUT_TO_BE_FORGOTTEN)
