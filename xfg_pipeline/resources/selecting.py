"""Predictions through the gates into signals, and into the reasons why there is none."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from xfg_pipeline.faults import point
from xfg_pipeline.resources.earlier_signals import standing_of
from xfg_pipeline.resources.feature_book import CoinRows
from xfg_pipeline.resources.minutes import Minutes
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.predicting import digests
from xfg_pipeline.resources.signal_records import record_of
from xfg_pipeline.resources.slot_lights import LightsBetween, LightsOfSlots, SlotLights
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.signals.candles import Candles
from xfg_pipeline.signals.ensemble import Ensemble
from xfg_pipeline.signals.features import FeatureRows
from xfg_pipeline.signals.gates import Candidates, judge
from xfg_pipeline.signals.increments import Increments
from xfg_pipeline.signals.outcomes import Outcomes, follow
from xfg_pipeline.signals.positioning import LOOK_BACK, align
from xfg_pipeline.signals.records import Signal
from xfg_pipeline.signals.selection import Selection, select
from xfg_pipeline.signals.signal_types import SIGNAL_TYPES
from xfg_pipeline.signals.slots import moment
from xfg_pipeline.signals.stops import DATA, GATES, MILLION, PASSED
from xfg_pipeline.storage import market_facts
from xfg_pipeline.storage import signals as kept
from xfg_pipeline.storage.database import lock, without_hurry
from xfg_pipeline.storage.predictions import OnGrid, read_predictions
from xfg_pipeline.storage.signals import CandidateRows


class NothingToDecideBy(Exception):
    """Something that every decision needs is not known. The message says what, and what to do."""


class NothingPredicted(NothingToDecideBy):
    """Slots have their candles and no prediction made from them: deciding on them would invent a reason."""


@dataclass
class Selected:
    """What selecting came to: signals published, candidates stopped by gate, and what could not be read on the way."""

    signals: list[Signal] = field(default_factory=list)
    decided: int = 0
    stayed: int = 0
    stopped: Counter[str] = field(default_factory=Counter)
    expired: int = 0
    notes: list[str] = field(default_factory=list)


def publish(pipeline: Pipeline, work: SlotWork, lights: LightsBetween = SlotLights) -> Selected:
    """Decide on every coin at every slot of the work, and keep each decision with its reason.

    `lights` gives the light of each slot: the one that was evaluated for it, else it is red.

    Raises EnsembleRefused when the ensemble cannot be trusted, NothingPredicted where a slot has no prediction from its
    present candles, and NothingToDecideBy when a coin's increments are not known.
    """
    report, minutes = Selected(), Minutes(pipeline.market, work.as_of)
    for piece in work.chunks():
        rows = pipeline.features.rows(piece.span)
        with pipeline.database.begin() as connection:
            without_hurry(connection)
            lock(connection, "signals", pipeline.market.name)
            _decide(connection, pipeline, piece, rows, minutes, report, lights(connection, pipeline, *piece.span))
            point("signals.before_commit")
        point("signals.after_commit")
    report.notes += minutes.notes
    with pipeline.database.begin() as connection:
        report.expired = kept.expire(connection, pipeline.market.name, pipeline.market_now())
    return report


def _decide(
    connection: Connection,
    pipeline: Pipeline,
    piece: SlotWork,
    rows: Mapping[str, CoinRows],
    minutes: Minutes,
    report: Selected,
    lights: LightsOfSlots,
) -> None:
    market, coins, now = pipeline.market.name, pipeline.settings.market.coins, pipeline.market_now()
    rules, ensemble = pipeline.signal_rules, pipeline.ensemble
    settled = kept.settled_slots(connection, market, coins, piece.span, live_only=piece.is_backfill)
    slots = rows[coins[0]].features.slots
    predictions = read_predictions(
        connection,
        market,
        coins,
        slots,
        models=len(ensemble.names),
        ensemble_hash=ensemble.hash,
        span=piece.span,
    )
    open_rows = {coin: ~np.isin(slots, settled[coin]) for coin in coins}
    for coin in coins:
        _refuse_unpredicted(ensemble, rows[coin].features, predictions[coin], open_rows[coin])
    increments = _increments(connection, market, coins)
    since = piece.span[0] - timedelta(seconds=LOOK_BACK)
    positioning = market_facts.read_positioning(connection, market, coins, since, piece.span[1])
    judged, outcomes = [], {}
    for coin in coins:
        features = rows[coin].features
        around = align(slots, positioning[coin].time, **positioning[coin].values)
        candidates = judge(features, predictions[coin], ensemble.names, increments[coin], rules, around)
        judged.append(_without(candidates, ~open_rows[coin]))
        # Which of this range's own signals had ended by a later slot decides about the tier then.
        passed = np.flatnonzero(judged[-1].stops.gate == PASSED)
        outcomes[coin] = _follow_rows(judged[-1], passed, rows[coin].candles, piece.as_of, minutes)
        report.stayed += settled[coin].size
    standing = standing_of(connection, pipeline, piece, rows, open_rows, minutes)
    chosen = select(
        judged,
        standing,
        light=lights,
        equity=lights.equity_at,
        rules=rules,
        outcomes=outcomes,
    )
    decided = [_decision(one, chosen, open_rows[one.coin], piece, now, rules.ttl) for one in judged]
    # What became of the old plans goes with them: nobody may be following them meanwhile.
    lock(connection, "signal_outcomes", market)
    kept.replace_candidates(connection, market, decided, now)
    by_coin = {one.coin: one for one in judged}
    made = [
        record_of(
            one,
            pipeline,
            piece,
            by_coin[one.coin],
            rows[one.coin].candles,
            predictions[one.coin],
            lights.at(one.slot),
            now,
        )
        for one in chosen.signals
    ]
    kept.replace_signals(connection, market, [(one.coin, one.slots) for one in decided], made)
    report.signals += chosen.signals
    report.decided += sum(one.slots.size for one in decided)
    for one in decided:
        codes, words = one.gate
        report.stopped += Counter(word for code in codes.tolist() if (word := words[code]) is not None)


def _refuse_unpredicted(
    ensemble: Ensemble, features: FeatureRows, predictions: OnGrid, is_open: NDArray[np.bool_]
) -> None:
    """Raise NothingPredicted where a row that could be scored was not, or from other candles.

    A row that the ensemble cannot answer is not kept: such rows are asked once more, to tell them apart.
    """
    asked = np.flatnonzero(is_open & features.usable)
    matrix = features.matrix(ensemble.manifest.features)[asked]
    missing = (predictions.feature_hash[asked] != digests(matrix)).any(axis=1)
    if not missing.any():
        return
    told = asked[missing][~ensemble.predict(matrix[missing]).broken]
    if told.size:
        first, last = (moment(features.slots[row]) for row in told[[0, -1]])
        raise NothingPredicted(
            f"{features.coin} has no prediction of the present ensemble from its present candles, at {told.size} slots "
            f"from {first:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC: materialize predictions of these days first"
        )


def _increments(connection: Connection, market: str, coins: Sequence[str]) -> dict[str, Increments]:
    known = market_facts.read_instruments(connection, market, coins)
    missing = [coin for coin in coins if coin not in known]
    if missing:
        raise NothingToDecideBy(
            f"{', '.join(missing)}: tick and step are not known on {market}: not traded there under this name, or the "
            "exchange has never answered. Correct market.coins, or wait for it"
        )
    names = ("tick_size", "qty_step", "min_qty", "max_qty", "min_notional")
    return {coin: Increments(**{name: row[name] for name in names}) for coin, row in known.items()}


def _without(candidates: Candidates, settled: NDArray[np.bool_]) -> Candidates:
    """The same candidates, of which the settled ones are no candidates any more."""
    gate = np.where(settled, DATA, candidates.stops.gate).astype(np.int8)
    return replace(candidates, stops=replace(candidates.stops, gate=gate))


def _follow_rows(
    candidates: Candidates, rows: NDArray[np.int64], candles: Candles, as_of: datetime, minutes: Minutes
) -> Outcomes:
    plans = candidates.plans
    entry, stop, target = plans.as_floats()
    direction = np.zeros(plans.slots.size, dtype=np.int8)
    direction[rows] = plans.direction[rows]
    return follow(plans.slots, direction, entry, stop, target, candles, as_of, finer=minutes.of(candidates.coin))


def _decision(
    judged: Candidates, chosen: Selection, is_open: NDArray[np.bool_], piece: SlotWork, now: datetime, ttl: timedelta
) -> CandidateRows:
    at = np.flatnonzero(is_open)
    stops, plans = chosen.stops[judged.coin], judged.plans
    return CandidateRows(
        coin=judged.coin,
        slots=plans.slots[at],
        live=piece.live(plans.slots[at], now, ttl),
        # The code below zero is the last word: no gate stopped it.
        gate=(stops.gate[at].astype(np.int64), (*GATES, None)),
        detail=(stops.detail[at], tuple(text or None for text in stops.details)),
        direction=(judged.direction[at].astype(np.int64), (None, "LONG", "SHORT")),
        signal_type=(plans.signal_type[at].astype(np.int64), (*SIGNAL_TYPES, None)),
        numbers={
            "gate_value": stops.value[at],
            "gate_threshold": stops.threshold[at],
            "confidence": np.where(judged.confidence < 0, np.nan, judged.confidence / MILLION)[at],
            "volume_ratio": np.where(judged.volume_ratio < 0, np.nan, judged.volume_ratio / MILLION)[at],
            **{name: values[at] for name, values in plans.columns().items()},
            "atr": judged.features.measures["atr"][at],
        },
    )
