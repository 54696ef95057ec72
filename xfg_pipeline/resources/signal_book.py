"""Signals, decisions and tickets as a person asks for them, of the market that is configured and of no other."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import MAXYEAR, UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Literal

from sqlalchemy import Connection

from xfg_pipeline.resources.stored_signals import dagster_paths, prediction_of_row, signal_of
from xfg_pipeline.resources.why import explained, not_evaluated, reason_without
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.light import LightSource
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.slots import SLOT
from xfg_pipeline.signals.ticket import Ticket, TicketRefused, ticket
from xfg_pipeline.storage import signal_views as views
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.market_facts import read_instruments
from xfg_pipeline.storage.predictions import prediction_of
from xfg_pipeline.storage.signal_views import Page, Wanted

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline

Mode = Literal["practice", "live"]

MOST_DAYS = 366
MOST_ROWS = 1000
NOT_REAL = "Practice     not a real order"
"""Stands below a ticket of practice: whoever pastes it elsewhere reads it there."""
_INCREMENTS = ("tick_size", "qty_step", "min_qty", "max_qty", "min_notional")


class UnknownSignal(LookupError):
    """This market has no signal of that id or link id; the message names it."""


class RangeRefused(ValueError):
    """Dates that are out of order, or too many at once. `field` is `from` or `to`."""

    def __init__(self, field: str, message: str) -> None:
        super().__init__(message)
        self.field = field


class NoTicket(Exception):
    """There is nothing to place; the message is all that a person should see.

    `code` says why in a word: expired, paused, executed, no_size or unknown_instrument.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class Offer:
    """A ticket that can be placed now, its lines to copy, and the row of its signal."""

    ticket: Ticket
    text: str
    signal: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """For programs: the lines, and each of their values as it is typed at the exchange."""
        made = self.ticket
        return {
            "id": self.signal["id"],
            "ticket": self.text,
            "symbol": made.symbol,
            "side": made.side,
            "quantity": made.quantity,
            "price": made.price,
            "take_profit": made.take_profit,
            "stop_loss": made.stop_loss,
            "link_id": made.link_id,
            "position_multiplier": made.multiplier,
            "risk_amount": made.risk_amount,
            "expires_at": self.signal["expires_at"],
        }


