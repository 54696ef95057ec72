"""What exists of the account and what is made of it: trades, metrics, the market's regime, and the light."""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import dagster as dg

from xfg_pipeline.assets.run_window import (
    MOST_SHOWN,
    OWNERS,
    count_account_rows,
    count_rows,
    lines,
    table,
    window_of,
)
from xfg_pipeline.partitions import BACKFILL, UTC_DAYS
from xfg_pipeline.resources.controlling import Shown, evaluate, evaluate_now
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.regime_keeping import keep_regime
from xfg_pipeline.resources.snapshots import keep_snapshots
from xfg_pipeline.resources.trade_run import bring_trades

exchange_account = dg.AssetSpec(
    "exchange_account",
    group_name="trades",
    owners=OWNERS,
    kinds={"bybit"},
    description="Fills, orders and closed P&L where they come from: Bybit, or the paper account of practice.",
)


@dg.asset(
    deps=[exchange_account, "candles", "predictions"],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="trades",
    owners=OWNERS,
    kinds={"python", "postgres"},
    description=(
        "Positions from flat to flat, by the UTC day of their close: entry, exit and its proven reason, P&L as the "
        "exchange says it, R, MAE and MFE from candles, and the signal that was followed. In practice the paper "
        "account is given its invented past here, once: a demonstration."
    ),
)
def trades(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """An account that does not answer is no failure of the run: the light must be able to say so."""
    window = window_of(context, pipeline)
    made = bring_trades(pipeline, window.whole, is_backfill=window.is_backfill, progress=context.log.info)
    for note in made.notes:
        context.log.warning(note)
    count_account_rows(context, pipeline, "trades")
    return dg.MaterializeResult(
        metadata={
            "account": pipeline.settings.account_name,
            "trades that are new or differ": made.changed,
            "coins looked at": ", ".join(made.coins) or "none",
            "records that are new": table({"kind": kind, "rows": rows} for kind, rows in made.records.items()),
            "what could not be read": lines(f"{kind}: {why}" for kind, why in made.problems.items()),
            "days reconciled": table(
                {"day": str(one.day), "difference": str(one.difference), "detail": one.detail}
                for one in made.reconciled
            ),
        }
    )


@dg.multi_asset(
    specs=[
        dg.AssetSpec(
            name,
            deps=["trades"],
            partitions_def=UTC_DAYS,
            group_name="performance",
            owners=OWNERS,
            kinds={"python", "postgres"},
            description=description,
        )
        for name, description in (
            (
                "performance_snapshots",
                "All metrics every full hour and after every closed trade, each with its sample or why it is unknown.",
            ),
            ("signal_type_performance", "Trades by signal type: the last 20, the week, the month."),
            ("coin_performance", "Trades by coin, with its tier: the last 20, the week, the month."),
        )
    ],
    backfill_policy=BACKFILL,
)
def performance(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
) -> Iterator[dg.MaterializeResult[Any]]:
    """One fold over the trades gives all three."""
    window = window_of(context, pipeline)
    # Also a slot's run has read trades up to now.
    made = keep_snapshots(pipeline, window.start, window.end, pipeline.market_now(), is_backfill=window.is_backfill)
    newest = [] if made.newest is None else sorted(made.newest.values.items())
    shown = table(
        {
            "metric": name,
            "value": "unknown" if metric.value is None else f"{metric.value:.6g}",
            "sample": metric.n,
            "why": metric.reason,
        }
        for name, metric in newest
    )
    for name in ("performance_snapshots", "signal_type_performance", "coin_performance"):
        count_account_rows(context, pipeline, name)
        metadata: dict[str, Any] = (
            {"snapshots written": made.snapshots, "newest": shown} if name == "performance_snapshots" else {}
        )
        yield dg.MaterializeResult(asset_key=name, metadata=metadata)


@dg.asset(
    deps=["candles"],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="market",
    owners=OWNERS,
    kinds={"python", "postgres"},
    description="Volatility of each coin over a day, against the median of the thirty days before, at every slot.",
)
def market_regime(context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]) -> dg.MaterializeResult[Any]:
    """From candles that had closed by each slot."""
    found = keep_regime(pipeline, window_of(context, pipeline).due(pipeline))
    count_rows(context, pipeline, "market_regime")
    return dg.MaterializeResult(
        metadata={
            "newest": table(
                {
                    "coin": coin,
                    "times its normal": f"{one.ratio[-1]:.2f}" if one.ratio[-1] == one.ratio[-1] else "unknown",
                    "days of baseline": int(one.days[-1]),
                }
                for coin, one in found.items()
                if one.slots.size
            )
        }
    )


@dg.asset(
    deps=["performance_snapshots", "signal_type_performance", "coin_performance", market_regime],
    partitions_def=UTC_DAYS,
    backfill_policy=BACKFILL,
    group_name="controller",
    owners=OWNERS,
    kinds={"python", "postgres"},
    description=(
        "The traffic light at every slot and after every closed trade: green, yellow or red, its multiplier, and the "
        "rule that decided with value, threshold and sample. What was shown live is never rewritten."
    ),
)
def controller_status(
    context: dg.AssetExecutionContext, pipeline: dg.ResourceParam[Pipeline]
) -> dg.MaterializeResult[Any]:
    """Both lights, literal and gated, side by side."""
    window = window_of(context, pipeline)
    if window.cause is not None:
        shown = [evaluate_now(pipeline, window.cause)]
    else:
        shown = evaluate(pipeline, window.start, window.end, window.as_of, window.slot)
    count_account_rows(context, pipeline, "controller_status")
    changes = shown[:1] + [one for before, one in pairwise(shown) if _differs(before, one)]
    return dg.MaterializeResult(
        metadata={
            "evaluated": len(shown),
            "light": shown[-1].decision.status if shown else "nothing was due",
            "message": shown[-1].decision.message if shown else "",
            "changes": table(
                {
                    "at": f"{one.moment.at:%Y-%m-%d %H:%M:%S} UTC",
                    "light": one.decision.status,
                    "literal": one.lights["literal"][1].status,
                    "gated": one.lights["gated"][1].status,
                    "rule": one.decision.triggered_by or "",
                    "message": one.decision.message,
                }
                for one in changes[-MOST_SHOWN:]
            ),
        }
    )


def _differs(before: Shown, after: Shown) -> bool:
    return any(before.lights[name][1].status != light.status for name, (_, light) in after.lights.items())
