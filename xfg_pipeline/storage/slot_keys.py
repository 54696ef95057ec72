"""What the tables of slots have in common: market, coin and slot name a row."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection

from xfg_pipeline.signals.candles import Times
from xfg_pipeline.storage.columns import OddRows, read_columns
from xfg_pipeline.storage.tables import metadata


def of_coins(places: NDArray[np.int32], coins: Sequence[str]) -> Iterator[tuple[str, slice]]:
    """Each coin with its rows, which lie together: `places` int32[n] are those of the rows' coins, ascending from 1.

    Raises OddRows when they are not in order: rows of one coin must never be taken for another's.
    """
    if (places[1:] < places[:-1]).any():
        raise OddRows("the query does not give its rows in the order of the coins")
    edges = np.searchsorted(places, np.arange(1, len(coins) + 2)).tolist()
    return zip(coins, map(slice, edges, edges[1:]), strict=True)


def times_of(connection: Connection, query: str, facts: Mapping[str, Any], coins: Sequence[str]) -> dict[str, Times]:
    """Times by coin (seconds since 1970), of a query for the place of the coin in `coins` (from 1) and the time.

    The query gives its rows in the order of both; `facts` are its parameters beside the coins.
    """
    rows = read_columns(connection, query, {**facts, "coins": list(coins)}, {"coin": "integer", "time": "time"})
    return {coin: rows["time"][own] for coin, own in of_coins(rows["coin"], coins)}


def drop_same(connection: Connection, table: str, market: str, several: Sequence[tuple[str, Times]]) -> None:
    """Delete the rows of exactly these coins and slots."""
    wanted = [(coin, slots) for coin, slots in several if slots.size]
    if not wanted:
        return
    known = metadata.tables[table].name
    facts = {
        "market": market,
        "first": min(int(slots.min()) for _, slots in wanted),
        "last": max(int(slots.max()) for _, slots in wanted),
    }
    # Most often nothing is there: then one look at the index is all.
    near = "market = :market AND slot BETWEEN to_timestamp(:first) AND to_timestamp(:last)"
    if connection.execute(sa.text(f"SELECT 1 FROM {known} WHERE {near} LIMIT 1"), facts).first() is None:  # noqa: S608
        return
    query = sa.text(
        f"DELETE FROM {known} USING unnest(CAST(:coins AS text[]), CAST(:slots AS int8[])) AS gone (of_coin, at) "  # noqa: S608
        f"WHERE {near} AND coin = of_coin AND slot = to_timestamp(at)"
    )
    facts["coins"] = [coin for coin, slots in wanted for _ in range(slots.size)]
    facts["slots"] = np.concatenate([slots for _, slots in wanted]).tolist()
    connection.execute(query, facts)
