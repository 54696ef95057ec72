"""`xfg signals`: what is ready, the ticket to copy, and why there is no signal."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xfg_pipeline.cli.opening import open_signal_book
from xfg_pipeline.cli.printing import print_json, print_table
from xfg_pipeline.cli.words import CommandFailed, Json, date_of, slot_of

if TYPE_CHECKING:
    from xfg_pipeline.resources.signal_book import SignalBook

signals = typer.Typer(help="Signals: list them, copy a ticket, ask why there is none.", no_args_is_help=True)

Status = Literal["ready", "paused", "expired", "executed"]


@signals.command("list")
def list_signals(
    day: Annotated[str | None, typer.Option("--date", help="A UTC day, YYYY-MM-DD; today.")] = None,
    first: Annotated[str | None, typer.Option("--from", help="First UTC day, instead of --date.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last UTC day, included.")] = None,
    status: Annotated[Status | None, typer.Option(help="Only those in this status now.")] = None,
    coin: Annotated[str | None, typer.Option(help="Only those of a coin, such as BTC.")] = None,
    as_json: Json = False,
) -> None:
    """List the signals of a day or a range of days, newest first, with the status of now."""
    if day is not None and (first or last):
        raise typer.BadParameter("--date is one day: leave it out, or leave out --from and --to", param_hint="--date")
    start = date_of(day, "--date") if day else date_of(first, "--from") if first else None
    end = date_of(day, "--date") if day else date_of(last, "--to") if last else None
    with open_signal_book() as (book, as_of):
        today = as_of.astimezone(UTC).date()
        begin, until = start or end or today, end or (max(start, today) if start else today)
        found = _range(book, as_of, begin, until, status, coin)
    if as_json:
        print_json({"signals": found.rows, "total": found.total, "from": begin, "to": until} | book.about(as_of))
        return
    print(_heading(book, as_of, begin, until))
    if found.rows:
        print_table(
            ("id", "slot UTC", "coin", "side", "type", "entry", "stop", "target", "R/R", "conf.", "size", "status"),
            [_line(row) for row in found.rows],
        )
    if found.total > len(found.rows):
        print(f"The newest {len(found.rows)} of {found.total}: ask for fewer days.")
    elif not found.rows:
        print("No signals.")


@signals.command("ticket")
def ticket(
    name: Annotated[
        str | None, typer.Argument(metavar="[ID|LINK_ID]", help="Which signal; the newest ready one.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print the copy-paste ticket of a signal. Exit 1 with the reason when there is nothing to place."""
    from xfg_pipeline.resources.signal_book import NoTicket

    with open_signal_book() as (book, as_of):
        if name is None:
            ready = book.newest_ready(as_of)
            if ready is None:
                raise CommandFailed("No signal is ready now: open nothing.")
            wanted: int | str = ready["id"]
        else:
            is_id = name.isascii() and name.isdigit() and len(name) < 19
            wanted = int(name) if is_id else name
        try:
            offer = book.ticket(as_of, wanted)
        except NoTicket as refused:
            raise CommandFailed(str(refused)) from None
    if as_json:
        print_json(offer.to_dict() | book.about(as_of))
    else:
        print(offer.text)


@signals.command("why")
def why(
    coin: Annotated[str, typer.Argument(help="A coin, such as BTC.")],
    slot: Annotated[
        str | None, typer.Argument(metavar="[SLOT]", help="2025-12-09T09:30, UTC or with offset; the newest.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say why a coin has no signal at a slot: the gate that stopped it, by how much, and what would have happened."""
    asked = None if slot is None else slot_of(slot)
    from xfg_pipeline.signals.slots import slot_at

    with open_signal_book() as (book, as_of):
        (row,) = book.why(as_of, asked or slot_at(as_of), coin.upper())
    if not row["evaluated"] and row["coin"] not in book.coins:
        raise CommandFailed(f"{row['reason']}.")
    if as_json:
        print_json(row | book.about(as_of))
        return
    for line in _why_lines(row):
        print(line)


def _range(book: SignalBook, as_of: datetime, first: date, last: date, status: str | None, coin: str | None) -> Any:
    from xfg_pipeline.resources.signal_book import RangeRefused

    try:
        return book.signals(as_of, first, last, status=status, coin=coin.upper() if coin else None)
    except RangeRefused as refused:
        raise typer.BadParameter(str(refused), param_hint=f"--{refused.field}") from None


def _heading(book: SignalBook, as_of: datetime, first: date, last: date) -> str:
    days = f"{first}" if first == last else f"{first} to {last}"
    label = "PRACTICE, " if book.mode == "practice" else ""
    return f"{label}{book.market} market, {days} UTC, as of {as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"


def _line(row: Mapping[str, Any]) -> tuple[str, ...]:
    from xfg_pipeline.resources.why import outcome_text

    expires = row["expires_at"].astimezone(UTC)
    open_until = f" until {expires:%H:%M}" if row["status"] in ("ready", "paused") else ""
    became = outcome_text(row) if not open_until else ""
    return (
        str(row["id"]),
        f"{row['slot'].astimezone(UTC):%Y-%m-%d %H:%M}",
        row["coin"],
        row["direction"],
        row["signal_type"].replace("_", " "),
        f"{row['entry_low']:f}–{row['entry_high']:f}",
        f"{row['stop_loss']:f}",
        f"{row['take_profit']:f}",
        f"{row['risk_reward']:.2f}",
        f"{row['confidence']:.4f}",
        f"{row['position_size']:f} ×{row['position_multiplier'].normalize():f}",
        f"{row['status']}{open_until}{f': {became}' if became else ''}",
    )


def _why_lines(row: Mapping[str, Any]) -> list[str]:
    from xfg_pipeline.resources.why import outcome_text

    at = f"{row['coin']} {row['slot'].astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if not row["evaluated"]:
        return [f"{at}: not evaluated", f"{row['reason']}."]
    if row["gate"] is None:
        lines = [f"{at}: it became signal {row['signal_id']}"]
    else:
        margin = "" if row["margin"] is None else f" (margin {row['margin']:f})"
        lines = [f"{at}: stopped by {row['gate'].replace('_', ' ')}", f"{row['reason']}{margin}."]
    known = {
        "direction": row["direction"],
        "type": row["signal_type"],
        "confidence": row["confidence"],
        "volume": None if row["volume_ratio"] is None else f"{row['volume_ratio']} times its mean of 20 candles",
        "entry": None if row["entry_low"] is None else f"{row['entry_low']} to {row['entry_high']}",
        "stop": row["stop_loss"],
        "target": row["take_profit"],
        "risk/reward": None if row["risk_reward"] is None else f"{row['risk_reward']:.4f}",
        "outcome": outcome_text(row) or None,
    }
    return [*lines, *(f"{name:<12} {value}" for name, value in known.items() if value is not None)]
