"""What must be true of the account, trades, metrics and the light: read, whole, reconciled, fresh, obeyed."""

import dagster as dg

from xfg_pipeline.checks.evidence import result
from xfg_pipeline.resources.account_standing import (
    late_light,
    late_snapshot,
    signals_against_the_light,
    unread_account,
    unreconciled,
    unsound_trades,
)
from xfg_pipeline.resources.pipeline import Pipeline


@dg.asset_check(asset="trades", description="The account was read in full within the last ten minutes.")
def account_is_read(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: what is not known of an account may be a loss."""
    return result(unread_account(pipeline))


@dg.asset_check(asset="trades", description="Every closing stands in one trade, with its P&L; 33 days.")
def trades_are_whole(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: money that is counted twice, or not at all."""
    return result(unsound_trades(pipeline))


@dg.asset_check(asset="trades", description="The P&L of every past day is that of the exchange; 33 days.")
def trades_are_reconciled(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error where a day differs, a warning where it was not compared."""
    return result(unreconciled(pipeline))


@dg.asset_check(asset="performance_snapshots", description="The newest snapshot is of the last hour.")
def snapshots_are_fresh(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: old metrics look like good ones."""
    return result(late_snapshot(pipeline))


@dg.asset_check(asset="controller_status", description="The light was evaluated live within the last 20 minutes.")
def light_is_fresh(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: it is read as red until it is evaluated again."""
    return result(late_light(pipeline))


@dg.asset_check(asset="signals", description="No signal of the last two days is larger than its light allowed.")
def signals_obey_the_light(pipeline: dg.ResourceParam[Pipeline]) -> dg.AssetCheckResult:
    """An error: a green light that should have been red."""
    return result(signals_against_the_light(pipeline))
