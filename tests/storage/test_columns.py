"""Whole columns by binary COPY, on a real Postgres: what is written is what is read, by us and by everybody."""

from datetime import UTC, datetime
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from xfg_pipeline.storage import columns
from xfg_pipeline.storage.columns import OddRows, copy_columns, read_columns
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.slot_keys import of_coins

MADE = (
    "CREATE TEMP TABLE kept (at timestamptz, word text, price float8, count int4, is_so boolean, digest bytea, "
    "parts real[])"
)


def test_every_kind_of_column_arrives_as_postgres_itself_would_have_it(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(sa.text(MADE))
        written = copy_columns(
            connection,
            "kept",
            {
                "at": columns.times(np.array([0, 1_760_000_400], dtype=np.int64)),
                "word": columns.texts(np.array([0, 1]), ["überall", None]),
                "price": columns.doubles(np.array([0.1, np.nan])),
                "count": columns.integers(np.array([-7, 3]), np.array([True, False])),
                "is_so": columns.booleans(np.array([True, False])),
                "digest": columns.digests(np.array([[1, 255], [0, 2]], dtype=np.uint8)),
                "parts": columns.arrays(np.array([[0.25, 0.5], [1, 2]], dtype=np.float32)),
            },
        )
        found = [tuple(row) for row in connection.execute(sa.text("SELECT * FROM kept ORDER BY at"))]
    assert written == 2
    assert found == [
        (datetime(1970, 1, 1, tzinfo=UTC), "überall", 0.1, -7, True, b"\x01\xff", [0.25, 0.5]),
        (datetime(2025, 10, 9, 9, 0, tzinfo=UTC), None, None, None, False, b"\x00\x02", [1.0, 2.0]),
    ]


def test_what_was_written_is_read_back_to_the_last_bit(database: Database) -> None:
    at = np.array([-86_400, 0, 4_000_000_000], dtype=np.int64)
    price = np.array([0.1 + 0.2, 1e-300, 123456.789])
    with database.begin() as connection:
        connection.execute(sa.text(MADE))
        copy_columns(
            connection,
            "kept",
            {"at": columns.times(at), "price": columns.doubles(price), "count": columns.integers(np.array([1, 2, 3]))},
        )
        query = "SELECT at, price, count FROM kept WHERE count > %(least)s ORDER BY at"
        found = read_columns(connection, query, {"least": 1}, {"at": "time", "price": "double", "count": "integer"})
    assert np.array_equal(found["at"], at[1:])
    assert np.array_equal(found["price"], price[1:])
    assert found["count"].tolist() == [2, 3]


def test_arrays_are_read_back_to_the_last_bit(database: Database) -> None:
    parts = np.array([[0.1, 0.2, 0.7], [1 / 3, 0, 1]], dtype=np.float32)
    with database.begin() as connection:
        connection.execute(sa.text(MADE))
        copy_columns(connection, "kept", {"parts": columns.arrays(parts)})
        assert np.array_equal(
            read_columns(connection, "SELECT parts FROM kept", {}, {"parts": "reals 3"})["parts"], parts
        )
        with pytest.raises(OddRows):
            read_columns(connection, "SELECT parts FROM kept", {}, {"parts": "reals 2"})


def test_digests_are_read_back_and_only_at_their_width(database: Database) -> None:
    made = np.arange(48, dtype=np.uint8).reshape(3, 16)
    made[1] = 0
    with database.begin() as connection:
        connection.execute(sa.text(MADE))
        copy_columns(connection, "kept", {"digest": columns.digests(made)})

        def read(query: str, kind: str) -> Any:
            return read_columns(connection, query, {}, {"digest": kind})["digest"]

        assert np.array_equal(read("SELECT digest FROM kept", "digest 16"), made)
        assert read("SELECT digest FROM kept WHERE false", "digest 16").shape == (0, 16)
        for query, kind in (
            ("SELECT digest FROM kept", "digest 8"),
            ("SELECT 1::float8 FROM kept", "digest 16"),
            ("SELECT NULL::bytea FROM kept", "digest 16"),
            ("SELECT CASE WHEN digest = '\\\\x00' THEN digest ELSE '\\\\x0102' END FROM kept", "digest 16"),
        ):
            with pytest.raises(OddRows):
                read(query, kind)


def test_nothing_is_written_and_nothing_is_read(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(sa.text(MADE))
        assert copy_columns(connection, "kept", {"price": columns.doubles(np.empty(0))}) == 0
        assert read_columns(connection, "SELECT price FROM kept", {}, {"price": "double"})["price"].size == 0


def test_a_null_where_none_is_expected_is_refused_and_never_a_number(database: Database) -> None:
    with database.begin() as connection:
        connection.execute(sa.text(MADE))
        copy_columns(connection, "kept", {"price": columns.doubles(np.array([1.0, np.nan]))})
        with pytest.raises(OddRows):
            read_columns(connection, "SELECT price FROM kept", {}, {"price": "double"})
        with pytest.raises(OddRows):
            read_columns(connection, "SELECT count(*)::int4 FROM kept", {}, {"price": "double"})


def test_columns_of_different_length_are_refused(database: Database) -> None:
    with database.begin() as connection, pytest.raises(OddRows, match="different length"):
        copy_columns(connection, "kept", {"a": columns.same("x", 2), "b": columns.same("x", 3)})


WORDS = ("", "a", "bb", "ünï", None)


@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(
        st.tuples(
            st.integers(0, len(WORDS) - 1),
            st.one_of(st.none(), st.floats(allow_nan=False)),
            st.one_of(st.none(), st.integers(-(2**31), 2**31 - 1)),
        ),
        max_size=60,
    )
)
def test_any_mixture_of_nulls_and_lengths_arrives_whole(database: Database, rows: list[tuple[int, float, int]]) -> None:
    with database.begin() as connection:
        connection.execute(sa.text("DROP TABLE IF EXISTS kept"))
        connection.execute(sa.text(MADE))
        copy_columns(
            connection,
            "kept",
            {
                "word": columns.texts(np.array([row[0] for row in rows], dtype=np.int64), WORDS),
                "price": columns.doubles(np.array([np.nan if row[1] is None else row[1] for row in rows], dtype=float)),
                "count": columns.integers(
                    np.array([row[2] or 0 for row in rows], dtype=np.int64),
                    np.array([row[2] is not None for row in rows], dtype=bool),
                ),
            },
        )
        found = [tuple(row) for row in connection.execute(sa.text("SELECT word, price, count FROM kept"))]
    expected = [(WORDS[word], price, count) for word, price, count in rows]
    assert sorted(map(repr, found)) == sorted(map(repr, expected))


def test_rows_out_of_the_order_of_their_coins_are_refused_and_never_given_to_another_coin() -> None:
    in_order = dict(of_coins(np.array([1, 1, 3], dtype=np.int32), ["BTC", "ETH", "SOL"]))
    assert in_order == {"BTC": slice(0, 2), "ETH": slice(2, 2), "SOL": slice(2, 3)}
    with pytest.raises(OddRows, match="order of the coins"):
        of_coins(np.array([1, 2, 1], dtype=np.int32), ["BTC", "ETH"])
