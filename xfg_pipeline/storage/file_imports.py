"""The ledger of files: one row a file content, what became of it, and the content itself."""

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy import Connection, RowMapping
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.storage.tables import file_import_days, file_imports

VERSION = sa.Sequence("file_imports_version")
PRACTICE = "practice"
"""Who brought the bundled samples. Their prices are invented: nothing real is checked against them."""
_SHOWN = [column for column in file_imports.c if column.name != "content"]


@dataclass(frozen=True)
class FileImport:
    """What became of a file.

    `state` is that of its content (imported or refused), or `duplicate` when this arrival brought nothing new.
    `issues` are the warnings of an imported file and the errors of a refused one.
    """

    id: int
    sha256: str | None
    file_name: str
    state: str
    reason: str
    attempt: int
    version: int | None
    symbol: str | None
    shape: str | None
    issues: list[dict[str, Any]]
    report: dict[str, Any]
    imported_count: int
    size_bytes: int
    received_by: str
    received_at: datetime
    imported_at: datetime | None
    seen_as: str | None
    filed_as: str | None
    filing_error: str | None
    duplicates: int
    last_duplicate_name: str | None
    last_duplicate_at: datetime | None
    materialized_at: datetime | None
    trading_dates: tuple[date, ...] = field(default=())


def _built(row: RowMapping, days: Sequence[date] = ()) -> FileImport:
    return FileImport(**dict(row), trading_dates=tuple(days))


def _with_days(connection: Connection, rows: Sequence[RowMapping]) -> list[FileImport]:
    days: dict[int, list[date]] = {row["id"]: [] for row in rows}
    query = (
        sa.select(file_import_days.c.file_import_id, file_import_days.c.trading_date)
        .where(file_import_days.c.file_import_id.in_(days))
        .order_by(file_import_days.c.trading_date)
    )
    for import_id, day in connection.execute(query):
        days[import_id].append(day)
    return [_built(row, days[row["id"]]) for row in rows]


def by_digest(connection: Connection, sha256: str) -> FileImport | None:
    """The ledger's row of a content."""
    row = connection.execute(sa.select(*_SHOWN).where(file_imports.c.sha256 == sha256)).mappings().one_or_none()
    return None if row is None else _with_days(connection, [row])[0]


def by_id(connection: Connection, import_id: int) -> FileImport:
    """The ledger's row with this number."""
    row = connection.execute(sa.select(*_SHOWN).where(file_imports.c.id == import_id)).mappings().one()
    return _with_days(connection, [row])[0]


def received_from(connection: Connection, by: str) -> list[FileImport]:
    """Imported files of somebody that still speak for a day."""
    speaks = sa.exists().where(file_import_days.c.file_import_id == file_imports.c.id)
    query = sa.select(*_SHOWN).where(file_imports.c.received_by == by, file_imports.c.state == "imported", speaks)
    return _with_days(connection, list(connection.execute(query).mappings()))


def unread(connection: Connection, file_name: str, seen_as: str | None) -> FileImport | None:
    """The row of something that was refused without being read and is still there, as it was seen then."""
    query = sa.select(*_SHOWN).where(
        file_imports.c.sha256.is_(None),
        file_imports.c.file_name == file_name,
        file_imports.c.seen_as == seen_as,
    )
    row = connection.execute(query.limit(1)).mappings().one_or_none()
    return None if row is None else _built(row)


def recent(
    connection: Connection, limit: int, *, symbol: str | None = None, since: datetime | None = None
) -> list[FileImport]:
    """The last files, newest first; with `symbol` also those whose symbol could not be told."""
    # A content that came again counts from then: what it says may concern a file of today.
    came = sa.func.greatest(file_imports.c.received_at, file_imports.c.last_duplicate_at)
    query = sa.select(*_SHOWN).order_by(came.desc(), file_imports.c.id.desc()).limit(limit)
    if symbol is not None:
        query = query.where(sa.or_(file_imports.c.symbol == symbol, file_imports.c.symbol.is_(None)))
    if since is not None:
        query = query.where(came >= since)
    return _with_days(connection, list(connection.execute(query).mappings()))


def record(connection: Connection, facts: Mapping[str, Any], content: bytes | None) -> int | None:
    """Enter a content, or a new attempt at one that was refused; None if another arrival was first.

    Waits for a transaction that is entering the same content.
    """
    values = {**facts, "content": None if content is None else zlib.compress(content, 6)}
    statement = insert(file_imports).values(**values)
    kept = ("sha256", "received_at")
    statement = statement.on_conflict_do_update(
        index_elements=["sha256"],
        set_={
            **{name: statement.excluded[name] for name in values if name not in kept},
            "received_at": statement.excluded.received_at,
            "attempt": file_imports.c.attempt + 1,
            "filed_as": None,
            "filing_error": None,
            "materialized_at": None,
        },
        where=file_imports.c.state == "refused",
    )
    return connection.execute(statement.returning(file_imports.c.id)).scalar_one_or_none()


