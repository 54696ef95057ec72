"""What the desk shows of trades and of what they come to: rows in, words and figures out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from xfg_pipeline.desk.figures import DASH, between, money, number, share, utc_time
from xfg_pipeline.desk.signals_view import figure, side, span_text
from xfg_pipeline.resources.following import Followed

EXITS = {
    "TP": "Target",
    "SL": "Stop",
    "trailing": "Trailing stop",
    "manual": "By hand",
    "timeout": "Time-out",
    "liquidation": "Liquidation",
    "ADL": "Auto-deleveraged",
    "settlement": "Settlement",
    "conditional": "Conditional order",
    "unknown": "Unknown",
}
USED = {
    "taken": ("Taken in time", ""),
    "late": ("Taken late", "entered after the expiry"),
    "skipped": ("Skipped", "would have been"),
    "open": ("Still open", "can be taken"),
    "paused": ("Paused by red", "would have been"),
}
PERIODS = {"last_20": "last 20", "week": "this week", "month": "this month"}
ENOUGH = 20


@dataclass(frozen=True)
class TradeRow:
    """A trade in the words and figures of the desk."""

    id: int
    coin: str
    side: str
    when: str
    held: str
    exit: str
    evidence: tuple[tuple[str, str], ...]
    prices: tuple[str, str]
    quantity: str
    pnl: str
    percent: str
    r: str
    costs: str
    excursion: str
    signal: str
    kind: str
    is_open: bool
    won: bool


@dataclass(frozen=True)
class GroupRow:
    """Trades of a signal type or a coin. `low`, `high` and `at` are places on a scale from 0 to 200."""

    name: str
    note: str
    n: int
    rate: str
    interval: str
    expectancy: str
    pnl: str
    low: float | None
    high: float | None
    at: float | None
    failing: bool


def trade_row(row: Mapping[str, Any], as_of: datetime) -> TradeRow:
    """One trade; times are UTC."""
    entered, ended = row["entry_time"], row["exit_time"]
    beyond = f", {_slip(row)}" if row["slippage"] is not None else ""
    return TradeRow(
        id=row["id"],
        coin=row["coin"],
        side=side(row["direction"]),
        when=utc_time(ended, as_of),
        held="entry not in the records" if entered is None else f"held {span_text(ended - entered)}",
        exit=EXITS[row["exit_reason"]],
        evidence=_evidence(row["exit_evidence"]),
        prices=(figure(row["entry_price"].normalize()), figure(row["exit_price"].normalize())),
        quantity=figure(row["quantity"].normalize()),
        pnl=money(row["pnl"]),
        percent=f"{money(row['pnl_percent'])}%",
        r=DASH if row["r_multiple"] is None else f"{money(row['r_multiple'])} R",
        costs=f"Fees {money(row['fees'], sign=False)}, funding {money(row['funding'])}",
        excursion=_excursion(row),
        signal="no signal" if row["signal_id"] is None else f"by {row['matched_by']}{beyond}",
        kind=(row["signal_type"] or "").replace("_", " "),
        is_open=row["is_open"],
        won=row["pnl"] > 0,
    )


def group_rows(rows: Sequence[Mapping[str, Any]], key: str, period: str) -> list[GroupRow]:
    """Those of one period, most trades first; a share of fewer than 20 is not shown as one."""
    chosen = sorted((row for row in rows if row["period"] == period), key=lambda row: (-row["trades"], row[key]))
    return [_group(row, key) for row in chosen]


def used_rows(followed: Sequence[Followed]) -> list[tuple[str, str, str, str, str]]:
    """Label, note, number, mean R and what it is of."""
    return [
        (*USED[one.usage], str(one.n), DASH if one.mean_r is None else money(one.mean_r), str(one.r_n))
        for one in followed
        if one.n or one.usage != "open"
    ]


def _group(row: Mapping[str, Any], key: str) -> GroupRow:
    enough = row["trades"] >= ENOUGH and row["win_rate"] is not None
    tier = f"tier {row['tier']}" if "tier" in row else ""
    return GroupRow(
        name=str(row[key]).replace("_", " "),
        note=tier,
        n=row["trades"],
        rate=share(row["win_rate"], 0) if enough else DASH,
        interval=between((row["win_rate_low"], row["win_rate_high"])) if enough else f"from {ENOUGH} trades",
        expectancy=DASH if row["expectancy_r"] is None else f"{money(row['expectancy_r'])} R",
        pnl=money(row["pnl"]),
        low=_place(row["win_rate_low"]) if enough else None,
        high=_place(row["win_rate_high"]) if enough else None,
        at=_place(row["win_rate"]) if enough else None,
        failing=bool(row.get("is_failing")),
    )


def _place(value: Any) -> float | None:
    return None if value is None else round(200 * float(value), 1)


def _slip(row: Mapping[str, Any]) -> str:
    beyond = row["slippage"]
    if beyond <= 0:
        return "inside the zone" if beyond == 0 else f"{number(-beyond, 4)} better than the zone"
    return f"{number(beyond, 4)} beyond the zone"


def _excursion(row: Mapping[str, Any]) -> str:
    if row["mae"] is None or row["mfe"] is None:
        return ""
    entry = row["entry_price"]
    return f"went {share(row['mae'] / entry, 2)} against and {share(row['mfe'] / entry, 2)} with it"


def _evidence(kept: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """The fields that prove the reason, flat: `orders 1 stopOrderType`, its value."""
    return tuple(_flat("", kept))


def _flat(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, Mapping):
        return [pair for key, inner in value.items() for pair in _flat(f"{name} {key}".strip(), inner)]
    if isinstance(value, list):
        return [pair for place, inner in enumerate(value, 1) for pair in _flat(f"{name} {place}".strip(), inner)]
    return [(name, str(value))] if value not in (None, "") else []
