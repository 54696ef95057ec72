"""What exists of structural levels: files kept whole, levels derived from them, levels typed, and what holds."""

from typing import Any

import dagster as dg

from xfg_pipeline.partitions import BACKFILL, TRADING_DAYS, window
from xfg_pipeline.resources.day_book import close_days
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import file_imports

GROUP = "levels"
OWNERS = ["team:trading"]


@dg.asset(
    group_name=GROUP,
    owners=OWNERS,
    kinds={"csv", "postgres"},
    description=(
        "Every accepted MotiveWave export, kept whole and compressed in table file_imports: the levels of any past "
        "date can be derived from it again."
    ),
)
def motivewave_exports(pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """The ledger of files; the sensor `inbox` fills it."""
    with pipeline.database.read() as connection:
        counts = file_imports.counts(connection)
    recent = pipeline.book.imports(10)
    rows = [
        dg.TableRecord(
            {
                "file": one.file_name,
                "state": one.state,
                "symbol": one.symbol or "",
                "levels": one.imported_count,
                "received": f"{one.received_at:%Y-%m-%d %H:%M:%S} UTC",
                "reason": one.reason[:200],
            }
        )
        for one in recent
    ]
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": counts["imported"],
            "refused": counts["refused"],
            "repeated": int(counts["duplicates"]),
            "bytes kept": int(counts["bytes"]),
            "last files": _table(rows),
        }
    )


@dg.asset(
    deps=[motivewave_exports],
    partitions_def=TRADING_DAYS,
    backfill_policy=BACKFILL,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"python", "postgres"},
    description=(
        "Levels of a trading day as its newest export gives them (source CSV in structural_levels_v2): the first row "
        "at or after 09:30 New York time. A backfill reads the kept files again, by the column aliases of today."
    ),
)
def csv_levels(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """Derived from the kept files, in one transaction."""
    start, end = window(context)
    derived = pipeline.importer.derive(start, end, by="dagster")
    return dg.MaterializeResult(
        metadata={
            "dagster/row_count": derived.levels,
            "files": derived.files,
            "days with an export": derived.days,
            "rows changed": derived.changed,
            "range": f"{start} to {end}",
        }
    )


manual_levels = dg.AssetSpec(
    "manual_levels",
    partitions_def=TRADING_DAYS,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"postgres"},
    description=(
        "Pivots typed on the desk or sent to the API (source MANUAL in structural_levels_v2). External: the sensor "
        "manual_levels reports each entry as a materialisation of its trading day."
    ),
)


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            "structural_levels",
            deps=["csv_levels", "manual_levels"],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"python", "postgres"},
            description=(
                "What holds for a trading day: of each level the typed value before the imported before the "
                "calculated one, all kept, and judged together (is_validated, validation_errors)."
            ),
        ),
        dg.AssetSpec(
            "level_completeness",
            deps=["structural_levels"],
            group_name=GROUP,
            owners=OWNERS,
            kinds={"python", "postgres"},
            description="Per symbol and trading day: complete, partial or incomplete, with what is missing by name.",
        ),
    ],
    partitions_def=TRADING_DAYS,
    backfill_policy=BACKFILL,
    name="levels_that_hold",
)
def levels_that_hold(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> Any:
    """Judged and counted in one transaction, which also marks the files and entries that it carried."""
    start, end = window(context)
    closed = close_days(pipeline, start, end)
    days = closed.days[-50:]
    yield dg.MaterializeResult(
        asset_key="structural_levels",
        metadata={
            "dagster/row_count": closed.levels,
            "levels with a warning": closed.with_warnings,
            "levels that break a rule": closed.with_errors,
            "last days": _table(
                [
                    dg.TableRecord(
                        {
                            "symbol": day.symbol,
                            "date": day.trading_date.isoformat(),
                            "levels": day.total_levels,
                            "problems": "; ".join(issue.message for issue in day.failed)[:300],
                        }
                    )
                    for day in days
                ]
            ),
        },
    )
    yield dg.MaterializeResult(
        asset_key="level_completeness",
        metadata={
            "dagster/row_count": len(closed.days),
            "complete": sum(day.status == "complete" for day in closed.days),
            "last days": _table(
                [
                    dg.TableRecord(
                        {
                            "symbol": day.symbol,
                            "date": day.trading_date.isoformat(),
                            "status": day.status,
                            "missing from the export": ", ".join(day.missing_csv),
                            "not typed": ", ".join(day.missing_manual),
                        }
                    )
                    for day in days
                ]
            ),
        },
    )


def _table(records: list[dg.TableRecord]) -> Any:
    return dg.MetadataValue.table(records) if records else dg.MetadataValue.text("nothing yet")
