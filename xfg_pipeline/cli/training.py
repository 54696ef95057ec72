"""`xfg train`: an ensemble fitted on the candles of the configured market."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated

import typer

from xfg_pipeline.cli.opening import open_pipeline
from xfg_pipeline.cli.printing import print_json
from xfg_pipeline.cli.words import CommandFailed, Json, date_of

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline
    from xfg_pipeline.signals.candles import Candles

# A year, when nothing is said.
USUAL = timedelta(days=364)
FIRST, LAST = date(2010, 1, 1), date(2099, 12, 31)
LONGEST_NAME = 80


def train(
    out: Annotated[Path, typer.Option("--out", help="Folder for the ensemble and its report.")],
    first: Annotated[str | None, typer.Option("--from", help="First UTC day; a year before --to.")] = None,
    last: Annotated[str | None, typer.Option("--to", help="Last UTC day, included; yesterday.")] = None,
    coins: Annotated[str | None, typer.Option(help="Such as BTC,ETH; those of market.coins.")] = None,
    quick: Annotated[bool, typer.Option("--quick", help="As small as it gets: to see whether it works.")] = False,
    replace: Annotated[bool, typer.Option("--replace", help="Replace an ensemble that is in the folder.")] = False,
    as_json: Json = False,
) -> None:
    """Train an ensemble on the market's candles, and write it with its report. Needs the extra: `make train`."""
    start = None if first is None else date_of(first, "--from")
    end = None if last is None else date_of(last, "--to")
    if start and end and end < start:
        raise typer.BadParameter("lies before --from", param_hint="--to")
    for day, name in ((start, "--from"), (end, "--to")):
        if day and not FIRST <= day <= LAST:
            raise typer.BadParameter(f"is between {FIRST} and {LAST}", param_hint=name)
    from xfg_pipeline.exchange.market import MarketError
    from xfg_pipeline.signals import training
    from xfg_pipeline.signals.training.folder import require_free
    from xfg_pipeline.signals.training.third_party import require_packages

    def line(text: str) -> None:
        print(text, file=sys.stderr if as_json else sys.stdout, flush=True)

    try:
        # Before a year of candles is fetched for nothing.
        require_packages()
        require_free(out, replace=replace)
        _require_writable(out.absolute().parent)
        with open_pipeline() as pipeline:
            market, now = pipeline.market.name, pipeline.clock.now()
            candles = _candles(pipeline, *_days(pipeline.market_now(), start, end), _coins(pipeline, coins), line)
        plan = training.TrainingPlan(
            name=out.absolute().name[:LONGEST_NAME] or "ensemble", demonstration=market == "simulated"
        )
        report = training.train(
            candles,
            plan.quick() if quick else plan,
            out=out,
            market=market,
            now=now,
            progress=line,
            replace=replace,
        )
    except (training.TrainingRefused, MarketError) as refused:
        raise CommandFailed(str(refused)) from refused
    if as_json:
        print_json({"folder": report.folder, "manifest": report.manifest.model_dump(mode="json")} | report.figures)
        return
    for text in report.lines():
        line(text)


def _require_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(dir=folder):
            pass
    except OSError as closed:
        raise CommandFailed(f"{folder} cannot be written to: {closed.strerror}") from None


def _days(now: datetime, first: date | None, last: date | None) -> tuple[date, date]:
    end = last or now.astimezone(UTC).date() - timedelta(days=1)
    start = first or end - USUAL
    if end < start:
        raise typer.BadParameter(f"lies after {end}, the last whole day", param_hint="--from")
    return start, end


def _coins(pipeline: Pipeline, typed: str | None) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(word.strip().upper() for word in (typed or "").split(",") if word.strip()))
    return named or pipeline.settings.market.coins


def _candles(
    pipeline: Pipeline, first: date, last: date, coins: tuple[str, ...], line: Callable[[str], None]
) -> dict[str, Candles]:
    """The kept candles of the days and of what their features look back on; what is missing is fetched first."""
    from xfg_pipeline.resources.market_feed import MarketFeed
    from xfg_pipeline.signals.features import needed_from
    from xfg_pipeline.storage.candles import read_candles
    from xfg_pipeline.storage.database import without_hurry

    start = datetime.combine(first, time(0), tzinfo=UTC)
    since, end = needed_from(start), start + timedelta(days=(last - first).days + 1)
    line(f"candles of {', '.join(coins)} on the {pipeline.market.name} market, {first} to {last}")
    feed = MarketFeed(pipeline.database, pipeline.market, coins, pipeline.clock)
    fetched = feed.fetch_candles(since, end, pipeline.market_now(), line)
    for coin, problem in fetched.problems.items():
        line(f"{coin}: {problem}")
    with pipeline.database.read() as connection:
        without_hurry(connection)
        return read_candles(connection, pipeline.market.name, coins, since, end)
