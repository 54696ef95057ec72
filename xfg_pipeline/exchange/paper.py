"""The paper account: a demonstration that fills orders against candles and keeps the records that Bybit would give."""

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal, localcontext
from typing import Final

from xfg_pipeline.exchange.account import Batch, OrderRefused
from xfg_pipeline.exchange.market import Instrument, MarketUnavailable
from xfg_pipeline.exchange.paper_bars import price_of
from xfg_pipeline.exchange.paper_books import CLOSINGS, EXECUTIONS, Entry, Opened, PaperBooks, PaperOrder, order_in
from xfg_pipeline.exchange.paper_following import CandlesOf, MinutesOf, PaperFollower, RateOf, read_orders
from xfg_pipeline.exchange.paper_orders import refuse_impossible
from xfg_pipeline.exchange.paper_placing import ask_to_close, opening_side, place
from xfg_pipeline.exchange.paper_terms import money
from xfg_pipeline.signals.increments import EXACT
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

ORDER_LIVES: Final = timedelta(hours=24)
"""How long an order waits for its fill when nothing else is said."""
UNSETTLED_AT_MOST: Final = timedelta(hours=12)
"""A record is told later than it happened, when its candle is known; so late that readers look no more is too late."""
_VALUED_BY: Final = timedelta(days=2)
_NO_BALANCE: Final = 110007


class NotOpened(Exception):
    """The paper account has no beginning yet: open it with its starting equity first."""


