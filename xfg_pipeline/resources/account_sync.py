"""From the account into Postgres: what is new since the last look, in pieces that are each complete when written."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from xfg_pipeline.exchange.account import Account, KeyRefused
from xfg_pipeline.exchange.market import MarketError, MarketMalformed
from xfg_pipeline.faults import point
from xfg_pipeline.storage import account_records, account_state
from xfg_pipeline.storage.database import Database, lock

KINDS = ("orders", "executions", "closings")
"""In this order: a closing's fills and order are there when it is."""
OVERLAP = {"closings": timedelta(days=1), "executions": timedelta(days=1), "orders": timedelta(days=6)}
"""So much is read again: an order fills further, and its record changes. A target or stop is told by its creation."""
AT_ONCE = timedelta(days=28)
SAID_FOR = timedelta(hours=1)
"""A position that is gone without a fill is believed to be closed when it has been gone so long."""
KEY_EVERY = timedelta(hours=1)
FIRST_DAY_OF_PAPER = timedelta(days=3650)


@dataclass
class Synced:
    """What reading came to: rows that changed by kind, and problems by kind in words."""

    changed: dict[str, int] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    refused: int = 0


def sync(account: Account, database: Database, now: datetime, progress: Callable[[str], None] | None = None) -> Synced:
    """Read what happened since the last look, and what stands now. Never raises for the account's sake.

    A kind that cannot be read keeps its problem until it can; what was not read is never taken for nothing. Raises
    DatabaseUnavailable.
    """
    report = Synced()
    with database.read() as connection:
        states = account_state.sync_states(connection, account.name)
    for kind in KINDS:
        state = states.get(kind)
        try:
            _read_kind(account, database, kind, state.complete_until if state else None, now, report, progress)
        except MarketError as error:
            _note_problem(database, account, kind, now, error, report)
            if isinstance(error, KeyRefused):
                # The other questions would be refused alike.
                for other in (*KINDS, "state"):
                    if other not in report.problems:
                        _note_problem(database, account, other, now, error, report)
                return report
    try:
        _read_state(account, database, states.get("state"), now)
    except MarketError as error:
        _note_problem(database, account, "state", now, error, report)
    return report


def _read_kind(
    account: Account,
    database: Database,
    kind: str,
    complete_until: datetime | None,
    now: datetime,
    report: Synced,
    progress: Callable[[str], None] | None,
) -> None:
    kept_from = now - (account.keeps or FIRST_DAY_OF_PAPER)
    start = kept_from if complete_until is None else max(kept_from, complete_until - OVERLAP[kind])
    settled = account.settled_to(now)
    # What an exchange stamps with its own clock may lie a moment ahead of ours.
    end = now + timedelta(minutes=1)
    edges = [start]
    while edges[-1] < end:
        edges.append(min(edges[-1] + (AT_ONCE if account.keeps else end - edges[-1]), end))
    for first, last in pairwise(edges):
        batch = getattr(account, kind)(first, last)
        point("account.read")
        with database.begin() as connection:
            lock(connection, "account", account.name)
            changed = account_records.keep_records(connection, account.name, kind, batch.records)
            refused = [(one.record, one.why) for one in batch.refused]
            account_state.keep_refused(connection, account.name, kind, refused, now)
            if not refused:
                note = account_state.note_success if last == end else account_state.note_progress
                note(connection, account.name, kind, now, complete_until=min(last, settled))
            point("account.before_commit")
        point("account.after_commit")
        report.changed[kind] = report.changed.get(kind, 0) + changed
        if refused:
            report.refused += len(refused)
            # What comes after it is read when this stretch is whole: nothing may be passed over.
            raise _Incomplete(f"{len(refused)} records of {kind} cannot be used, the first: {refused[0][1]}")
        if progress is not None and len(edges) > 2:
            progress(f"{kind} of {account.name}: read until {last:%Y-%m-%d}")


class _Incomplete(MarketMalformed):
    """Some records of a stretch could not be meant; the rest of it was kept."""


def _read_state(account: Account, database: Database, before: account_state.SyncState | None, now: datetime) -> None:
    equity, positions = account.equity(), account.positions()
    facts: dict[str, Any] = {"clock_skew": account.clock_skew(now).total_seconds()}
    read_at = before.facts.get("key_read_at") if before else None
    if read_at is None or datetime.fromisoformat(read_at) <= now - KEY_EVERY:
        key = account.key()
        facts["key_read_at"] = now.isoformat()
        facts["key"] = key and {
            "read_only": key.read_only,
            "permissions": list(key.permissions),
            "addresses": list(key.addresses),
            "expires_at": key.expires_at and key.expires_at.isoformat(),
        }
    with database.begin() as connection:
        lock(connection, "account", account.name)
        # Paper tells a fill when its candle has closed, and is never at odds with itself.
        gone = account_state.vanished(connection, account.name, positions) if account.keeps else []
        if gone and not _is_settled(before, now):
            raise _Incomplete(
                f"{', '.join(gone)}: the position is not in the answer, and no fill has closed it; taken as unknown"
            )
        account_state.replace_positions(connection, account.name, positions, now)
        account_state.keep_equity(connection, account.name, now, equity)
        account_state.note_success(connection, account.name, "state", now, complete_until=now, **facts)


def _is_settled(before: account_state.SyncState | None, now: datetime) -> bool:
    """Whether the account has said the same for so long that it must be so, though no fill tells how it came."""
    return before is not None and before.succeeded_at is not None and now - before.succeeded_at > SAID_FOR


def _note_problem(
    database: Database, account: Account, kind: str, now: datetime, error: MarketError, report: Synced
) -> None:
    word = "unavailable"
    if isinstance(error, KeyRefused):
        word = "key"
    elif isinstance(error, _Incomplete):
        word = "incomplete"
    elif isinstance(error, MarketMalformed):
        word = "malformed"
    report.problems[kind] = str(error)
    with database.begin() as connection:
        account_state.note_problem(connection, account.name, kind, now, str(error), word)
