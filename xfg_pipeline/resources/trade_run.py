"""The account's part of a run: let the paper account live, read the account, make trades, hold them against it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from xfg_pipeline.resources.account_sync import sync
from xfg_pipeline.resources.accounts import is_ready
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.practice_account import begin_with_a_past, go_on
from xfg_pipeline.resources.reconciling import reconcile_days
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.trade_keeping import keep_trades
from xfg_pipeline.trading.reconciliation import Reconciliation


@dataclass
class Brought:
    """What a run came to."""

    changed: int = 0
    coins: list[str] = field(default_factory=list)
    records: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    reconciled: list[Reconciliation] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def bring_trades(
    pipeline: Pipeline, work: SlotWork, *, is_backfill: bool, progress: Callable[[str], None] | None = None
) -> Brought:
    """Bring trades up to now; those of the work's days anew in a backfill. Never raises for the account's sake."""
    made = Brought()
    if is_backfill and (handed := begin_with_a_past(pipeline, work)) is not None:
        made.notes += handed.refused
        if progress is not None:
            progress(f"the practice account was given a past: {sum(handed.placed.values())} orders of an invented hand")
    look(pipeline, made, progress)
    again = (work.start, work.end) if is_backfill else None
    kept = keep_trades(pipeline, pipeline.market_now(), again)
    made.changed, made.coins = kept.changed, kept.coins
    made.notes += kept.notes
    made.reconciled = reconcile_days(pipeline, work.start, work.end, made.problems, again=is_backfill)
    return made


def look(pipeline: Pipeline, made: Brought, progress: Callable[[str], None] | None = None) -> None:
    """Ask the account what is new. Where there is none to ask, nothing is noted: the light says so."""
    if (handed := go_on(pipeline)) is not None:
        made.notes += handed.refused
    account = pipeline.account
    if account is None or not is_ready(pipeline):
        made.problems["account"] = "there is no API key" if account is None else "the paper account has not begun"
        return
    read = sync(account, pipeline.database, pipeline.market_now(), progress)
    made.records, made.problems = read.changed, read.problems
