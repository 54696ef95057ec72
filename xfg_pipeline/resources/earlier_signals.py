"""What stood before the slots of a piece of work, read from what was kept."""

from collections.abc import Mapping
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from xfg_pipeline.resources.feature_book import CoinRows
from xfg_pipeline.resources.minutes import Minutes
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.outcomes import STOP, TARGET, TIMEOUT, follow
from xfg_pipeline.signals.slots import SLOT, midnight, moment, seconds
from xfg_pipeline.signals.standing import EarlierSignal, Holding, Resolved, Standing
from xfg_pipeline.signals.tiers import WINDOW
from xfg_pipeline.storage import signals as kept
from xfg_pipeline.storage.candles import read_candles
from xfg_pipeline.storage.signals import Published
from xfg_pipeline.storage.trades import closed_signals, open_coins

# As many signals of a coin are read as hold the last twenty outcomes, with some still open among them.
HISTORY = 3 * WINDOW
# A position that is held longer than its plan is followed is looked for so far back.
HELD_FOR = timedelta(days=14)


def standing_of(
    connection: Connection,
    pipeline: Pipeline,
    piece: SlotWork,
    rows: Mapping[str, CoinRows],
    open_rows: Mapping[str, NDArray[np.bool_]],
    minutes: Minutes,
) -> Standing:
    """Those of the day, those that were open or held then, and how they ended.

    `open_rows`, bool[n] by coin, are the slots that are decided now: what was decided there before does not count.
    """
    market, coins = pipeline.market.name, pipeline.settings.market.coins
    start, end = piece.span
    undecided = {(coin, at) for coin in coins for at in rows[coin].features.slots[open_rows[coin]].tolist()}
    near = [
        one
        for one in kept.published_between(connection, market, midnight(start), end)
        if one.executed_at is not None or (one.coin, seconds(one.slot)) not in undecided
    ]
    past = kept.last_resolved(connection, market, coins, start, HISTORY)
    later = [one for one in near if one.slot >= start and one.coin in rows]
    candles = {coin: one.candles for coin, one in rows.items()}
    # A backfill in pieces resolves after the last of them: what the earlier ones made is followed here.
    closed = closed_signals(connection, pipeline.settings.account_name, midnight(start) - HELD_FOR)
    held = open_coins(connection, pipeline.settings.account_name)
    unknown = [one for one in past if one.outcome is None and not _reaches(candles[one.coin], one.slot)]
    if unknown:
        asked = sorted({one.coin for one in unknown})
        candles |= read_candles(connection, market, asked, min(one.slot for one in unknown) - SLOT, end)
    return Standing(
        signals=tuple(EarlierSignal(one.coin, one.slot, one.expires_at, one.paused) for one in near),
        holdings=tuple(
            Holding(one.coin, one.executed_at, _held_until(one, closed, held))
            for one in near
            if one.executed_at is not None
        ),
        resolved=tuple(
            ended
            for one in [*past, *later]
            if (ended := _ended(one, candles[one.coin], piece.as_of, minutes)) is not None
        ),
        are_out=not piece.is_backfill,
    )


def _held_until(
    one: Published, closed: Mapping[tuple[str, datetime], datetime], held: frozenset[str]
) -> datetime | None:
    """When the position of an executed signal was closed: by its trade, else, where none is open, by its outcome."""
    ended = closed.get((one.coin, one.slot))
    return ended if ended is not None or one.coin in held else one.resolved_at


def _reaches(candles: Candles, slot: datetime) -> bool:
    return len(candles) > 0 and moment(candles.open_time[0]) <= slot


def _ended(one: Published, candles: Candles, as_of: datetime, minutes: Minutes) -> Resolved | None:
    """How an earlier signal ended: as it was written, else as the candles say that are there."""
    if one.outcome in ("target", "stop", "timeout") and one.resolved_at is not None:
        return Resolved(one.coin, one.slot, one.resolved_at, one.outcome == "target")
    found = follow(
        np.array([seconds(one.slot)], dtype=np.int64),
        np.array([1 if one.direction == "LONG" else -1], dtype=np.int8),
        np.array([one.entry]),
        np.array([one.stop]),
        np.array([one.target]),
        candles,
        as_of,
        finer=minutes.of(one.coin),
    )
    outcome = int(found.outcome[0])
    if outcome not in (TARGET, STOP, TIMEOUT):
        return None
    return Resolved(one.coin, one.slot, moment(found.resolved_at[0]), outcome == TARGET)
