"""One file content, read, judged and written: whole or not at all, and once."""

import hashlib
import logging
from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any

from sqlalchemy import Connection

from xfg_pipeline.clock import Clock
from xfg_pipeline.faults import point
from xfg_pipeline.inbox.judging import Judged, judge, storable, storable_text
from xfg_pipeline.levels.formats import read_export
from xfg_pipeline.levels.issues import ExportRefused, ExportUnfinished, Issue, Severity, refused
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.storage import file_imports, levels, prices
from xfg_pipeline.storage.database import Database, DatabaseUnavailable, lock, without_hurry
from xfg_pipeline.storage.file_imports import FileImport

logger = logging.getLogger(__name__)


class DerivationFailed(Exception):
    """A kept file no longer reads under the present settings. Nothing was changed; the message names the file."""


@dataclass(frozen=True)
class Derived:
    """What deriving a range again came to."""

    files: int
    days: int
    levels: int
    changed: int


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

    def import_bytes(
        self, content: bytes, file_name: str, *, by: str, trust: bool = False, seen_as: str | None = None
    ) -> FileImport:
        """Import a file; the answer says what became of it, and a refusal is an answer too.

        With `trust` a file is imported although it was seen before or disagrees with the prices that are stored:
        the way back when a wrong file came first. `seen_as` identifies the file in its folder. Raises
        ExportUnfinished for a file that may still be growing, and DatabaseUnavailable, OSError or MemoryError when
        it could not be tried; the ledger is then untouched.
        """
        known = self.known(content)
        if known is not None and known.state == "imported" and not trust:
            with self.database.begin() as connection:
                return self._duplicate(connection, known, file_name)
        try:
            return self._imported(content, file_name, by=by, trust=trust, seen_as=seen_as)
        except (ExportUnfinished, DatabaseUnavailable, OSError, MemoryError):
            raise
        except ExportRefused as faulty:
            return self.refuse(content, file_name, faulty, by=by, seen_as=seen_as)
        except Exception as unforeseen:
            logger.exception("%s cannot be imported", file_name)
            return self.refuse(content, file_name, _unforeseen(unforeseen), by=by, seen_as=seen_as)

    def refuse(
        self, content: bytes, file_name: str, faulty: ExportRefused, *, by: str, seen_as: str | None = None
    ) -> FileImport:
        """Enter a content that cannot be imported, with the reason; nothing else is written."""
        facts = {
            "sha256": digest(content),
            "file_name": storable_text(file_name),
            "state": "refused",
            "reason": storable_text(faulty.report(file_name)),
            "issues": [storable(issue.to_dict()) for issue in faulty.issues],
            "size_bytes": len(content),
            "received_by": by,
            "received_at": self.clock.now(),
            "seen_as": seen_as,
        }
        with self.database.begin() as connection:
            import_id = file_imports.record(connection, facts, content)
            if import_id is not None:
                return file_imports.by_id(connection, import_id)
            first = file_imports.by_digest(connection, digest(content))
            assert first is not None
            return self._duplicate(connection, first, file_name)

    def refuse_unread(self, file_name: str, reason: str, size: int, *, by: str, seen_as: str) -> FileImport:
        """Enter something whose content was not read: a link, a device, a file too large or too old."""
        with self.database.begin() as connection:
            # The same thing, still there because it could not be moved: one row, not one a look.
            before = file_imports.unread(connection, storable_text(file_name), seen_as)
            if before is not None:
                return before
            issue = Issue(Severity.ERROR, "not_read", storable_text(reason))
            facts = {
                "sha256": None,
                "file_name": storable_text(file_name),
                "state": "refused",
                "reason": storable_text(reason),
                "issues": [issue.to_dict()],
                "size_bytes": size,
                "received_by": by,
                "received_at": self.clock.now(),
                "seen_as": seen_as,
            }
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
        symbols = sorted(self.rules.allowed_symbols)
        with self.database.begin() as connection:
            without_hurry(connection)
            for symbol in symbols:
                lock(connection, "csv_levels", symbol)
            winners = file_imports.winners(connection, start, end, symbols)
            derived = self._derive(connection, winners, by)
            point("derive.before_commit")
        point("derive.after_commit")
        return derived

    def retire_samples(self) -> int:
        """Take the bundled samples out of the levels, with their audit; how many there were.

        For the first start with real money: invented prices must not stand where real ones are missing.
        """
        with self.database.begin() as connection:
            for symbol in sorted(self.rules.allowed_symbols):
                lock(connection, "csv_levels", symbol)
            samples = file_imports.received_from(connection, file_imports.PRACTICE)
            for sample in samples:
                days = file_imports.covered(connection, sample.id)
                file_imports.cover(connection, sample.id, sample.symbol or "", {})
                self._hand_back(connection, days, sample.id, "live start")
        return len(samples)

    def _imported(self, content: bytes, file_name: str, *, by: str, trust: bool, seen_as: str | None) -> FileImport:
        now = self.clock.now()
        export = read_export(content, file_name, self.rules, now)
        days = export.bars.trading_dates if export.bars is not None else export.trading_dates
        with self.database.read() as connection:
            known = prices.references(connection, export.symbol, days)
        judged = judge(export, self.rules, known, trust=trust)
        facts = _facts(judged, content, file_name, by, now) | {"seen_as": seen_as}
        with self.database.begin() as connection:
            without_hurry(connection)
            before = file_imports.by_digest(connection, digest(content))
            # One writer a symbol: two files of one day must not interleave.
            for symbol in sorted({export.symbol, *([before.symbol] if before and before.symbol else [])}):
                lock(connection, "csv_levels", symbol)
            import_id = file_imports.record(connection, facts, content)
            given_up: set[tuple[str, date]] = set()
            if import_id is None:
                first = file_imports.by_digest(connection, digest(content))
                assert first is not None
                if not trust:
                    return self._duplicate(connection, first, file_name)
                import_id = first.id
                given_up = file_imports.covered(connection, import_id)
                file_imports.renew(connection, import_id, facts)
            file_imports.set_count(connection, import_id, self._write(connection, import_id, judged, by, now))
            self._hand_back(connection, given_up - file_imports.covered(connection, import_id), import_id, by)
            point("import.before_commit")
        point("import.after_commit")
        with self.database.read() as connection:
            return file_imports.by_id(connection, import_id)

    def _write(self, connection: Connection, import_id: int, judged: Judged, by: str, now: datetime) -> int:
        export = judged.export
        if judged.bars is not None:
            assert export.bars is not None
            covered = dict.fromkeys(judged.bars["trading_date"].unique())
            file_imports.cover(connection, import_id, export.symbol, covered)
            prices.write_bars(connection, export.symbol, export.bars.interval_minutes, judged.bars, import_id)
            return len(judged.bars)
        lines = {day.trading_date: day.line for day in export.days}
        file_imports.cover(connection, import_id, export.symbol, lines)
        days = {(export.symbol, day): import_id for day in lines}
        levels.replace_imported(connection, days, judged.rows, by=by, at=now)
        return len(judged.rows)

    def _hand_back(self, connection: Connection, days: Collection[tuple[str, date]], import_id: int, by: str) -> None:
        """Days that a file no longer speaks for, because it came under another name: the file before it does."""
        if not days:
            return
        dates = [day for _, day in days]
        found = file_imports.winners(connection, min(dates), max(dates), [symbol for symbol, _ in days])
        # Where no other file is left the rows go; the audit then names the file that gave the day up.
        self._derive(connection, {day: found.get(day, import_id) for day in days}, by, gone=days - found.keys())

    def _derive(
        self,
        connection: Connection,
        winners: dict[tuple[str, date], int],
        by: str,
        gone: Collection[tuple[str, date]] = (),
    ) -> Derived:
        rows: list[levels.LevelRow] = []
        for import_id in dict.fromkeys(winners.values()):
            wanted = {key for key, winner in winners.items() if winner == import_id and key not in gone}
            if wanted:
                kept = self._judge_kept(connection, import_id)
                rows += [row for row in kept.rows if (row.symbol, row.trading_date) in wanted]
        changed = levels.replace_imported(connection, winners, rows, by=by, at=self.clock.now())
        return Derived(len(set(winners.values())), len(winners), len(rows), changed)

    def _judge_kept(self, connection: Connection, import_id: int) -> Judged:
        kept = file_imports.by_id(connection, import_id)
        content = file_imports.content_of(connection, import_id)
        try:
            export = read_export(content, kept.file_name, self.rules, kept.imported_at or kept.received_at)
            known = prices.references(connection, export.symbol, export.trading_dates, without=import_id)
            try:
                return judge(export, self.rules, known, trust=False)
            except ExportRefused:
                # It was accepted against the prices of its time: later ones make a level doubtful, not undone.
                return judge(export, self.rules, known, trust=True)
        except ExportRefused as faulty:
            raise DerivationFailed(
                f"import {import_id} no longer reads under the present settings, and nothing was changed.\n"
                + faulty.report(kept.file_name)
            ) from faulty

    def _duplicate(self, connection: Connection, first: FileImport, file_name: str) -> FileImport:
        file_imports.mark_duplicate(connection, first.id, storable_text(file_name), self.clock.now())
        reason = f"the same content as {first.file_name}, import {first.id}; nothing new in it"
        if first.symbol and first.trading_dates and first.shape != "bars":
            ends = (first.trading_dates[0], first.trading_dates[-1])
            winners = file_imports.winners(connection, *ends, [first.symbol])
            newer = sorted({winners[key] for key in file_imports.covered(connection, first.id)} - {first.id})
            if newer:
                names = ", ".join(f"{file_imports.by_id(connection, one).file_name} (import {one})" for one in newer)
                reason += (
                    f". What holds is of {names}, which came later. To go back: xfg levels import {file_name} --trust"
                )
        return replace(file_imports.by_id(connection, first.id), state="duplicate", reason=storable_text(reason))


def digest(content: bytes) -> str:
    """The identity of a content: its SHA-256 in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def _facts(judged: Judged, content: bytes, file_name: str, by: str, now: datetime) -> dict[str, Any]:
    export = judged.export
    report: dict[str, Any] = {
        "written": export.written,
        "time_zone": export.time_zone,
        "rows": export.rows,
        "unknown_columns": list(export.unknown_columns),
    }
    if judged.bars is not None and export.bars is not None:
        report |= {"interval_minutes": export.bars.interval_minutes, "bars": len(judged.bars)}
    return {
        "sha256": digest(content),
        "file_name": storable_text(file_name),
        "state": "imported",
        "version": file_imports.VERSION.next_value(),
        "symbol": export.symbol,
        "shape": export.shape,
        "reason": "",
        "issues": [storable(issue.to_dict()) for issue in judged.issues],
        "report": storable(report),
        "size_bytes": len(content),
        "received_by": by,
        "received_at": now,
        "imported_at": now,
    }


def _unforeseen(failure: Exception) -> ExportRefused:
    return refused(
        "unforeseen",
        f"the pipeline failed at this file ({type(failure).__name__})",
        "report it with the file; the logs hold the details",
    )
