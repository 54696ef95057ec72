"""What the desk shows of the account: what it is worth, how far it was read, its key, and days held against it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from xfg_pipeline.desk.figures import money, utc_time
from xfg_pipeline.desk.formats import counted, middle_date, sentence
from xfg_pipeline.desk.signals_view import figure, side, span_text
from xfg_pipeline.resources.light_health import ACCOUNT_STALE_AFTER
from xfg_pipeline.resources.performance_book import AccountState

KINDS = {"closings": "Closed P&L", "executions": "Fills", "orders": "Orders", "state": "Equity and positions"}
EXPIRES_SOON_DAYS = 14


@dataclass(frozen=True)
class AccountLine:
    """A fact with how it stands: `mark` green, yellow, red or none."""

    label: str
    mark: str
    text: str
    note: str = ""


@dataclass(frozen=True)
class PositionRow:
    """What was open at the last reading."""

    coin: str
    side: str
    quantity: str
    entry: str
    unrealised: str
    stop: str


@dataclass(frozen=True)
class ReconciledDay:
    """A UTC day of ours against the exchange's."""

    day: str
    ours: str
    exchange: str
    difference: str
    agrees: bool
    detail: str


def account_lines(state: AccountState, as_of: datetime, mode: str) -> list[AccountLine]:
    """Reading by kind of record, refused records, and the key."""
    known = {row["kind"]: row for row in state.sync}
    lines = [_read(kind, known.get(kind), as_of) for kind in KINDS]
    if state.refused_records:
        refused = counted(state.refused_records, "record")
        lines.append(AccountLine("Refused", "yellow", refused, "Not used, and kept to be looked at."))
    return [*lines, _key(state, as_of, mode)]


def position_rows(positions: Sequence[Mapping[str, Any]]) -> list[PositionRow]:
    """Open positions by coin."""
    return [
        PositionRow(
            coin=row["coin"],
            side=side("LONG" if row["side"] == "Buy" else "SHORT"),
            quantity=figure(row["quantity"].normalize()),
            entry=figure(row["entry_price"].normalize()),
            unrealised=money(row["unrealised_pnl"]),
            stop="none" if row["stop_loss"] is None else figure(row["stop_loss"].normalize()),
        )
        for row in positions
    ]


def reconciled_days(rows: Sequence[Mapping[str, Any]]) -> list[ReconciledDay]:
    """Newest first."""
    return [
        ReconciledDay(
            middle_date(row["day"]),
            money(row["our_pnl"]),
            money(row["exchange_pnl"]),
            money(row["difference"]),
            row["difference"] == 0 and row["our_closings"] == row["exchange_closings"],
            sentence(row["detail"]),
        )
        for row in rows
    ]


def _read(kind: str, row: Mapping[str, Any] | None, as_of: datetime) -> AccountLine:
    if row is None:
        return AccountLine(KINDS[kind], "none", "not read yet")
    at = row["succeeded_at"]
    text = "never read" if at is None else f"read {span_text(as_of - at)} ago"
    if row["problem"] is not None:
        return AccountLine(KINDS[kind], "red", text, sentence(row["problem"]))
    if at is None or as_of - at > ACCOUNT_STALE_AFTER:
        return AccountLine(KINDS[kind], "red", text, "Too long ago: what stands here may be wrong.")
    until = row["complete_until"]
    note = f"Complete until {utc_time(until, as_of)}." if until is not None and kind != "state" else ""
    return AccountLine(KINDS[kind], "green", text, note)


def _key(state: AccountState, as_of: datetime, mode: str) -> AccountLine:
    key = state.key
    if key is None:
        if mode == "practice":
            return AccountLine("API key", "none", "none needed", "The paper account has no key.")
        return AccountLine("API key", "red", "none known", "The key was not read yet, or there is none.")
    if any(row["problem_kind"] == "key" for row in state.sync if row["problem"] is not None):
        return AccountLine("API key", "red", "refused", "What it was allowed when it was last read no longer holds.")
    rights = "may read only" if key["read_only"] else "may trade"
    notes = [f"Rights: {', '.join(key['permissions']) or 'none'}."]
    # Bybit says `*` of a key that is used from anywhere.
    bound = [address for address in key["addresses"] if address != "*"]
    notes.append(f"Bound to {', '.join(bound)}." if bound else "Bound to no address.")
    if key["expires_at"] is None:
        return AccountLine("API key", "green", f"{rights}, does not expire", " ".join(notes))
    expires = datetime.fromisoformat(key["expires_at"]).astimezone(UTC)
    left = (expires - as_of).days
    if expires <= as_of:
        return AccountLine("API key", "red", f"expired {middle_date(expires.date())}", " ".join(notes))
    mark = "green" if left > EXPIRES_SOON_DAYS else "yellow"
    return AccountLine("API key", mark, f"{rights}, expires in {counted(left, 'day')}", " ".join(notes))
