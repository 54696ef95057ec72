"""Paper orders after the candles that have closed: followed apart from the books, written in one transaction."""

from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from decimal import Decimal

from xfg_pipeline.exchange.paper_books import (
    ORDERS,
    JsonRecord,
    PaperBooks,
    PaperOrder,
    PaperPage,
    write_child,
    write_closing,
    write_execution,
    write_order,
)
from xfg_pipeline.exchange.paper_fills import Followed, follow
from xfg_pipeline.faults import point
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.outcomes import FinerCandles
from xfg_pipeline.signals.slots import SLOT

CandlesOf = Callable[[str, datetime, datetime], Candles]
"""15-minute candles of a coin with start <= open time < end that are known by now."""
MinutesOf = Callable[[str], FinerCandles]
"""What reads the minutes of a coin."""
RateOf = Callable[[str, datetime], Decimal | None]
"""The funding rate that a coin settled at a time; see paper_fills.FundingRate."""


class PaperFollower:
    """Follows the working orders of one account's books."""

    def __init__(
        self, account: str, books: PaperBooks, candles: CandlesOf, minutes: MinutesOf | None, funding: RateOf | None
    ) -> None:
        self._account = account
        self._books = books
        self._candles = candles
        self._minutes = minutes
        self._funding = funding

    def working(self) -> list[PaperOrder]:
        """Orders to open a position that wait for their fill, or hold one."""
        return read_orders(self._books.standing_at(None))

    def follow_all(self, as_of: datetime) -> int:
        """Apply the candles that had closed by `as_of` to every working order; how many fills there were."""
        return self._follow(self.working(), as_of)

    def follow_lane(self, coin: str, side: str, as_of: datetime) -> None:
        """The same for the one order of a coin and side."""
        self._follow([one for one in self.working() if (one.order.coin, one.order.side) == (coin, side)], as_of)

    def _follow(self, orders: list[PaperOrder], as_of: datetime) -> int:
        by_coin: defaultdict[str, list[PaperOrder]] = defaultdict(list)
        for one in orders:
            by_coin[one.order.coin].append(one)
        changed = [
            (before, after)
            for coin, own in sorted(by_coin.items())
            for before, after in self._walk(coin, own, as_of)
            if after.order != before
        ]
        if not changed:
            return 0
        with changing(self._books) as page:
            kept = [after for before, after in changed if _keep(page, before, after)]
        return sum(len(one.executions) for one in kept)

    def _walk(self, coin: str, orders: list[PaperOrder], as_of: datetime) -> list[tuple[PaperOrder, Followed]]:
        start = min(one.followed_to for one in orders)
        if start + SLOT > as_of:
            return []
        candles = self._candles(coin, start, as_of).closed_by(as_of)
        finer = _no_minutes if self._minutes is None else self._minutes(coin)

        def rates(at: datetime) -> Decimal | None:
            return None if self._funding is None else self._funding(coin, at)

        return [(one, follow(self._account, one, candles, finer=finer, rates=rates)) for one in orders]


@contextmanager
def changing(books: PaperBooks) -> Iterator[PaperPage]:
    """One transaction on the books; tests may kill the process on either side of its commit."""
    with books.changing() as page:
        yield page
        point("paper.before_commit")
    point("paper.after_commit")


def read_orders(records: Sequence[JsonRecord]) -> list[PaperOrder]:
    """Orders to open a position, as they were kept."""
    return [ORDERS.validate_python(record) for record in records]


def _keep(page: PaperPage, before: PaperOrder, after: Followed) -> bool:
    """Write it, unless another process was faster: it wrote the same, or more."""
    known = page.order_of(before.order.link_id)
    if known is None or ORDERS.validate_python(known) != before:
        return False
    for child in after.children:
        write_child(page, child)
    for execution in after.executions:
        write_execution(page, execution)
    for closing in after.closings:
        write_closing(page, closing)
    write_order(page, after.order)
    return True


def _no_minutes(start: datetime, end: datetime) -> Candles | None:
    del start, end
    return None
