"""Positions from flat to flat, walked fill by fill: what opened them, what closed them, what funding they had."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from itertools import groupby
from typing import Final

from xfg_pipeline.signals.increments import EXACT
from xfg_pipeline.signals.records import Direction
from xfg_pipeline.trading.account_records import Closing, Execution, Side
from xfg_pipeline.trading.amounts import QUOTIENTS, product, total

FUNDING: Final = "Funding"
_AFTER_ALL = 2**63
_OPENS: Final[Mapping[Side, Direction]] = {"Buy": "LONG", "Sell": "SHORT"}
_CLOSES: Final[Mapping[Side, Direction]] = {"Buy": "SHORT", "Sell": "LONG"}


@dataclass(frozen=True)
class Fill:
    """The part of an execution that opened or closed a position. `fee` is that part's.

    `execution` is None where the exchange's closed P&L tells of a close that no execution in the records shows.
    """

    order_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal | None
    at: datetime
    seq: int
    execution: Execution | None


@dataclass(eq=False)
class Episode:
    """A position of a coin in a direction. `held` is what is still open of it.

    `is_whole`: every close found that much opened before it; otherwise some of the opening is not in the records.
    `funding` was received (below 0: paid).
    """

    coin: str
    direction: Direction
    opening: list[Fill] = field(default_factory=list)
    closing: list[Fill] = field(default_factory=list)
    held: Decimal = Decimal(0)
    funding: Decimal = Decimal(0)
    is_whole: bool = True

    @property
    def is_flat(self) -> bool:
        """Nothing of it is open, as far as the records tell."""
        return self.held == 0

    def closed_by_order(self) -> dict[str, list[Fill]]:
        """Its closing fills by order, in order of each order's last fill."""
        found: dict[str, list[Fill]] = {}
        for fill in self.closing:
            # Put last again, so that the order of the keys is that of the last fills.
            found[fill.order_id] = [*found.pop(fill.order_id, []), fill]
        return found


@dataclass(frozen=True)
class _Move:
    """An execution as the walk needs it: how much of it closes, and how much opens."""

    at: datetime
    seq: int
    id: str
    side: Side
    order_id: str
    price: Decimal
    closes: Decimal
    opens: Decimal
    execution: Execution | None

    def fill(self, quantity: Decimal) -> Fill:
        fee = None
        if self.execution is not None:
            fee = QUOTIENTS.divide(product(self.execution.fee, quantity), self.execution.quantity)
        return Fill(self.order_id, self.price, quantity, fee, self.at, self.seq, self.execution)


def episodes_of(closings: Iterable[Closing], executions: Iterable[Execution]) -> list[Episode]:
    """Every position of the records, each record there once. One-way mode, flips and hedge mode are walked alike.

    What the executions lack of an order's closed quantity is taken as closed at the order's `updated_at`: a fill that
    is late or older than the exchange keeps must not leave a position open for ever. An order that closed twice in the
    same direction, with a flat moment between, joins both: its P&L is one number.
    """
    coins: dict[str, _Coin] = defaultdict(_Coin)
    for execution in executions:
        coins[execution.coin].executions.append(execution)
    for closing in closings:
        coins[closing.coin].closings.append(closing)
    return [episode for name in sorted(coins) for episode in _Walk(name).through(coins[name])]


@dataclass
class _Coin:
    executions: list[Execution] = field(default_factory=list)
    closings: list[Closing] = field(default_factory=list)

    def moves(self) -> list[_Move]:
        """Trades in order of time, with what the closings tell beyond them."""
        trades = [one for one in self.executions if one.kind != FUNDING]
        fills: dict[tuple[str, Side], list[Execution]] = defaultdict(list)
        for one in trades:
            fills[one.order_id, one.side].append(one)
        # Executions that say nothing of closing, although the exchange has closed P&L for their order.
        silent = {
            exec_id
            for closing in self.closings
            for exec_id in _silent(closing, fills.get((closing.order_id, closing.side), []))
        }
        moves = [_move(replace(one, closed_quantity=one.quantity) if one.exec_id in silent else one) for one in trades]
        for closing in self.closings:
            own = fills.get((closing.order_id, closing.side), [])
            shown = total(one.quantity if one.exec_id in silent else one.closed_quantity for one in own)
            if closing.quantity > shown:
                moves.append(_untold(closing, EXACT.subtract(closing.quantity, shown)))
        return sorted(moves, key=lambda move: (move.at, move.seq, move.id))


