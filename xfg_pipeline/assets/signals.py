"""What exists of the crypto market and what is made of it: candles, predictions, signals, outcomes."""

from datetime import date, datetime, timedelta
from typing import Any

import dagster as dg

from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.jobs import SLOT_TAG
from xfg_pipeline.partitions import BACKFILL, UTC_DAYS, utc_window
from xfg_pipeline.resources.feeding import feed
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.predicting import predict
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import NothingToDecideBy, publish
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.slots_due import work_of
from xfg_pipeline.resources.why import read_slot
from xfg_pipeline.signals.ensemble import EnsembleBroken, EnsembleRefused
from xfg_pipeline.storage.candles import days_of_candles
from xfg_pipeline.storage.row_counts import rows_of_days

MOST_SHOWN = 50
# A clock may have been set back since the schedule asked.
CLOCKS_DIFFER = timedelta(seconds=30)
_OWNERS = ["team:trading"]

exchange_klines = dg.AssetSpec(
    "exchange_klines",
    group_name="market",
    owners=_OWNERS,
    kinds={"bybit"},
    description="Closed 15-minute candles where they come from: Bybit, a recording, or the simulated practice market.",
)


@dg.asset(
    deps=[exchange_klines],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="market",
    owners=_OWNERS,
    kinds={"python", "postgres"},
    description=(
        "Closed 15-minute candles of the coins, by the UTC day of their close, with the three days before that "
        "features need. Kept once; a revised candle replaces. Also tick and step of each coin, and how others stand "
        "in it."
    ),
)
def candles(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """What is missing is fetched, in transactions of their own: a backfill that is killed goes on where it was."""
    # All of the range: what a run has to decide is known by the candles that are there.
    work = SlotWork(*_span(context, pipeline))
    try:
        report = feed(pipeline, work, context.log.info)
    except MarketError as error:
        raise dg.Failure(
            f"{pipeline.market.name} could not be read, nothing is known of this slot: {error}",
            # The next slot, and Dagster's retries, come by themselves.
            allow_retries=True,
        ) from error
    with pipeline.database.read() as connection:
        days = days_of_candles(connection, pipeline.market.name, pipeline.settings.market.coins, work.start, work.end)
    for note in report.notes:
        context.log.warning(note)
    _count_rows(context, pipeline, "candles")
    return dg.MaterializeResult(
        metadata={
            "market": pipeline.market.name,
            "new": report.written.new,
            "revised": report.written.revised,
            "coins that could not be read": _lines(f"{coin}: {why}" for coin, why in report.problems.items()),
            "coins": _table(
                {
                    "coin": day.coin,
                    "candles": day.candles,
                    "revised": day.revised,
                    "first close": f"{day.first:%Y-%m-%d %H:%M} UTC",
                    "last close": f"{day.last:%Y-%m-%d %H:%M} UTC",
                }
                for day in days
            ),
        }
    )


@dg.asset(
    deps=[candles],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="signals",
    owners=_OWNERS,
    kinds={"python", "onnx", "postgres"},
    description=(
        "What the ensemble says of each coin at each slot: the probabilities of every model and of the meta-learner, "
        "hashes of features and ensemble, disagreement. What was decided on live is never rewritten."
    ),
)
def predictions(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """No prediction comes from an ensemble that is not whole."""
    try:
        made = predict(pipeline, _work(context, pipeline))
    except (EnsembleRefused, EnsembleBroken) as refused:
        raise dg.Failure(f"The ensemble is refused: {refused}", allow_retries=False) from refused
    _count_rows(context, pipeline, "predictions")
    return dg.MaterializeResult(
        metadata={
            "new": made.written,
            "kept as they were": made.stayed,
            "ensemble": made.ensemble,
            "demonstration": pipeline.ensemble.manifest.demonstration,
            "without a prediction": _table({"reason": why, "slots": count} for why, count in made.without.items()),
        }
    )


@dg.asset(
    deps=[predictions],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="signals",
    owners=_OWNERS,
    kinds={"python", "postgres"},
    description=(
        "Sized trade plans that passed every gate, and for each other coin and slot the gate that stopped it (table "
        "signal_candidates). What was decided live is never rewritten; what a backfill makes is expired at birth."
    ),
)
def signals(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """Slot by slot, as a live run would have decided."""
    try:
        made = publish(pipeline, _work(context, pipeline))
    except (EnsembleRefused, EnsembleBroken) as refused:
        raise dg.Failure(f"The ensemble is refused: {refused}", allow_retries=False) from refused
    except NothingToDecideBy as missing:
        raise dg.Failure(f"Nothing was decided: {missing}", allow_retries=False) from missing
    for note in made.notes:
        context.log.warning(note)
    _count_rows(context, pipeline, "signals")
    return dg.MaterializeResult(
        metadata={
            "new": len(made.signals),
            "coins and slots decided": made.decided,
            "kept as they were": made.stayed,
            "expired now": made.expired,
            "stopped by": _table({"gate": gate, "candidates": count} for gate, count in made.stopped.most_common()),
            "last signals": _table(
                {
                    "slot": f"{one.slot:%Y-%m-%d %H:%M} UTC",
                    "coin": one.coin,
                    "direction": one.direction,
                    "type": one.signal_type,
                    "confidence": float(one.confidence),
                    "risk/reward": float(one.risk_reward),
                    "why": one.reasoning,
                }
                for one in made.signals[-MOST_SHOWN:]
            ),
        }
    )


@dg.asset(
    deps=[signals],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="signals",
    owners=_OWNERS,
    kinds={"python", "postgres"},
    description=(
        "What became of every plan, taken or not (target first, stop first, timeout, ambiguous, unresolved), and of "
        "the event that the probabilities speak of."
    ),
)
def signal_outcomes(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult[Any]:
    """Also of the day before, as long as its plans are open."""
    found = resolve(pipeline, SlotWork(*_span(context, pipeline)))
    for note in found.notes:
        context.log.warning(note)
    _count_rows(context, pipeline, "signal_outcomes")
    return dg.MaterializeResult(
        metadata={
            "looked at": found.written,
            "plans": _table({"outcome": name, "plans": count} for name, count in found.outcomes.most_common()),
            "events": _table({"event": name, "slots": count} for name, count in found.events.most_common()),
        }
    )


def _span(context: dg.AssetExecutionContext, pipeline: Pipeline) -> Any:
    start, end = utc_window(context)
    live_at, now = _slot_of(context), pipeline.market_now()
    if live_at is not None and live_at > now + CLOCKS_DIFFER:
        raise dg.Failure(
            f"The slot {live_at:%Y-%m-%d %H:%M} UTC lies ahead, it is {now:%Y-%m-%d %H:%M:%S}: nothing is decided on "
            "candles that have not closed",
            allow_retries=False,
        )
    if start > now:
        # Only a recording that is played fast has a time of its own: its next days are partitions already.
        raise dg.Failure(
            f"These days lie ahead: on {pipeline.market.name} it is {now:%Y-%m-%d %H:%M} UTC", allow_retries=False
        )
    return start, end, live_at or now, live_at


def _slot_of(context: dg.AssetExecutionContext) -> datetime | None:
    """The slot that the schedule asked for; None in a backfill. Whoever launches a run by hand can write any tag."""
    tag = context.run.tags.get(SLOT_TAG)
    try:
        return None if tag is None else read_slot(tag)
    except ValueError as refused:
        raise dg.Failure(f"The tag {SLOT_TAG} is {tag!r}: it {refused}", allow_retries=False) from None


def _work(context: dg.AssetExecutionContext, pipeline: Pipeline) -> SlotWork:
    return work_of(pipeline, *_span(context, pipeline))


def _count_rows(context: dg.AssetExecutionContext, pipeline: Pipeline, table: str) -> None:
    """What each day holds now. A run over a month would else give every day the rows of the month."""
    market, coins = pipeline.market.name, pipeline.settings.market.coins
    with pipeline.database.read() as connection:
        counts = rows_of_days(connection, table, market, coins, *utc_window(context))
    for key in context.partition_keys:
        rows = counts.get(date.fromisoformat(key), 0)
        context.add_asset_metadata({"dagster/row_count": rows}, partition_key=key)


def _lines(lines: Any) -> Any:
    return dg.MetadataValue.text("\n".join(lines) or "none")


def _table(records: Any) -> Any:
    rows = [dg.TableRecord(record) for record in records]
    return dg.MetadataValue.table(rows) if rows else dg.MetadataValue.text("none")