class PaperAccount:
    """Positions on paper. Nothing is bought or sold, and no margin is kept: there is no liquidation.

    `candles` gives closed 15-minute candles, `minutes` the finer ones of a coin, `funding` the settled rates. What the
    keeper of the books raises when it cannot be reached goes through.
    """

    def __init__(
        self,
        name: AccountName,
        books: PaperBooks,
        *,
        candles: CandlesOf,
        instruments: Callable[[str], Instrument | None],
        now: Callable[[], datetime],
        minutes: MinutesOf | None = None,
        funding: RateOf | None = None,
    ) -> None:
        self._name: AccountName = name
        self._books = books
        self._candles = candles
        self._instruments = instruments
        self._now = now
        self._follower = PaperFollower(name, books, candles, minutes, funding)

    @property
    def name(self) -> AccountName:
        """Stands in every row that was made from it."""
        return self._name

    @property
    def keeps(self) -> timedelta | None:
        """Its books go to their beginning."""
        return None

    def open(self, at: datetime, equity: Decimal) -> Opened:
        """Begin with so much equity. What was opened before stays as it was."""
        return self._books.open(at, equity)

    @property
    def opened(self) -> Opened | None:
        """Its beginning; None before `open`."""
        return self._books.opened()

    def place(self, order: NewOrder) -> Placed:
        """Place an order now; it waits 24 hours for its fill. Raises as place_at."""
        return self.place_at(order, self._now())

    def place_at(self, order: NewOrder, at: datetime, *, expires_at: datetime | None = None) -> Placed:
        """Place an order as of a moment that may lie in the past, until `expires_at` (24 hours).

        The same link id again changes nothing. A reduce-only order closes the whole position at the next price. Raises
        OrderRefused when the exchange would, or a position of its coin and side is there already, and NotOpened.
        """
        known = self.order(order.link_id)
        if known is not None:
            return Placed(known.order_id, known.link_id, again=True)
        refuse_impossible(order, self._instruments(order.coin))
        self._refuse_unfunded(order, at)
        self._follower.follow_lane(order.coin, opening_side(order), at)
        if order.reduce_only:
            return ask_to_close(self._name, self._books, order, at)
        return place(self._name, self._books, order, at, expires_at or at + ORDER_LIVES)

    def advance(self, as_of: datetime) -> int:
        """Apply the candles that had closed by `as_of`; how many fills there were. Raises NotOpened.

        The records are the same whether this is called once or at every candle.
        """
        self._wallet(as_of)
        fills = self._follower.follow_all(as_of)
        with self._books.changing() as page:
            page.advanced_to(as_of)
        return fills

    def equity(self) -> Equity:
        """What the account is worth now; raises as equity_at."""
        return self.equity_at(self._now())

    def equity_at(self, at: datetime) -> Equity:
        """What it was worth at a moment, with open positions at the newest close by then.

        Raises NotOpened, and MarketUnavailable when the candles of what is held are missing.
        """
        wallet, unrealised = self._wallet(at), Decimal(0)
        for held, entry in self._held_at(at):
            gained = _gained(held, entry, self._mark(held.order.coin, at))
            if gained is None:
                raise MarketUnavailable(
                    f"equity of {self._name} is not known: {held.order.coin} is held, and no candle of the two days "
                    f"before {at:%Y-%m-%d %H:%M} UTC is there to value it by",
                    coin=held.order.coin,
                )
            # Closed P&L has the fee of the entry in it; of what is open it was paid by itself.
            wallet -= entry.fee
            unrealised += gained
        return Equity(wallet + unrealised, wallet, None, unrealised)

    def positions(self) -> tuple[Position, ...]:
        """What is open now, as far as candles were applied."""
        return self.positions_at(self._now())

    def positions_at(self, at: datetime) -> tuple[Position, ...]:
        """What was open at a moment, by coin and side."""
        found = [self._position(held, entry, at) for held, entry in self._held_at(at)]
        return tuple(sorted(found, key=lambda one: (one.coin, one.side)))

    def closings(self, start: datetime, end: datetime) -> Batch[Closing]:
        """Closed P&L of start <= time < end.

        This and the next two raise MarketUnavailable while what is working has not met its candles for half a day.
        """
        self._refuse_unsettled(end)
        return Batch(tuple(CLOSINGS.validate_python(row) for row in self._books.closings(start, end)))

    def executions(self, start: datetime, end: datetime) -> Batch[Execution]:
        """Fills and funding of start <= time < end."""
        self._refuse_unsettled(end)
        return Batch(tuple(EXECUTIONS.validate_python(row) for row in self._books.executions(start, end)))

    def orders(self, start: datetime, end: datetime) -> Batch[OrderRecord]:
        """Orders that are no longer open, by when they were last changed: start <= time < end."""
        self._refuse_unsettled(end)
        found = (order_in(row) for row in self._books.orders(start, end))
        return Batch(tuple(one for one in found if one.status != "New"))

    def settled_to(self, now: datetime) -> datetime:
        """No record of before this moment will still come of what is working; later ones do when their candle is known.

        What somebody places as of the past adds its own.
        """
        return min((one.followed_to for one in self._follower.working()), default=now)

    def key(self) -> KeyFacts | None:
        """It needs none."""
        return None

    def clock_skew(self, now: datetime) -> timedelta:
        """It has no clock of its own."""
        del now
        return timedelta(0)

    def order(self, link_id: str) -> OrderRecord | None:
        """An order by our own name for it; None: it was never placed."""
        found = self._books.order_of(link_id)
        return None if found is None else order_in(found)

    def _wallet(self, at: datetime) -> Decimal:
        found = self._books.wallet(at)
        if found is None:
            raise NotOpened(f"{self._name} was never opened: give it its starting equity first")
        return found

    def _refuse_unsettled(self, end: datetime) -> None:
        """Raise MarketUnavailable where candles are missing for so long that silence would be taken for rest."""
        asked = min(end, self._now())
        oldest = min(self._follower.working(), key=lambda one: one.followed_to, default=None)
        if oldest is not None and asked - oldest.followed_to > UNSETTLED_AT_MOST:
            raise MarketUnavailable(
                f"{oldest.order.link_id} waits for candles of {oldest.order.coin} since "
                f"{oldest.followed_to:%Y-%m-%d %H:%M} UTC: what became of it on {self._name} is not known. They come "
                "with the market's feed, of the coins in market.coins",
                coin=oldest.order.coin,
            )

    def _refuse_unfunded(self, order: NewOrder, at: datetime) -> None:
        if self._wallet(at) <= 0 and not order.reduce_only:
            raise OrderRefused(
                f"{order.link_id}: {self._name} has nothing left to trade with: start practice afresh",
                code=_NO_BALANCE,
                coin=order.coin,
            )

    def _held_at(self, at: datetime) -> list[tuple[PaperOrder, Entry]]:
        standing = read_orders(self._books.standing_at(at))
        return [(one, one.entry) for one in standing if one.entry is not None and one.entry.at <= at]

    def _mark(self, coin: str, at: datetime) -> Decimal | None:
        closed = self._candles(coin, at - _VALUED_BY, at).closed_by(at)
        return price_of(float(closed.close[-1])) if len(closed) else None

    def _position(self, held: PaperOrder, entry: Entry, at: datetime) -> Position:
        mark = self._mark(held.order.coin, at)
        return Position(
            coin=held.order.coin,
            side=held.order.side,
            position_index=held.order.position_index,
            quantity=held.order.quantity,
            entry_price=entry.price,
            mark_price=mark,
            liquidation_price=None,
            leverage=None,
            take_profit=held.order.take_profit,
            stop_loss=held.order.stop_loss,
            unrealised_pnl=_gained(held, entry, mark),
            updated_at=entry.at,
        )


def _gained(held: PaperOrder, entry: Entry, mark: Decimal | None) -> Decimal | None:
    """What a position has gained at a price, before the fee to close it; None where the price is not known."""
    if mark is None:
        return None
    with localcontext(EXACT):
        gained = (mark - entry.price) * held.order.quantity
        return money(gained if held.order.side == "Buy" else -gained)