@dataclass(frozen=True)
class SignalBook:
    """Reading signals and why there is none, on one database, for the coins of one market.

    `now` is the market's own time. Whoever asks passes the moment as of which the answer holds: a signal that has
    expired by then is expired, whether or not a process has written it.
    """

    database: Database
    market: str
    coins: tuple[str, ...]
    mode: Mode
    rules: SignalRules
    light: LightSource
    now: Callable[[], datetime]

    def about(self, as_of: datetime) -> dict[str, Any]:
        """What every answer says of itself: as of when, of which market, and whether any of it is real."""
        return {"as_of": as_of, "market": self.market, "mode": self.mode}

    def signals(
        self,
        as_of: datetime,
        first: date,
        last: date,
        *,
        status: str | None = None,
        coin: str | None = None,
        limit: int = MOST_ROWS,
        offset: int = 0,
    ) -> Page:
        """Signals of UTC days, both included, newest first. Raises RangeRefused."""
        start, end = span(first, last)
        wanted = Wanted(self.market, start, end, coin=coin, status=status)
        with self.database.read() as connection:
            return views.signals_page(connection, wanted, as_of, limit=min(limit, MOST_ROWS), offset=offset)

    def signal(self, as_of: datetime, name: int | str) -> dict[str, Any]:
        """One signal by id or link id: its row, `prediction` (None where it is gone) and `dagster`, paths by asset.

        Raises UnknownSignal.
        """
        with self.database.read() as connection:
            row = self._row(connection, as_of, name)
            made = prediction_of(connection, self.market, row["coin"], row["slot"])
        return {
            **row,
            "prediction": None if made is None else prediction_of_row(made),
            "dagster": dagster_paths(row["slot"]),
        }

    def newest_ready(self, as_of: datetime) -> dict[str, Any] | None:
        """The newest signal that can be acted on; None when there is none."""
        with self.database.read() as connection:
            return views.newest_ready(connection, self.market, as_of)

    def ticket(self, as_of: datetime, name: int | str) -> Offer:
        """The order of a signal under the light of now. Raises UnknownSignal, and NoTicket with the reason."""
        with self.database.read() as connection:
            row = self._row(connection, as_of, name)
            coin = row["coin"]
            known = read_instruments(connection, self.market, [coin]).get(coin)
        if known is None:
            raise NoTicket("unknown_instrument", f"NO ORDER: tick and step of {coin} are not known on {self.market}")
        increments = Increments(**{name: known[name] for name in _INCREMENTS})
        light = self.light.at(as_of)
        try:
            made = ticket(signal_of(row), row["status"], known["symbol"], increments, light, as_of, self.rules)
        except TicketRefused as refused:
            at_ready = "paused" if light.is_red else "no_size"
            raise NoTicket(at_ready if row["status"] == "ready" else row["status"], str(refused)) from refused
        return Offer(made, f"{made.text}\n{NOT_REAL}" if self.mode == "practice" else made.text, row)

    def candidates(
        self,
        day: date,
        *,
        coin: str | None = None,
        gate: str | None = None,
        limit: int = MOST_ROWS,
        offset: int = 0,
    ) -> Page:
        """What was decided on a UTC day, newest first, each with its reason (see why.explained)."""
        wanted = Wanted(self.market, *span(day, day), coin=coin, gate=gate)
        with self.database.read() as connection:
            found = views.candidates_page(connection, wanted, limit=min(limit, MOST_ROWS), offset=offset)
        return Page([explained(row) for row in found.rows], found.total)

    def counts(self, day: date, coin: str | None = None) -> dict[str, int]:
        """How many candidates of a UTC day each gate stopped, and how many `passed`."""
        with self.database.read() as connection:
            return views.counts_by_gate(connection, Wanted(self.market, *span(day, day), coin=coin))

    def newest_slots(self, day: date, count: int) -> list[datetime]:
        """The newest slots of a UTC day that were decided on, newest first."""
        with self.database.read() as connection:
            return views.decided_slots(connection, self.market, self.coins, *span(day, day), count)

    def why(self, as_of: datetime, slot: datetime, coin: str | None = None) -> list[dict[str, Any]]:
        """Why there is no signal at a slot: an entry for the coin, or for all; also where nothing was decided."""
        wanted = Wanted(self.market, slot, slot + SLOT, coin=coin)
        with self.database.read() as connection:
            made = {row["coin"]: row for row in views.candidates_page(connection, wanted, limit=MOST_ROWS).rows}
            asked = (coin,) if coin is not None else tuple(dict.fromkeys((*self.coins, *sorted(made))))
            return [
                explained(made[one]) if one in made else self._not_evaluated(connection, as_of, one, slot)
                for one in asked
            ]

    def _not_evaluated(self, connection: Connection, as_of: datetime, coin: str, slot: datetime) -> dict[str, Any]:
        candle, prediction = views.kept_of_slot(connection, self.market, coin, slot, slot - SLOT)
        reason = reason_without(coin, slot, as_of, self.coins, candle=candle, prediction=prediction)
        return not_evaluated(self.market, coin, slot, reason)

    def _row(self, connection: Connection, as_of: datetime, name: int | str) -> dict[str, Any]:
        if isinstance(name, int):
            row = views.signal_by_id(connection, self.market, name, as_of)
        else:
            row = views.signal_by_link(connection, self.market, name, as_of)
        if row is None:
            raise UnknownSignal(f"there is no signal {name} on the {self.market} market")
        return row


def utc_day(moment: datetime) -> date:
    """The UTC day of a moment."""
    return moment.astimezone(UTC).date()


def span(first: date, last: date) -> tuple[datetime, datetime]:
    """From the first slot of a UTC day to after the last one of another. Raises RangeRefused."""
    if last < first:
        raise RangeRefused("to", f"must not be before {first}")
    if last.year >= MAXYEAR:
        raise RangeRefused("to", f"must be before the year {MAXYEAR}")
    if (last - first).days >= MOST_DAYS:
        raise RangeRefused("from", f"is {MOST_DAYS} days or more before `to`: ask for a year at most")
    return tuple(  # type: ignore[return-value]
        datetime.combine(day, time(0), tzinfo=UTC) for day in (first, last + timedelta(days=1))
    )


def signal_book_of(pipeline: "Pipeline") -> SignalBook:
    """The book of a pipeline's own market."""
    return SignalBook(
        database=pipeline.database,
        market=pipeline.settings.market_name,
        coins=pipeline.settings.market.coins,
        mode=pipeline.settings.trading_mode,
        rules=pipeline.signal_rules,
        light=pipeline.light,
        now=pipeline.market_now,
    )
