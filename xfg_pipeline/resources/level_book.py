"""The levels of a day as a person asks for them: what holds, what is missing, what is near, and typing pivots."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import Connection

from xfg_pipeline.clock import Clock
from xfg_pipeline.faults import point
from xfg_pipeline.levels.band import UNCHECKED
from xfg_pipeline.levels.completeness import Completeness, completeness
from xfg_pipeline.levels.issues import Issue, Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import (
    FIRST_DAY,
    current_trading_date,
    first_session_of_week,
    is_session,
    next_session,
)
from xfg_pipeline.levels.validation import judge_pivots
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS, Source, Timeframe
from xfg_pipeline.storage import file_imports, levels, manual_levels, prices
from xfg_pipeline.storage.database import Database, lock, try_lock
from xfg_pipeline.storage.file_imports import FileImport
from xfg_pipeline.storage.levels import WEEKLY, NearbyLevel


class UnknownSymbol(LookupError):
    """The symbol is none of those that the settings allow; the message says which are."""


class TooFarAhead(ValueError):
    """Pivots are typed for days that are near; the message names the furthest and the first."""


class PivotsRefused(ValueError):
    """Typed values break a rule. `fields` names each field and what must be true; nothing was saved."""

    def __init__(self, fields: dict[str, str], issues: Sequence[Issue] = ()) -> None:
        super().__init__("; ".join(f"{name}: {why}" for name, why in fields.items()))
        self.fields = fields
        self.issues = tuple(issues)


class LostUpdate(Exception):
    """Somebody saved in between. `etag` and `current` are what holds now; nothing was saved."""

    def __init__(self, etag: str, current: dict[str, Decimal]) -> None:
        super().__init__("these pivots were changed by somebody else in between")
        self.etag = etag
        self.current = current


class IdempotencyConflict(Exception):
    """The key was used for another body (`kind` is body), or its first use has not ended yet (in_flight)."""

    def __init__(self, kind: Literal["body", "in_flight"]) -> None:
        super().__init__(
            "this Idempotency-Key was used for another body"
            if kind == "body"
            else "the first request with this Idempotency-Key has not ended yet"
        )
        self.kind = kind


@dataclass(frozen=True)
class Idempotency:
    """Who repeats what: the caller's key, and the digest of the body that it stands for."""

    username: str
    endpoint: str
    key: str
    body_sha256: str


@dataclass(frozen=True)
class DayOfLevels:
    """What is known of a symbol on a trading date.

    `prices` is what holds; `rows` are all sources, with `holds` on each; `manual` are the typed ones in force.
    `weekly_from` is the day on which the weekly pivot was set, when that is another day of the week.
    """

    symbol: str
    trading_date: date
    prices: dict[str, Decimal]
    rows: list[dict[str, Any]]
    etag: str
    manual: dict[str, Decimal]
    manual_by: str | None
    manual_at: datetime | None
    weekly_from: date | None


@dataclass(frozen=True)
class PivotsSaved:
    """The day after saving. `changed` are the names that differ from before; `replayed` marks a repeated answer."""

    day: DayOfLevels
    warnings: tuple[Issue, ...]
    changed: tuple[str, ...]
    replayed: bool = False


@dataclass(frozen=True)
class Nearby:
    """Levels near a price, nearest first, of the trading date that was looked at (None: no level is stored)."""

    trading_date: date | None
    levels: tuple[NearbyLevel, ...]