def renew(connection: Connection, import_id: int, facts: Mapping[str, Any]) -> None:
    """Make an imported content the newest again, under the name that it came with this time."""
    told = ("file_name", "symbol", "shape", "issues", "report", "imported_at", "version", "received_by")
    connection.execute(
        file_imports.update()
        .where(file_imports.c.id == import_id)
        .values(**{name: facts[name] for name in told}, attempt=file_imports.c.attempt + 1, materialized_at=None)
    )


def covered(connection: Connection, import_id: int) -> set[tuple[str, date]]:
    """Each (symbol, trading date) that a file speaks for."""
    days = file_import_days.c
    query = sa.select(days.symbol, days.trading_date).where(days.file_import_id == import_id)
    return {(symbol, day) for symbol, day in connection.execute(query)}


def set_count(connection: Connection, import_id: int, count: int) -> None:
    """Say how many levels or bars a file brought."""
    connection.execute(file_imports.update().where(file_imports.c.id == import_id).values(imported_count=count))


def cover(connection: Connection, import_id: int, symbol: str, lines: Mapping[date, int | None]) -> None:
    """Say which trading dates a file speaks for, and by which of its lines."""
    connection.execute(file_import_days.delete().where(file_import_days.c.file_import_id == import_id))
    if lines:
        connection.execute(
            file_import_days.insert(),
            [
                {"file_import_id": import_id, "symbol": symbol, "trading_date": day, "line": line}
                for day, line in lines.items()
            ],
        )


def mark_filed(connection: Connection, import_id: int, filed_as: str | None, error: str | None = None) -> None:
    """Say where the file itself was put, or why it could not be moved."""
    connection.execute(
        file_imports.update().where(file_imports.c.id == import_id).values(filed_as=filed_as, filing_error=error)
    )


def mark_duplicate(connection: Connection, import_id: int, file_name: str, at: datetime) -> None:
    """Count another arrival of a content that is known."""
    connection.execute(
        file_imports.update()
        .where(file_imports.c.id == import_id)
        .values(duplicates=file_imports.c.duplicates + 1, last_duplicate_name=file_name, last_duplicate_at=at)
    )


def content_of(connection: Connection, import_id: int) -> bytes:
    """The content of a file, as it was received."""
    query = sa.select(file_imports.c.content).where(file_imports.c.id == import_id)
    return zlib.decompress(connection.execute(query).scalar_one())


def winners(connection: Connection, start: date, end: date, symbols: Sequence[str]) -> dict[tuple[str, date], int]:
    """For each of `symbols` and each trading date from start to end, both included: the newest file with levels."""
    days, files = file_import_days.c, file_imports.c
    query = (
        sa.select(days.symbol, days.trading_date, days.file_import_id)
        .join_from(file_import_days, file_imports)
        .where(
            days.symbol.in_(symbols),
            days.trading_date.between(start, end),
            files.state == "imported",
            files.shape != "bars",
        )
        .distinct(days.symbol, days.trading_date)
        .order_by(days.symbol, days.trading_date, files.version.desc())
    )
    return {(symbol, day): import_id for symbol, day, import_id in connection.execute(query)}


def not_materialized(connection: Connection) -> list[FileImport]:
    """Imported files that no run has carried through the assets yet, oldest first."""
    query = (
        sa.select(*_SHOWN)
        .where(file_imports.c.state == "imported", file_imports.c.materialized_at.is_(None))
        .order_by(file_imports.c.id)
    )
    return _with_days(connection, list(connection.execute(query).mappings()))


def open_within(connection: Connection, start: date, end: date, *, bars: bool) -> list[int]:
    """Numbers of the files that lie wholly within start and end and that no run has carried yet."""
    outside = sa.exists().where(
        file_import_days.c.file_import_id == file_imports.c.id,
        sa.not_(file_import_days.c.trading_date.between(start, end)),
    )
    query = sa.select(file_imports.c.id).where(
        file_imports.c.state == "imported",
        file_imports.c.materialized_at.is_(None),
        (file_imports.c.shape == "bars") if bars else (file_imports.c.shape != "bars"),
        sa.not_(outside),
    )
    return list(connection.execute(query).scalars())


def mark_materialized(connection: Connection, import_ids: Sequence[int], at: datetime) -> None:
    """Say that a run carried these files."""
    connection.execute(
        file_imports.update()
        .where(file_imports.c.id.in_(import_ids), file_imports.c.materialized_at.is_(None))
        .values(materialized_at=at)
    )


def counts(connection: Connection) -> RowMapping:
    """Counts of the ledger, for the asset's metadata."""
    query = sa.text(
        "SELECT count(*) FILTER (WHERE state = 'imported') AS imported, "
        "count(*) FILTER (WHERE state = 'refused') AS refused, coalesce(sum(duplicates), 0) AS duplicates, "
        "coalesce(sum(size_bytes) FILTER (WHERE state = 'imported'), 0) AS bytes FROM file_imports"
    )
    return connection.execute(query).mappings().one()
