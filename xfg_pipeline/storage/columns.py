"""Whole columns to and from Postgres in its binary form: a year of slots in seconds, not row by row in minutes.

Written by COPY (https://www.postgresql.org/docs/current/sql-copy.html, "Binary Format"), read as arrays, as
`array_send` of Postgres lays them out: dimensions, whether there are nulls, type, sizes, then cells with their lengths.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray
from psycopg import sql
from sqlalchemy import Connection

Bools = NDArray[np.bool_]
_SIGNATURE = b"PGCOPY\n\xff\r\n\x00"
_HEADER = _SIGNATURE + bytes(8)
_TRAILER = b"\xff\xff"
_FLOAT4_OID = 700
# Postgres counts microseconds from 2000-01-01.
_EPOCH_SECONDS = 946_684_800


class OddRows(ValueError):
    """Columns that cannot be written or read as declared."""


@dataclass(frozen=True, eq=False)
class Column:
    """One column of n rows in Postgres's binary form.

    `words` are the distinct values of a column of texts, `payload` then holds an index into them for each row; else
    `payload` is uint8[n, width]. `known` is False where the value is null.
    """

    payload: NDArray[Any]
    known: Bools | None = None
    words: tuple[bytes, ...] | None = None

    def __len__(self) -> int:
        return int(self.payload.shape[0])


def times(seconds: NDArray[np.int64], known: Bools | None = None) -> Column:
    """timestamptz from whole seconds since 1970 UTC."""
    return Column(_bytes((seconds - _EPOCH_SECONDS) * 1_000_000, ">i8"), known)


def moments(at: datetime, size: int) -> Column:
    """The same timestamptz in all rows, to the microsecond."""
    micros = (at - datetime(2000, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)
    return Column(_bytes(np.full(size, micros, dtype=np.int64), ">i8"))


def doubles(values: NDArray[Any], known: Bools | None = None) -> Column:
    """double precision; NaN becomes null."""
    there = ~np.isnan(values)
    return Column(_bytes(values, ">f8"), there if known is None else there & known)


def integers(values: NDArray[Any], known: Bools | None = None) -> Column:
    """integer."""
    return Column(_bytes(values, ">i4"), known)


def booleans(values: Bools) -> Column:
    """boolean."""
    return Column(_bytes(values, ">u1"))


def digests(values: NDArray[np.uint8]) -> Column:
    """bytea from uint8[n, width]."""
    return Column(np.ascontiguousarray(values))


def arrays(values: NDArray[np.float32]) -> Column:
    """real[] from float32[n, width]; every row has the same width."""
    size, width = values.shape
    cells = np.zeros((size, width), dtype=[("length", ">i4"), ("value", ">f4")])
    cells["length"], cells["value"] = 4, values
    head = np.array([1, 0, _FLOAT4_OID, width, 1], dtype=">i4").view(np.uint8)
    body = cells.reshape(size, width).view(np.uint8).reshape(size, width * 8)
    return Column(np.hstack([np.broadcast_to(head, (size, head.size)), body]))


def texts(codes: NDArray[Any], words: Sequence[str | None]) -> Column:
    """text from an index into `words` for each row; None among them is null."""
    known = np.array([word is not None for word in words], dtype=bool)[codes] if len(words) else None
    return Column(np.asarray(codes), known, tuple((word or "").encode() for word in words))


def same(word: str, size: int) -> Column:
    """The same text in all rows."""
    return texts(np.zeros(size, dtype=np.int64), [word])


def copy_columns(connection: Connection, table: str, *parts: Mapping[str, Column]) -> int:
    """COPY columns into `table`, in no particular order of rows; how many rows there were.

    Every part is a set of columns of one length, all with the same names. The caller's transaction decides whether the
    rows stay. Raises OddRows when lengths or names differ.
    """
    filled = [(part, _size(part)) for part in parts if part]
    if not any(size for _, size in filled):
        return 0
    names = list(filled[0][0])
    if any(list(part) != names for part, _ in filled):
        raise OddRows(f"parts with other columns than {', '.join(names)}")
    statement = sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
        sql.Identifier(table), sql.SQL(", ").join(sql.Identifier(name) for name in names)
    )
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor() as cursor, cursor.copy(statement) as copy:
        copy.write(_HEADER)
        for part, size in filled:
            for block in _blocks(list(part.values()), size):
                copy.write(block)
        copy.write(_TRAILER)
    return sum(size for _, size in filled)


def _size(part: Mapping[str, Column]) -> int:
    sizes = {name: len(column) for name, column in part.items()}
    if len(set(sizes.values())) > 1:
        raise OddRows(f"columns of different length: {sizes}")
    return next(iter(sizes.values()))


def read_columns(
    connection: Connection, query: str, parameters: Mapping[str, Any], columns: Mapping[str, str]
) -> dict[str, NDArray[Any]]:
    """The rows of a query that selects `columns` in this order, none of them null, as arrays.

    `columns` names the kind of each: `time` (seconds since 1970), `double`, `integer`, `boolean`, `reals 15` (real[]
    of that many), `digest 16` (bytea of that many, as uint8[n, 16]). Parameters are written as %(name)s. Raises OddRows
    when a value is null.
    """
    # One row with an array a column: row by row, a year would be asked for a million times.
    names = [f"c{number}" for number in range(len(columns))]
    statement = sql.SQL("SELECT {} FROM ({}) AS rows ({})").format(
        sql.SQL(", ").join(sql.SQL("array_send(array_agg({}))").format(sql.Identifier(name)) for name in names),
        sql.SQL(query),
        sql.SQL(", ").join(map(sql.Identifier, names)),
    )
    driver = connection.connection.driver_connection
    assert driver is not None
    with driver.cursor(binary=True) as cursor:
        contents = cursor.execute(statement, parameters).fetchone()
    return {name: _column(content, kind) for (name, kind), content in zip(columns.items(), contents, strict=True)}


_KINDS = {"time": ">i8", "double": ">f8", "integer": ">i4", "boolean": "?", "reals": ">f4"}
_OIDS = {"time": 1184, "double": 701, "integer": 23, "boolean": 16, "reals": _FLOAT4_OID, "digest": 17}


def _column(content: bytes | None, kind: str) -> NDArray[Any]:
    """The values of a Postgres array in its binary form; None is the array of no rows."""
    word, _, width = kind.partition(" ")
    value = (np.uint8, (int(width),)) if word == "digest" else _KINDS[word]
    cell = np.dtype([("length", ">i4"), ("value", value)])
    if word == "digest":
        return _digests(content, cell, int(width))
    if content is None:
        empty = np.empty((0, int(width)) if width else 0, dtype=cell["value"].newbyteorder("="))
        return empty.astype(np.int64) if word == "time" else empty
    dimensions, nulls, oid = np.frombuffer(content, dtype=">i4", count=3).tolist()
    shape = np.frombuffer(content, dtype=">i4", offset=12, count=2 * dimensions)[::2].tolist()
    if nulls or oid != _OIDS[word] or (width and shape[1:] != [int(width)]):
        raise OddRows(f"a value is null, or not of the declared kind {kind}")
    cells = np.frombuffer(content, dtype=cell, offset=12 + 8 * dimensions)
    values = cells["value"].astype(cell["value"].newbyteorder("=")).reshape(shape)
    return values // 1_000_000 + _EPOCH_SECONDS if word == "time" else values


def _digests(content: bytes | None, cell: np.dtype[Any], width: int) -> NDArray[np.uint8]:
    """Those of an array of bytea that all have this width."""
    if content is None:
        return np.empty((0, width), dtype=np.uint8)
    nulls, oid = np.frombuffer(content, dtype=">i4", offset=4, count=2).tolist()
    body = memoryview(content)[20:]
    if nulls or oid != _OIDS["digest"] or len(body) % cell.itemsize:
        raise OddRows(f"a value is null, or not of the declared kind digest {width}")
    cells = np.frombuffer(body, dtype=cell)
    if (cells["length"] != width).any():
        raise OddRows(f"a value is null, or not of the declared kind digest {width}")
    found: NDArray[np.uint8] = cells["value"].copy()
    return found


def _bytes(values: NDArray[Any], kind: str) -> NDArray[np.uint8]:
    fixed = np.ascontiguousarray(values, dtype=kind)
    return fixed.view(np.uint8).reshape(fixed.size, fixed.itemsize)


def _blocks(columns: list[Column], size: int) -> list[bytes]:
    """Rows with the same nulls and the same lengths of text have the same width: each kind of row is one block."""
    kind_of_row = np.zeros(size, dtype=np.int64)
    for column in columns:
        lengths = _lengths(column, size)
        # Lengths are at least -1 (null), so that this numbering is unique.
        _, kind_of_row = np.unique(kind_of_row * (int(lengths.max(initial=0)) + 2) + lengths + 1, return_inverse=True)
    blocks = []
    for kind in range(int(kind_of_row.max(initial=-1)) + 1):
        rows = np.flatnonzero(kind_of_row == kind)
        parts = [_repeated(np.array([len(columns)], dtype=">i2"), rows.size)]
        for column in columns:
            length = int(_lengths(column, size)[rows[0]])
            parts.append(_repeated(np.array([length], dtype=">i4"), rows.size))
            if length > 0:
                parts.append(_payload(column, rows, length))
        blocks.append(np.hstack(parts).tobytes())
    return blocks


def _lengths(column: Column, size: int) -> NDArray[np.int64]:
    if column.words is None:
        lengths = np.full(size, column.payload.shape[1], dtype=np.int64)
    else:
        lengths = np.array([len(word) for word in column.words], dtype=np.int64)[column.payload]
    return lengths if column.known is None else np.where(column.known, lengths, -1)


def _payload(column: Column, rows: NDArray[np.int64], length: int) -> NDArray[np.uint8]:
    if column.words is None:
        chosen: NDArray[np.uint8] = column.payload[rows]
        return chosen
    padded = np.array([np.frombuffer(word.ljust(length, b"\0")[:length], np.uint8) for word in column.words])
    gathered: NDArray[np.uint8] = padded[column.payload[rows]]
    return gathered


def _repeated(value: NDArray[Any], size: int) -> NDArray[np.uint8]:
    return np.broadcast_to(value.view(np.uint8), (size, value.nbytes))
