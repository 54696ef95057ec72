"""The paper account's life in practice: it is given an invented past once, and an invented hand from then on.

A demonstration: its past is what the hand would have made of the signals of those days, from a time before there was
a light; so that trades, metrics and a light with a history are there to be looked at.
"""

from datetime import datetime, timedelta

from xfg_pipeline.exchange.paper import PaperAccount
from xfg_pipeline.faults import point
from xfg_pipeline.resources.accounts import begun_mark
from xfg_pipeline.resources.paper_account import stored_instruments
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.practice_hand import Handed, take, take_history
from xfg_pipeline.resources.resolving import resolve
from xfg_pipeline.resources.selecting import publish
from xfg_pipeline.resources.slot_lights import without_light
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.slots_due import work_of
from xfg_pipeline.storage import account_state, controller, service_marks
from xfg_pipeline.trading.account_records import Equity

NEAR_NOW = timedelta(days=2)
"""Only a backfill that reaches up to now is the account's past; one of last year is not."""
PATIENCE = timedelta(hours=1)
"""An account whose past does not come begins without one."""


def begin_with_a_past(pipeline: Pipeline, work: SlotWork) -> Handed | None:
    """Open the account at the work's start, and trade the signals of its slots; None where it has begun before.

    Those signals are decided as without a light, and decided again with it when the assets come to them.
    """
    account, now = pipeline.account, pipeline.market_now()
    if not isinstance(account, PaperAccount) or not work.is_backfill or work.end < now - NEAR_NOW:
        return None
    if service_marks.read(pipeline.database, begun_mark(account.name)) is not None:
        return None
    # What can still be acted on is the schedule's.
    past = work_of(pipeline, work.start, work.end, work.as_of, None)
    publish(pipeline, past, without_light)
    resolve(pipeline, past)
    _open(pipeline, account, past.start)
    settings, handed = pipeline.settings, Handed()
    if settings.trading.practice_hand:
        handed = take_history(
            account,
            pipeline.database,
            settings.market_name,
            stored_instruments(pipeline.database, settings.market_name, settings.market.coins),
            *past.span,
            past.as_of,
            base_risk=settings.trading.base_risk_per_trade,
        )
    point("practice.before_begun")
    service_marks.write(pipeline.database, begun_mark(account.name), now)
    return handed


def go_on(pipeline: Pipeline) -> Handed | None:
    """Let time pass on the paper account, up to now; None where there is no such account, or it has not begun."""
    account, now = pipeline.account, pipeline.market_now()
    if not isinstance(account, PaperAccount):
        return None
    settings = pipeline.settings
    if service_marks.read(pipeline.database, begun_mark(account.name)) is None:
        wanted = service_marks.first(pipeline.database, f"account.{account.name}.wanted", now)
        if settings.market_name != "replay" and now - wanted < PATIENCE:
            return None
        _open(pipeline, account, now)
        service_marks.write(pipeline.database, begun_mark(account.name), now)
    if not settings.trading.practice_hand:
        account.advance(now)
        return Handed()
    with pipeline.database.read() as connection:
        last = controller.last_before(connection, account.name, now)
    instruments = stored_instruments(pipeline.database, settings.market_name, settings.market.coins)
    is_red = last is None or last.status == "red"
    return take(account, pipeline.database, settings.market_name, instruments, now, is_red=is_red)


def _open(pipeline: Pipeline, account: PaperAccount, at: datetime) -> None:
    equity = pipeline.settings.equity
    assert equity is not None, "practice has an equity"
    opened = account.open(at, equity)
    with pipeline.database.begin() as connection:
        begun = Equity(opened.starting_equity, opened.starting_equity, None, None)
        account_state.keep_equity(connection, account.name, opened.opened_at, begun, "opening")