class LevelBook:
    """Reading levels and typing pivots, on one database, by one set of rules."""

    def __init__(self, database: Database, rules: LevelRules, clock: Clock) -> None:
        self.database = database
        self.rules = rules
        self.clock = clock

    def symbol(self, text: str) -> str:
        """The symbol meant, in capitals. Raises UnknownSymbol unless the settings allow it."""
        symbol = text.strip().upper()
        if symbol not in self.rules.allowed_symbols:
            allowed = ", ".join(self.rules.allowed_symbols)
            raise UnknownSymbol(f"{symbol[:20]!r} is no symbol of this desk; allowed: {allowed}")
        return symbol

    def today(self) -> date:
        """The current trading date: from 18:00 New York time it is the next session's."""
        return current_trading_date(self.clock.now())

    def latest_day(self, until: date) -> date | None:
        """The last trading date, not after `until`, that has a level of any allowed symbol."""
        with self.database.read() as connection:
            found = [levels.latest_day(connection, symbol, until) for symbol in self.rules.allowed_symbols]
        return max((day for day in found if day is not None), default=None)

    def day(self, symbol: str, trading_date: date) -> DayOfLevels:
        """Everything known of a day; an empty one when nothing is."""
        symbol = self.symbol(symbol)
        with self.database.read() as connection:
            return _day(connection, symbol, trading_date)

    def completeness(self, symbol: str, trading_date: date) -> Completeness:
        """Whether all required levels of a day are there, judged now."""
        return completeness(self.symbol(symbol), trading_date, self.day(symbol, trading_date).prices, self.rules)

    def nearby(self, symbol: str, price: Decimal, range_points: Decimal, trading_date: date | None = None) -> Nearby:
        """Levels within `range_points` of `price`, of a date or of the latest that has levels."""
        symbol = self.symbol(symbol)
        with self.database.read() as connection:
            day = trading_date or levels.latest_day(connection, symbol, self.today())
            if day is None:
                return Nearby(None, ())
            return Nearby(day, tuple(levels.nearby(connection, symbol, day, price, range_points)))

    def enter_pivots(
        self,
        symbol: str,
        trading_date: date,
        typed: Mapping[str, Decimal | None],
        *,
        by: str,
        if_match: str | None = None,
        idempotency: Idempotency | None = None,
    ) -> PivotsSaved:
        """Save typed levels: the names given are set, None takes one back, the others stay.

        The rows, their audit and the event for the pipeline are one transaction. Raises PivotsRefused, LostUpdate,
        IdempotencyConflict, TooFarAhead or UnknownSymbol, and then nothing is saved.
        """
        symbol = self.symbol(symbol)
        furthest = next_session(self.today())
        if not FIRST_DAY <= trading_date <= furthest:
            raise TooFarAhead(f"{trading_date} is not between {FIRST_DAY} and {furthest}, the next trading day")
        if not typed:
            raise PivotsRefused({"levels": f"name at least one of {', '.join(MANUAL_LEVELS)}"})
        unknown = [name for name in typed if name not in MANUAL_LEVELS]
        if unknown:
            allowed = ", ".join(MANUAL_LEVELS)
            raise PivotsRefused(dict.fromkeys(unknown, f"is not typed by hand; allowed: {allowed}"))
        with self.database.begin() as connection:
            if idempotency is not None:
                kept = _recalled(connection, idempotency)
                if kept is not None:
                    return kept
            # One writer a symbol: a weekly pivot concerns other days of its week too.
            lock(connection, "manual_levels", symbol)
            before = _day(connection, symbol, trading_date)
            if if_match is not None and if_match.strip() not in ("*", before.etag):
                raise LostUpdate(before.etag, before.manual)
            warnings, errors_of = self._judged(connection, symbol, trading_date, before.manual, typed)
            changed = self._write(connection, symbol, trading_date, typed, errors_of, by)
            saved = PivotsSaved(_day(connection, symbol, trading_date), warnings, changed)
            if idempotency is not None:
                _remember(connection, idempotency, saved, self.clock.now())
            point("manual.before_commit")
        point("manual.after_commit")
        return saved

    def history(self, symbol: str, trading_date: date, limit: int = 50) -> list[dict[str, Any]]:
        """Who changed what on a day, newest first: rows of level_audit."""
        symbol = self.symbol(symbol)
        with self.database.read() as connection:
            return [dict(row) for row in levels.audit_of_day(connection, symbol, trading_date, limit)]

    def imports(self, limit: int = 20, *, since: datetime | None = None, symbol: str | None = None) -> list[FileImport]:
        """The last files and what became of them, newest first."""
        with self.database.read() as connection:
            return file_imports.recent(connection, limit, symbol=symbol, since=since)

    def import_of(self, symbol: str, trading_date: date) -> FileImport | None:
        """The file that speaks for a day."""
        symbol = self.symbol(symbol)
        with self.database.read() as connection:
            winner = file_imports.winners(connection, trading_date, trading_date, [symbol]).get((symbol, trading_date))
            return None if winner is None else file_imports.by_id(connection, winner)

    def csv_rows(self, symbol: str, start: date, end: date) -> list[dict[str, Any]]:
        """All stored rows of a symbol from start to end, both included, for a download."""
        symbol = self.symbol(symbol)
        with self.database.read() as connection:
            return [dict(row) for row in levels.levels_between(connection, symbol, start, end)]

    def last_price(self, symbol: str, before: datetime) -> tuple[Decimal, datetime] | None:
        """The close of the last stored bar that opened before a moment, and its open stamp."""
        symbol = self.symbol(symbol)
        with self.database.read() as connection:
            return prices.last_close(connection, symbol, before)

    def _judged(
        self,
        connection: Connection,
        symbol: str,
        trading_date: date,
        before: Mapping[str, Decimal],
        typed: Mapping[str, Decimal | None],
    ) -> tuple[tuple[Issue, ...], dict[str, list[Issue]]]:
        merged = {**before, **typed}
        together = {name: price for name, price in merged.items() if price is not None}
        near = prices.references(connection, symbol, [trading_date]).near(trading_date)
        issues = judge_pivots(together, symbol, self.rules, near)
        # What was typed before and is far from a price that came later must not keep the rest from being corrected:
        # the day is incomplete until it is corrected too.
        errors = [
            issue
            for issue in issues
            if issue.severity is Severity.ERROR and (issue.code != "band" or typed.keys() & set(issue.levels))
        ]
        if errors:
            raise PivotsRefused({name: issue.message for issue in reversed(errors) for name in issue.levels}, errors)
        warnings = tuple(issue for issue in issues if issue.severity is Severity.WARNING)
        if not is_session(trading_date):
            # The calendar says what to expect; it is never a reason to lose what somebody typed.
            warnings += (Issue(Severity.WARNING, "no_session", f"{trading_date} is no trading day of the NYSE"),)
        # A doubt that names no level concerns them all.
        return warnings, {name: [i for i in warnings if name in i.levels or not i.levels] for name in together}

    def _write(
        self,
        connection: Connection,
        symbol: str,
        trading_date: date,
        typed: Mapping[str, Decimal | None],
        warnings_of: Mapping[str, Sequence[Issue]],
        by: str,
    ) -> tuple[str, ...]:
        at = self.clock.now()
        touched: dict[date, dict[str, str | None]] = {}
        for name, price in typed.items():
            day = _week(trading_date) if name == WEEKLY else trading_date
            if price is None:
                done = manual_levels.remove(connection, symbol, day, name, by=by, at=at)
            else:
                said = warnings_of.get(name, ())
                done = manual_levels.put(
                    connection,
                    symbol,
                    day,
                    name,
                    price,
                    timeframe=Timeframe.WEEKLY if name == WEEKLY else Timeframe.DAILY,
                    by=by,
                    at=at,
                    errors=[{**issue.to_dict(), "stage": "entry"} for issue in said],
                    validated=all(issue.code != UNCHECKED for issue in said),
                )
            if done:
                touched.setdefault(day, {})[name] = None if price is None else str(price)
                # The day that was looked at shows the week's pivot too.
                touched.setdefault(trading_date, {})
        for day, changes in touched.items():
            manual_levels.announce(connection, symbol, day, changes, by=by, at=at)
        return tuple(name for changes in touched.values() for name in changes)


