"""What exists of the crypto market and what is made of it: candles, predictions, signals, outcomes."""

from typing import Any

import dagster as dg

from xfg_pipeline.assets.run_window import MOST_SHOWN, OWNERS, count_rows, lines, table, window_of
from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.partitions import BACKFILL, UTC_DAYS
from xfg_pipeline.resources.feeding import feed
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.predicting import predict
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import NothingToDecideBy, publish
from xfg_pipeline.signals.ensemble import EnsembleBroken, EnsembleRefused
from xfg_pipeline.storage.candles import days_of_candles

exchange_klines = dg.AssetSpec(
    "exchange_klines",
    group_name="market",
    owners=OWNERS,
    kinds={"bybit"},
    description="Closed 15-minute candles where they come from: Bybit, a recording, or the simulated practice market.",
)


@dg.asset(
    deps=[exchange_klines],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="market",
    owners=OWNERS,
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
    work = window_of(context, pipeline).whole
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
    count_rows(context, pipeline, "candles")
    return dg.MaterializeResult(
        metadata={
            "market": pipeline.market.name,
            "new": report.written.new,
            "revised": report.written.revised,
            "coins that could not be read": lines(f"{coin}: {why}" for coin, why in report.problems.items()),
            "coins": table(
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
    owners=OWNERS,
    kinds={"python", "onnx", "postgres"},
    description=(
        "What the ensemble says of each coin at each slot: the probabilities of every model and of the meta-learner, "
        "hashes of features and ensemble, disagreement. What was decided on live is never rewritten."
    ),
)
def predictions(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """No prediction comes from an ensemble that is not whole."""
    try:
        made = predict(pipeline, window_of(context, pipeline).due(pipeline))
    except (EnsembleRefused, EnsembleBroken) as refused:
        raise dg.Failure(f"The ensemble is refused: {refused}", allow_retries=False) from refused
    count_rows(context, pipeline, "predictions")
    return dg.MaterializeResult(
        metadata={
            "new": made.written,
            "kept as they were": made.stayed,
            "ensemble": made.ensemble,
            "demonstration": pipeline.ensemble.manifest.demonstration,
            "without a prediction": table({"reason": why, "slots": count} for why, count in made.without.items()),
        }
    )


@dg.asset(
    deps=[predictions, "controller_status"],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="signals",
    owners=OWNERS,
    kinds={"python", "postgres"},
    description=(
        "Sized trade plans that passed every gate, and for each other coin and slot the gate that stopped it (table "
        "signal_candidates). The light of the slot multiplies the size and pauses on red. What was decided live is "
        "never rewritten; what a backfill makes is expired at birth."
    ),
)
def signals(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """Slot by slot, as a live run would have decided."""
    try:
        made = publish(pipeline, window_of(context, pipeline).due(pipeline))
    except (EnsembleRefused, EnsembleBroken) as refused:
        raise dg.Failure(f"The ensemble is refused: {refused}", allow_retries=False) from refused
    except NothingToDecideBy as missing:
        raise dg.Failure(f"Nothing was decided: {missing}", allow_retries=False) from missing
    for note in made.notes:
        context.log.warning(note)
    count_rows(context, pipeline, "signals")
    return dg.MaterializeResult(
        metadata={
            "new": len(made.signals),
            "coins and slots decided": made.decided,
            "kept as they were": made.stayed,
            "expired now": made.expired,
            "stopped by": table({"gate": gate, "candidates": count} for gate, count in made.stopped.most_common()),
            "last signals": table(
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
    owners=OWNERS,
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
    found = resolve(pipeline, window_of(context, pipeline).whole)
    for note in found.notes:
        context.log.warning(note)
    count_rows(context, pipeline, "signal_outcomes")
    return dg.MaterializeResult(
        metadata={
            "looked at": found.written,
            "plans": table({"outcome": name, "plans": count} for name, count in found.outcomes.most_common()),
            "events": table({"event": name, "slots": count} for name, count in found.events.most_common()),
        }
    )
