"""Predictions: one a coin and slot, those that were decided on live are never rewritten."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import numpy as np
import sqlalchemy as sa
from numpy.typing import NDArray
from sqlalchemy import Connection
from sqlalchemy.dialects.postgresql import insert

from xfg_pipeline.signals.candles import Floats, Times
from xfg_pipeline.signals.features import NO_CANDLE, REASONS
from xfg_pipeline.signals.manifest import CLASSES, Event, Manifest
from xfg_pipeline.storage import columns
from xfg_pipeline.storage.columns import copy_columns, read_columns
from xfg_pipeline.storage.slot_keys import drop_same, of_coins, times_of
from xfg_pipeline.storage.tables import ensembles

Mode = Literal["live", "backfill"]
MODES: tuple[Mode, ...] = ("backfill", "live")


@dataclass(frozen=True, eq=False)
class PredictionRows:
    """Predictions of one coin at n slots.

    `live` bool[n]; `feature_hash` uint8[n, 16]; `meta` float32[n, classes]; `members` float32[models, n, classes] in
    the order of the manifest; `disagreement` float32[n].
    """

    coin: str
    slots: Times
    live: NDArray[np.bool_]
    feature_hash: NDArray[np.uint8]
    meta: NDArray[np.float32]
    members: NDArray[np.float32]
    disagreement: NDArray[np.float32]


def keep_ensemble(connection: Connection, digest: str, manifest: Manifest, now: datetime) -> None:
    """Remember which ensemble a hash names."""
    values = {
        "hash": digest,
        "name": manifest.name,
        "manifest": manifest.model_dump(mode="json"),
        "first_used_at": now,
    }
    connection.execute(insert(ensembles).values(values).on_conflict_do_nothing())


_KEPT = """
SELECT place::int4, slot FROM predictions AS made
    JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND slot >= %(start)s AND slot < %(end)s
  -- What is decided on again is predicted again: by today's ensemble, from the candles of today.
  AND EXISTS (SELECT FROM signal_candidates AS judged WHERE judged.market = made.market AND judged.coin = made.coin
              AND judged.slot = made.slot AND judged.detail IS DISTINCT FROM %(no_candle)s
              AND (judged.mode = 'live' OR %(any)s))
ORDER BY 1, 2
"""


def kept_slots(
    connection: Connection,
    market: str,
    coins: Sequence[str],
    span: tuple[datetime, datetime],
    *,
    live_only: bool,
) -> dict[str, Times]:
    """Slots from span's start to before its end whose predictions stay, because their decisions do."""
    facts = {"market": market, "start": span[0], "end": span[1], "any": not live_only}
    facts["no_candle"] = REASONS[NO_CANDLE]
    return times_of(connection, _KEPT, facts, coins)


def replace_predictions(
    connection: Connection,
    market: str,
    several: Sequence[PredictionRows],
    ensemble_hash: str,
    now: datetime,
) -> int:
    """Write predictions in the place of those of the same coins and slots; how many there are now of them.

    The caller has left out the slots whose predictions stay.
    """
    drop_same(connection, "predictions", market, [(one.coin, one.slots) for one in several])
    return copy_columns(
        connection,
        "predictions",
        *(_columns(one, market, ensemble_hash, now) for one in several if one.slots.size),
    )


def _columns(one: PredictionRows, market: str, ensemble_hash: str, now: datetime) -> dict[str, columns.Column]:
    size = one.slots.size
    flat = np.swapaxes(one.members, 0, 1).reshape(size, -1)
    return {
        "market": columns.same(market, size),
        "coin": columns.same(one.coin, size),
        "slot": columns.times(one.slots),
        "mode": columns.texts(one.live.astype(np.int64), MODES),
        "made_at": columns.moments(now, size),
        "ensemble_hash": columns.same(ensemble_hash, size),
        "feature_hash": columns.digests(one.feature_hash),
        **{f"p_{name}": columns.doubles(one.meta[:, at]) for at, name in enumerate(CLASSES)},
        "probabilities": columns.arrays(flat),
        "disagreement": columns.doubles(one.disagreement),
    }


_READ = """
SELECT place::int4, slot, feature_hash, p_down, p_flat, p_up, probabilities,
       disagreement
FROM predictions JOIN unnest(%(coins)s::text[]) WITH ORDINALITY AS asked (coin, place) USING (coin)
WHERE market = %(market)s AND coin = ANY(%(coins)s) AND slot >= %(start)s AND slot < %(end)s
  AND ensemble_hash = %(hash)s
ORDER BY 1, 2
"""


@dataclass(frozen=True, eq=False)
class OnGrid:
    """Predictions of one coin on consecutive slots: NaN and `broken` where there is none.

    `meta` float32[n, 3], `members` float32[models, n, 3], `disagreement` float64[n], `broken` bool[n]; `feature_hash`
    uint8[n, 16] of what they were made from, zeros where there is none.
    """

    meta: NDArray[np.float32]
    members: NDArray[np.float32]
    disagreement: Floats
    broken: NDArray[np.bool_]
    feature_hash: NDArray[np.uint8]


def read_predictions(
    connection: Connection,
    market: str,
    coins: Sequence[str],
    slots: Times,
    *,
    models: int,
    ensemble_hash: str,
    span: tuple[datetime, datetime],
) -> dict[str, OnGrid]:
    """The predictions of one ensemble on the consecutive `slots`, which lie in `span`."""
    kinds = {"coin": "integer", "slot": "time", "made_from": "digest 16"}
    kinds |= {"down": "double", "flat": "double", "up": "double"}
    kinds |= {"members": f"reals {models * len(CLASSES)}", "disagreement": "double"}
    facts = {"market": market, "coins": list(coins), "start": span[0], "end": span[1], "hash": ensemble_hash}
    rows = read_columns(connection, _READ, facts, kinds)
    found = {}
    for coin, own in of_coins(rows["coin"], coins):
        at = (rows["slot"][own] - slots[0]) // 900 if slots.size else rows["slot"][own]
        meta = np.full((slots.size, len(CLASSES)), np.nan, dtype=np.float32)
        meta[at] = np.stack([rows["down"][own], rows["flat"][own], rows["up"][own]], axis=1)
        members = np.full((models, slots.size, len(CLASSES)), np.nan, dtype=np.float32)
        members[:, at] = np.swapaxes(rows["members"][own].reshape(-1, models, len(CLASSES)), 0, 1)
        disagreement = np.full(slots.size, np.nan)
        disagreement[at] = rows["disagreement"][own]
        broken = np.ones(slots.size, dtype=np.bool_)
        broken[at] = False
        feature_hash = np.zeros((slots.size, 16), dtype=np.uint8)
        feature_hash[at] = rows["made_from"][own]
        found[coin] = OnGrid(meta, members, disagreement, broken, feature_hash)
    return found


def events_of_ensembles(connection: Connection) -> dict[str, Event]:
    """What the probabilities of each ensemble that was ever used speak of, by its hash."""
    rows = connection.execute(sa.text("SELECT hash, manifest -> 'event' FROM ensembles")).all()
    return {row[0]: Event.model_validate(row[1]) for row in rows}


def prediction_of(connection: Connection, market: str, coin: str, slot: datetime) -> dict[str, Any] | None:
    """One prediction with the manifest of its ensemble; None when there is none."""
    query = sa.text(
        "SELECT made.*, manifest FROM predictions AS made JOIN ensembles ON hash = ensemble_hash "
        "WHERE market = :market AND coin = :coin AND slot = :slot"
    )
    row = connection.execute(query, {"market": market, "coin": coin, "slot": slot}).mappings().one_or_none()
    return None if row is None else dict(row)