def _day(connection: Connection, symbol: str, trading_date: date) -> DayOfLevels:
    rows = levels.rows_of_day(connection, symbol, trading_date)
    held = levels.holding(rows)
    typed = [row for row in held.values() if row["source"] == Source.MANUAL]
    last = max(typed, key=lambda row: row["updated_at"], default=None)
    weekly = held.get(WEEKLY)
    week = _week(trading_date)
    return DayOfLevels(
        symbol=symbol,
        trading_date=trading_date,
        prices={name: _plain(row["price"]) for name, row in held.items()},
        rows=[
            {**row, "price": _plain(row["price"]), "holds": held[row["level_type"]]["id"] == row["id"]} for row in rows
        ],
        etag=f'"{manual_levels.version(connection, symbol, trading_date, week)}"',
        manual={row["level_type"]: _plain(row["price"]) for row in typed},
        manual_by=None if last is None else last["imported_by"],
        manual_at=None if last is None else last["updated_at"],
        weekly_from=weekly["trading_date"] if weekly and weekly["trading_date"] != trading_date else None,
    )


def _week(day: date) -> date:
    """The session with which the week of a day is stored; a Sunday belongs to the week that opens in its evening."""
    return first_session_of_week(day if is_session(day) else next_session(day))


def _plain(price: Decimal) -> Decimal:
    """Without the zeros that the column's scale adds: 5825.25000000 is 5825.25."""
    plain = price.normalize()
    return plain.quantize(Decimal(1)) if plain.as_tuple().exponent > 0 else plain  # type: ignore[operator]


def _recalled(connection: Connection, idempotency: Idempotency) -> PivotsSaved | None:
    subject = (idempotency.username, idempotency.endpoint, idempotency.key)
    if not try_lock(connection, "idempotency", *subject):
        raise IdempotencyConflict("in_flight")
    kept = manual_levels.recall(connection, *subject)
    if kept is None:
        return None
    if kept["body_sha256"] != idempotency.body_sha256:
        raise IdempotencyConflict("body")
    return _from_json(kept["response"])


def _remember(connection: Connection, idempotency: Idempotency, saved: PivotsSaved, at: datetime) -> None:
    facts = {
        "username": idempotency.username,
        "endpoint": idempotency.endpoint,
        "key": idempotency.key,
        "body_sha256": idempotency.body_sha256,
        "response": _to_json(saved),
        "created_at": at,
    }
    manual_levels.remember(connection, facts)


def _to_json(saved: PivotsSaved) -> dict[str, Any]:
    from pydantic import TypeAdapter

    answer: dict[str, Any] = TypeAdapter(PivotsSaved).dump_python(saved, mode="json")
    return answer


def _from_json(answer: Mapping[str, Any]) -> PivotsSaved:
    from pydantic import TypeAdapter

    return TypeAdapter(PivotsSaved).validate_python({**answer, "replayed": True})
