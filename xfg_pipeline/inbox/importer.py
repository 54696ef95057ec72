"""One file content, read, judged and written: whole or not at all, and once."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from xfg_pipeline.clock import Clock
from xfg_pipeline.faults import point
from xfg_pipeline.levels.band import unchecked
from xfg_pipeline.levels.formats import Export, ExportDay, read_export
from xfg_pipeline.levels.issues import ExportRefused, ExportUnfinished, Issue, Severity
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import NEW_YORK
from xfg_pipeline.levels.validation import judge_day
from xfg_pipeline.levels.vocabulary import LEVEL_TYPES, Priority, Timeframe
from xfg_pipeline.storage import file_imports, levels, prices
from xfg_pipeline.storage.database import Database, lock, without_hurry
from xfg_pipeline.storage.file_imports import FileImport
from xfg_pipeline.storage.levels import LevelRow

if TYPE_CHECKING:
    from pandas import DataFrame

BAND_UNCHECKED = "band_unchecked"


class DerivationFailed(Exception):
    """A kept file no longer reads under the present settings. Nothing was changed; the message names the file."""


@dataclass(frozen=True)
class Derived:
    """What deriving a range again came to."""

    files: int
    days: int
    levels: int
    changed: int


@dataclass(frozen=True)
class _Judged:
    export: Export
    rows: list[LevelRow]
    issues: list[Issue]


class Importer:
    """Turns file contents into levels and bars.

    The transaction of an import holds the ledger's row, the file's content, its levels and the audit of what they
    replace. A second arrival of the same content waits for the first and then finds it.
    """

    def __init__(self, database: Database, rules: LevelRules, clock: Clock) -> None:
        self.database = database
        self.rules = rules
        self.clock = clock

    def known(self, content: bytes) -> FileImport | None:
        """The ledger's row of this content."""
        with self.database.read() as connection:
            return file_imports.by_digest(connection, digest(content))

    def import_bytes(self, content: bytes, file_name: str, *, by: str, trust: bool = False) -> FileImport:
        """Import a file; the answer says what became of it, and a refusal is an answer too.

        With `trust` a file is imported although it was seen before or disagrees with the prices that are stored:
        the way back when a wrong file came first. Raises ExportUnfinished for a file that may still be growing, and
        DatabaseUnavailable; the ledger is then untouched.
        """
        now = self.clock.now()
        known = self.known(content)
        if known is not None and known.state == "imported" and not trust:
            return self._repeated(known, file_name, now)
        try:
            judged = self._judge(content, file_name, now, trust=trust)
        except ExportUnfinished:
            raise
        except ExportRefused as refused:
            return self.refuse(content, file_name, refused, by=by)
        with self.database.begin() as connection:
            without_hurry(connection)
            # One writer a symbol: two files of one day must not interleave.
            lock(connection, "csv_levels", judged.export.symbol)
            import_id = self._enter(connection, content, file_name, judged, by, now)
            if import_id is None:
                assert known is not None or not trust
                first = file_imports.by_digest(connection, digest(content))
                assert first is not None
                if not trust:
                    return self._duplicate(connection, first, file_name, now)
                file_imports.renew(connection, first.id, now)
                import_id = first.id
            count = self._write(connection, import_id, judged, by, now)
            file_imports.set_count(connection, import_id, count)
            point("import.before_commit")
        point("import.after_commit")
        with self.database.read() as connection:
            return file_imports.by_id(connection, import_id)

    def refuse(self, content: bytes, file_name: str, refused: ExportRefused, *, by: str) -> FileImport:
        """Enter a content that cannot be imported, with the reason; nothing else is written."""
        facts = {
            "sha256": digest(content),
            "file_name": _text(file_name),
            "state": "refused",
            "reason": _text(refused.report(file_name)),
            "issues": [_clean(issue.to_dict()) for issue in refused.issues],
            "size_bytes": len(content),
            "received_by": by,
            "received_at": self.clock.now(),
        }
        with self.database.begin() as connection:
            import_id = file_imports.record(connection, facts, content)
            if import_id is None:
                first = file_imports.by_digest(connection, digest(content))
                assert first is not None
                return self._duplicate(connection, first, file_name, self.clock.now())
            return file_imports.by_id(connection, import_id)

    def refuse_unread(self, file_name: str, reason: str, size: int, *, by: str) -> FileImport:
        """Enter something whose content was not read: a link, a device, a file too large or too old."""
        issue = Issue(Severity.ERROR, "not_read", _text(reason))
        with self.database.read() as connection:
            # The same thing, still there because it could not be moved: one row, not one a look.
            before = file_imports.unread(connection, _text(file_name), size)
            if before is not None:
                return before
        facts = {
            "sha256": None,
            "file_name": _text(file_name),
            "state": "refused",
            "reason": _text(reason),
            "issues": [issue.to_dict()],
            "size_bytes": size,
            "received_by": by,
            "received_at": self.clock.now(),
        }
        with self.database.begin() as connection:
            import_id = file_imports.record(connection, facts, None)
            assert import_id is not None
            return file_imports.by_id(connection, import_id)

    def filed(self, import_id: int, filed_as: str | None, error: str | None = None) -> None:
        """Say where the file was put, or why it could not be moved."""
        with self.database.begin() as connection:
            file_imports.mark_filed(connection, import_id, filed_as, error)

    def derive(self, start: date, end: date, *, by: str) -> Derived:
        """Derive the imported levels from start to end (both included) again, from the contents that were kept.

        Raises DerivationFailed when a content no longer reads under the present settings; nothing is changed then.
        """
        with self.database.begin() as connection:
            without_hurry(connection)
            for symbol in self.rules.allowed_symbols:
                lock(connection, "csv_levels", symbol)
            winners = file_imports.winners(connection, start, end)
            rows: list[LevelRow] = []
            for import_id in dict.fromkeys(winners.values()):
                wanted = {key for key, winner in winners.items() if winner == import_id}
                judged = self._judge_kept(connection, import_id)
                rows += [row for row in judged.rows if (row.symbol, row.trading_date) in wanted]
            changed = levels.replace_imported(connection, winners, rows, by=by, at=self.clock.now())
            point("derive.before_commit")
        point("derive.after_commit")
        return Derived(len(set(winners.values())), len(winners), len(rows), changed)

    def _judge(self, content: bytes, file_name: str, as_of: datetime, *, trust: bool) -> _Judged:
        export = read_export(content, file_name, self.rules, as_of)
        with self.database.read() as connection:
            known = prices.references(connection, export.symbol, [day.trading_date for day in export.days])
        return self._weighed(export, known, trust=trust)

    def _judge_kept(self, connection: Connection, import_id: int) -> _Judged:
        kept = file_imports.by_id(connection, import_id)
        content = file_imports.content_of(connection, import_id)
        try:
            export = read_export(content, kept.file_name, self.rules, kept.imported_at or kept.received_at)
            days = [day.trading_date for day in export.days]
            known = prices.references(connection, export.symbol, days, without=import_id)
            try:
                return self._weighed(export, known, trust=False)
            except ExportRefused:
                # It was accepted against the prices of its time: later ones make a level doubtful, not undone.
                return self._weighed(export, known, trust=True)
        except ExportRefused as refused:
            raise DerivationFailed(
                f"import {import_id} no longer reads under the present settings, and nothing was changed.\n"
                + refused.report(kept.file_name)
            ) from refused

    def _weighed(self, export: Export, known: prices.References, *, trust: bool) -> _Judged:
        issues = list(export.warnings)
        rows: list[LevelRow] = []
        for day in export.days:
            reference = None if trust else known.near(day.trading_date)
            said = judge_day(day, export.symbol, self.rules, reference)
            issues += said
            rows += _rows(export.symbol, day, said)
        errors = [issue for issue in issues if issue.severity is Severity.ERROR]
        if errors:
            raise ExportRefused(errors)
        return _Judged(export, rows, _said_once(export.symbol, issues))

    def _enter(
        self,
        connection: Connection,
        content: bytes,
        file_name: str,
        judged: _Judged,
        by: str,
        now: datetime,
    ) -> int | None:
        export = judged.export
        report: dict[str, Any] = {
            "written": export.written,
            "time_zone": export.time_zone,
            "rows": export.rows,
            "unknown_columns": list(export.unknown_columns),
        }
        if export.bars is not None and export.shape == "bars":
            report |= {"interval_minutes": export.bars.interval_minutes, "bars": len(export.bars.frame)}
        facts = {
            "sha256": digest(content),
            "file_name": _text(file_name),
            "state": "imported",
            "version": file_imports.VERSION.next_value(),
            "symbol": export.symbol,
            "shape": export.shape,
            "reason": "",
            "issues": [_clean(issue.to_dict()) for issue in judged.issues],
            "report": _clean(report),
            "size_bytes": len(content),
            "received_by": by,
            "received_at": now,
            "imported_at": now,
        }
        return file_imports.record(connection, facts, content)

    def _write(self, connection: Connection, import_id: int, judged: _Judged, by: str, now: datetime) -> int:
        export = judged.export
        if export.shape == "bars":
            assert export.bars is not None
            frame = _dated(export.bars.frame)
            file_imports.cover(connection, import_id, export.symbol, dict.fromkeys(frame["trading_date"].unique()))
            prices.write_bars(connection, export.symbol, export.bars.interval_minutes, frame, import_id)
            return len(frame)
        lines = {day.trading_date: day.line for day in export.days}
        file_imports.cover(connection, import_id, export.symbol, lines)
        days = {(export.symbol, day): import_id for day in lines}
        levels.replace_imported(connection, days, judged.rows, by=by, at=now)
        return len(judged.rows)

    def _repeated(self, known: FileImport, file_name: str, now: datetime) -> FileImport:
        with self.database.begin() as connection:
            return self._duplicate(connection, known, file_name, now)

    def _duplicate(self, connection: Connection, first: FileImport, file_name: str, now: datetime) -> FileImport:
        file_imports.mark_duplicate(connection, first.id, _text(file_name), now)
        reason = f"the same content as {first.file_name}, import {first.id}; nothing new in it"
        return replace(file_imports.by_id(connection, first.id), state="duplicate", reason=reason)


