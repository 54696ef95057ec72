"""What exists of the futures market: price bars as MotiveWave exports them."""

from typing import Any

import dagster as dg

from xfg_pipeline.assets.levels import motivewave_exports
from xfg_pipeline.partitions import BACKFILL, TRADING_DAYS, window
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import file_imports, prices


@dg.asset(
    deps=[motivewave_exports],
    partitions_def=TRADING_DAYS,
    backfill_policy=BACKFILL,
    group_name="market",
    owners=["team:trading"],
    kinds={"csv", "postgres"},
    description=(
        "Price bars of ES and NQ from exports without levels, stamped at their open in UTC (table price_bars). "
        "They are the reference against which levels are checked for plausibility."
    ),
)
def price_bars(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """The sensor `inbox` writes them with the file; a run counts them and closes the file."""
    start, end = window(context)
    with pipeline.database.begin() as connection:
        series = prices.bars_between(connection, start, end)
        carried = file_imports.open_within(connection, start, end, bars=True)
        file_imports.mark_materialized(connection, carried, pipeline.clock.now())
    records = [
        dg.TableRecord(
            {
                "symbol": one.symbol,
                "minutes": one.interval_minutes,
                "date": one.trading_date.isoformat(),
                "bars": one.bars,
                "first": f"{one.first:%Y-%m-%d %H:%M} UTC",
                "last": f"{one.last:%Y-%m-%d %H:%M} UTC",
            }
        )
        for one in series[-50:]
    ]
    count = sum(one.bars for one in series)
    shown: Any = dg.MetadataValue.table(records) if records else dg.MetadataValue.text("nothing yet")
    return dg.MaterializeResult(metadata={"dagster/row_count": count, "last days": shown})
