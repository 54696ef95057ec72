"""Whether the account has something that no run has made trades of, or the light has gone without an evaluation."""

from dataclasses import dataclass
from datetime import date, timedelta

from xfg_pipeline.clock import BEFORE_ALL
from xfg_pipeline.resources.accounts import is_ready
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slots_due import CATCH_UP
from xfg_pipeline.resources.trade_keeping import derived_mark
from xfg_pipeline.storage import account_records, controller, service_marks
from xfg_pipeline.storage.account_state import sync_states

LATE_AFTER = timedelta(minutes=17)
"""A slot's own run evaluates the light well within this."""


@dataclass(frozen=True)
class Waiting:
    """Work for a run: its name (the same until a run has done it), and the UTC days that it concerns."""

    name: str
    first: date
    last: date


def waiting(pipeline: Pipeline) -> Waiting | None:
    """What waits; None when nothing does."""
    account, now = pipeline.settings.account_name, pipeline.market_now()
    with pipeline.database.read() as connection:
        derived = service_marks.within(connection, derived_mark(account))
        since = derived or BEFORE_ALL
        changed = account_records.changed_since(connection, account, since)
        last = controller.last_live(connection, account)
        shown = controller.last_live_before(connection, account, now)
        states = sync_states(connection, account)
    if changed:
        # The history of a new account is a backfill's; what follows from old records shows in the days of now.
        first = max(min(changed.values()), now - CATCH_UP)
        return Waiting(f"{account} records after {since.isoformat()}", min(first, now).date(), now.date())
    if pipeline.account is not None and not is_ready(pipeline):
        # The past of a practice account is on its way.
        return None
    failing = [kind for kind in ("closings", "state") if kind in states and states[kind].problem is not None]
    if last is not None and failing and shown is not None and shown.status != "red":
        # Once: the evaluation that it asks for is red.
        return Waiting(f"{account} {failing[0]} after {last.isoformat()}", now.date(), now.date())
    if last is None or now - last > LATE_AFTER:
        return Waiting(f"{account} light after {last.isoformat() if last else 'none'}", now.date(), now.date())
    return None
