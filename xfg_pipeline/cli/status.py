"""`xfg status`: the light of now, what it was, what it cost, and what other thresholds would have shown."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xfg_pipeline.cli.opening import open_pipeline
from xfg_pipeline.cli.printing import print_json, print_table
from xfg_pipeline.cli.words import CommandFailed, Json, date_of

if TYPE_CHECKING:
    from xfg_pipeline.resources.light_book import Acted, LightBook
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.resources.shown_light import ShownLight
    from xfg_pipeline.trading.guard_cost import Cost

status = typer.Typer(help="The traffic light: read it, pause, acknowledge, look back.")

Reason = Annotated[
    list[str], typer.Argument(metavar="REASON…", help="Why, in one word or more; it stays in the audit log.")
]
First = Annotated[str, typer.Argument(metavar="FROM", help="First UTC day, YYYY-MM-DD.")]
Last = Annotated[str, typer.Argument(metavar="TO", help="Last UTC day, included.")]

MOST_SHOWN = 50


@status.callback(invoke_without_command=True)
def show(context: typer.Context, as_json: Json = False) -> None:
    """Show the light as it holds now. Exit 1 when it cannot be read: then it is red."""
    if context.invoked_subcommand is not None:
        if as_json:
            raise typer.BadParameter(
                f"belongs behind the command: xfg status {context.invoked_subcommand} … --json", param_hint="--json"
            )
        return
    with _open_book() as (book, as_of):
        shown = book.now(as_of)
    if as_json:
        print_json(shown.to_dict() | book.about(as_of))
        return
    for line in _lines(book, shown):
        print(line)


@status.command("pause")
def pause(reason: Reason, as_json: Json = False) -> None:
    """Kill switch: red at once, until somebody acknowledges."""
    _act("pause", " ".join(reason), as_json=as_json)


@status.command("acknowledge")
def acknowledge(reason: Reason, as_json: Json = False) -> None:
    """Leave red for probation, which is yellow. Exit 1 with what is still red when that cannot be acknowledged."""
    _act("acknowledge", " ".join(reason), as_json=as_json)


@status.command("history")
def history(
    first: First,
    last: Last,
    every: Annotated[bool, typer.Option("--all", help="Every evaluation, not only the changes.")] = False,
    as_json: Json = False,
) -> None:
    """List when the light changed on UTC days, newest first."""
    days = date_of(first, "FROM"), date_of(last, "TO")
    with _open_book() as (book, as_of), _in_words():
        found = book.history(*days, changed=None if every else True)
    if as_json:
        print_json({"history": found.rows, "total": found.total, "from": days[0], "to": days[1]} | book.about(as_of))
        return
    if not found.rows:
        print("No evaluation is kept of these days." if every else "The light did not change on these days.")
        return
    print_table(
        ("as of UTC", "light", "literal", "gated", "cause", "mode", "because"),
        [
            (
                f"{row['timestamp'].astimezone(UTC):%Y-%m-%d %H:%M:%S}",
                f"{row['status']} ×{row['position_multiplier'].normalize():f}",
                row["literal_status"],
                row["gated_status"],
                row["cause"],
                row["mode"],
                row["message"],
            )
            for row in found.rows
        ],
    )
    if found.total > len(found.rows):
        print(f"The newest {len(found.rows)} of {found.total}: ask for fewer days.")


@status.command("cost")
def cost(first: First, last: Last, as_json: Json = False) -> None:
    """Estimate what red and yellow saved and cost, from the outcomes of signals that were paused or cut."""
    days = date_of(first, "FROM"), date_of(last, "TO")
    from xfg_pipeline.resources.shown_light import cost_dict

    with _open_book() as (book, as_of), _in_words():
        found = book.guard_cost(*days)
    if as_json:
        print_json(cost_dict(found) | {"from": days[0], "to": days[1]} | book.about(as_of))
        return
    if not found.total.n:
        print("No signal was paused or cut on these days.")
        return
    rows = [(state, rule, *_cost_cells(one)) for state, rule, one in found.rules]
    rows.append(("all", "", *_cost_cells(found.total)))
    print_table(("light", "rule", "plans", "unknown", "saved R", "missed R", "net R", "net USDT"), rows)
    print("An estimate: plans as they would have ended, without fees. Above 0 the light spared more than it cost.")


@status.command("replay")
def replay(
    first: First,
    last: Last,
    changes: Annotated[
        list[str],
        typer.Option("--set", help="A threshold, such as controller.red_wr_threshold=0.6; as often as needed."),
    ],
    as_json: Json = False,
) -> None:
    """Compare what other thresholds would have shown with what was shown. Writes nothing."""
    days, overrides = (date_of(first, "FROM"), date_of(last, "TO")), dict(_change(text) for text in changes)
    from xfg_pipeline.resources.light_replay import UnknownThreshold
    from xfg_pipeline.resources.light_replay import replay as replayed

    with _opened() as (pipeline, _), _in_words():
        try:
            found = replayed(pipeline, *days, overrides)
        except UnknownThreshold as unknown:
            raise typer.BadParameter(str(unknown), param_hint="--set") from None
    pairs = sorted(found.counts.items(), key=lambda pair: -pair[1])
    if as_json:
        counts = [{"shown": shown, "replayed": made, "n": n} for (shown, made), n in pairs]
        print_json({"rows": [vars(row) for row in found.rows], "counts": counts, "set": overrides})
        return
    print_table(("shown", "replayed", "slots"), [(shown or "none", made, str(n)) for (shown, made), n in pairs])
    differing = [row for row in found.rows if row.shown_status != row.replayed_status]
    print(f"{len(differing)} of {len(found.rows)} slots differ.")
    if differing:
        print_table(
            ("slot UTC", "shown", "replayed", "because"),
            [
                (
                    f"{row.timestamp.astimezone(UTC):%Y-%m-%d %H:%M}",
                    row.shown_status or "none",
                    row.replayed_status,
                    row.replayed_triggered_by or "",
                )
                for row in differing[:MOST_SHOWN]
            ],
        )
    if len(differing) > MOST_SHOWN:
        print(f"The first {MOST_SHOWN}; --json has all.")


@contextmanager
def _opened() -> Iterator[tuple[Pipeline, datetime]]:
    from xfg_pipeline.exchange.market import MarketError
    from xfg_pipeline.storage.database import DatabaseUnavailable

    try:
        with open_pipeline(existing=True) as pipeline:
            yield pipeline, pipeline.market_now()
    except MarketError as error:
        raise CommandFailed(f"The light is red: the market's time is not known ({error}). Open nothing.") from error
    except DatabaseUnavailable as error:
        raise CommandFailed(f"The light is red: it cannot be read ({error}). Open nothing.") from error


@contextmanager
def _open_book() -> Iterator[tuple[LightBook, datetime]]:
    with _opened() as (pipeline, as_of):
        yield pipeline.light_book, as_of


@contextmanager
def _in_words() -> Iterator[None]:
    from xfg_pipeline.resources.signal_book import RangeRefused

    try:
        yield
    except RangeRefused as refused:
        raise typer.BadParameter(str(refused), param_hint=refused.field.upper()) from None


def _act(action: str, reason: str, *, as_json: bool) -> None:
    from getpass import getuser

    from xfg_pipeline.resources.light_book import NotAcknowledged, ReasonRefused

    with _open_book() as (book, _):
        do = book.pause if action == "pause" else book.acknowledge
        try:
            done = do(f"{getuser()} (command line)", reason)
        except ReasonRefused as refused:
            raise typer.BadParameter(str(refused), param_hint="REASON") from None
        except NotAcknowledged as standing:
            raise CommandFailed(f"Nothing was changed. {standing}") from None
        as_of = book.moment()
        shown = book.now(as_of)
    if as_json:
        answer = {"action": done.action, "evaluated": done.evaluated}
        print_json(shown.to_dict() | book.about(as_of) | answer)
        return
    print(_said(done))
    for line in _lines(book, shown):
        print(line)


def _said(done: Acted) -> str:
    word = "Paused" if done.action["action"] == "pause" else "Acknowledged"
    later = "" if done.evaluated else " The light could not be evaluated just now; the next slot does."
    return f"{word} by {done.action['who']}: {done.action['reason']}.{later}"


def _lines(book: LightBook, shown: ShownLight) -> Iterator[str]:
    decision, row = shown.decision, shown.row
    label = "PRACTICE, " if book.mode == "practice" else ""
    yield f"{label}account {book.account}, as of {shown.as_of.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    yield f"{decision.status.upper()} ×{decision.multiplier.normalize():f}: {decision.message}"
    for trigger in decision.triggers[1:]:
        yield f"  {trigger.status:<6} {trigger.rule}: {trigger.message}"
    if row is not None:
        others = ", ".join(f"{name} {one.status}" for name, one in shown.lights.items())
        evaluated = f"{row['timestamp'].astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
        yield f"evaluated {evaluated} ({row['cause']}); {others}; {row['evidence']} rules"
    if shown.pause is not None:
        yield f"paused by {shown.pause['who']}: {shown.pause['reason']}"


def _cost_cells(one: Cost) -> tuple[str, ...]:
    numbers: tuple[Any, ...] = (one.saved_r, one.missed_r, one.net_r, one.net_money)
    return (str(one.n), str(one.unknown), *(f"{value:.2f}" for value in numbers))


def _change(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    section, dot, key = name.strip().partition(".")
    if not equals or not dot or section != "controller" or not key or not value.strip():
        raise typer.BadParameter(f"{text!r} is no threshold: controller.red_wr_threshold=0.6", param_hint="--set")
    return key, value.strip()