def digest(content: bytes) -> str:
    """The identity of a content: its SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _said_once(symbol: str, issues: list[Issue]) -> list[Issue]:
    """What holds for every day of a file is said once a file."""
    once = [issue for issue in dict.fromkeys(issues) if issue.code != BAND_UNCHECKED]
    doubts = [issue for issue in issues if issue.code == BAND_UNCHECKED]
    return [*once, *(doubts if len(doubts) < 2 else [unchecked(symbol, f" near {len(doubts):,} of the days")])]


def _dated(bars: "DataFrame") -> "DataFrame":
    """Bars with the trading date of each: that of New York's clock six hours on, as `trading_date_of` says."""
    from pandas import Timedelta

    wall = bars["time"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    return bars.assign(trading_date=(wall + Timedelta(hours=6)).dt.date)


def _rows(symbol: str, day: ExportDay, issues: Iterable[Issue]) -> list[LevelRow]:
    said = list(issues)
    unchecked = any(issue.code == BAND_UNCHECKED and not issue.levels for issue in said)
    rows = []
    for name, cell in day.cells.items():
        kind = LEVEL_TYPES.get(name)
        own = [issue for issue in said if name in issue.levels]
        rows.append(
            LevelRow(
                symbol=symbol,
                trading_date=day.trading_date,
                level_type=name,
                price=cell.price,
                timeframe=kind.timeframe if kind else Timeframe.DAILY,
                priority=kind.priority if kind else Priority.REFERENCE,
                description=f"{cell.column}, line {cell.line}",
                is_validated=not unchecked and all(issue.code != BAND_UNCHECKED for issue in own),
                validation_errors=[{**_clean(issue.to_dict()), "stage": "import"} for issue in own],
            )
        )
    return rows


def _text(text: str) -> str:
    """Text that Postgres and UTF-8 can hold: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, dict):
        return {_text(str(key)): _clean(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(inner) for inner in value]
    return value