def _silent(closing: Closing, fills: list[Execution]) -> Iterator[str]:
    if any(one.closed_quantity for one in fills) or total(one.quantity for one in fills) > closing.quantity:
        return
    for one in fills:
        yield one.exec_id


def _move(one: Execution) -> _Move:
    opens = EXACT.subtract(one.quantity, one.closed_quantity)
    return _Move(one.at, one.seq, one.exec_id, one.side, one.order_id, one.price, one.closed_quantity, opens, one)


def _untold(closing: Closing, quantity: Decimal) -> _Move:
    return _Move(
        closing.updated_at,
        _AFTER_ALL,
        closing.order_id,
        closing.side,
        closing.order_id,
        closing.exit_price,
        quantity,
        Decimal(0),
        None,
    )


class _Walk:
    """Through the moves of one coin: what is open by direction, and which position each closing order belongs to."""

    def __init__(self, coin: str) -> None:
        self._coin = coin
        self._open: dict[Direction, Episode] = {}
        self._closed_by: dict[tuple[Direction, str], Episode] = {}
        # Insertion keeps the order of their beginnings.
        self._episodes: dict[int, Episode] = {}

    def through(self, records: _Coin) -> list[Episode]:
        funding: dict[datetime, list[Execution]] = defaultdict(list)
        for one in records.executions:
            if one.kind == FUNDING:
                funding[one.at].append(one)
        moves = {at: list(tied) for at, tied in groupby(records.moves(), key=lambda move: move.at)}
        for at in sorted({*funding, *moves}):
            # Who holds a position when funding is settled has it, also when it is closed at that very moment.
            left = [one for one in funding[at] if not self._settle(one)]
            for _, tied in groupby(moves.get(at, []), key=lambda move: move.seq):
                self._trade(list(tied))
            for one in left:
                self._settle(one)
        return list(self._episodes.values())

    def _trade(self, tied: list[_Move]) -> None:
        """Moves of one moment, of which only the holding tells what came first: what can close does, then openings."""
        too_early = []
        for move in tied:
            held = self._open.get(_CLOSES[move.side])
            if move.closes and (held is None or held.held < move.closes):
                too_early.append(move)
            elif move.closes:
                self._close(_CLOSES[move.side], move)
        for move in tied:
            if move.opens:
                self._start(_OPENS[move.side], move)
        for move in too_early:
            self._close(_CLOSES[move.side], move)

    def _start(self, direction: Direction, move: _Move) -> None:
        episode = self._open.get(direction)
        if episode is None:
            episode = self._open[direction] = self._new(direction)
        episode.opening.append(move.fill(move.opens))
        episode.held = EXACT.add(episode.held, move.opens)

    def _close(self, direction: Direction, move: _Move) -> None:
        episode = self._open.get(direction)
        earlier = self._closed_by.get((direction, move.order_id))
        if episode is None:
            episode = self._new(direction) if earlier is None else earlier
        elif earlier is not None and earlier is not episode:
            self._join(earlier, episode)
        self._closed_by[direction, move.order_id] = episode
        episode.closing.append(move.fill(move.closes))
        episode.is_whole &= move.closes <= episode.held
        episode.held = max(EXACT.subtract(episode.held, move.closes), Decimal(0))
        if episode.is_flat:
            self._open.pop(direction, None)

    def _new(self, direction: Direction) -> Episode:
        episode = Episode(self._coin, direction)
        self._episodes[id(episode)] = episode
        return episode

    def _join(self, earlier: Episode, episode: Episode) -> None:
        episode.opening[:0] = earlier.opening
        episode.closing = sorted([*earlier.closing, *episode.closing], key=lambda fill: (fill.at, fill.seq))
        episode.funding = EXACT.add(episode.funding, earlier.funding)
        episode.is_whole &= earlier.is_whole
        for fill in earlier.closing:
            self._closed_by[episode.direction, fill.order_id] = episode
        del self._episodes[id(earlier)]

    def _settle(self, funding: Execution) -> bool:
        """Give funding to the position that is open; where both are (hedge mode) the side says which."""
        episode = self._open.get(_OPENS[funding.side])
        if len(self._open) == 1:
            episode = next(iter(self._open.values()))
        if episode is None:
            return False
        episode.funding = EXACT.subtract(episode.funding, funding.fee)
        return True
