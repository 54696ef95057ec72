"""What an export comes to: its levels as rows, and what was said of them, against the prices that are known."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from xfg_pipeline.levels.band import UNCHECKED, Reference, inside, plain, unchecked
from xfg_pipeline.levels.formats import Export, ExportDay
from xfg_pipeline.levels.issues import ExportRefused, Issue, Severity, error, warning
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import NEW_YORK
from xfg_pipeline.levels.validation import judge_day
from xfg_pipeline.levels.vocabulary import LEVEL_TYPES, Priority, Timeframe
from xfg_pipeline.storage.levels import LevelRow
from xfg_pipeline.storage.prices import References

if TYPE_CHECKING:
    from pandas import DataFrame


@dataclass(frozen=True)
class Judged:
    """An export that may be imported. `bars` are dated; `rows` are its levels."""

    export: Export
    rows: list[LevelRow]
    issues: list[Issue]
    bars: "DataFrame | None"


def judge(export: Export, rules: LevelRules, known: References, *, trust: bool) -> Judged:
    """Hold an export against the rules and, unless it is trusted, against prices that are known.

    Raises ExportRefused with all errors of the file.
    """
    issues = list(export.warnings)
    rows: list[LevelRow] = []
    for day in export.days:
        said = judge_day(day, export.symbol, rules, None if trust else known.near(day.trading_date))
        issues += said
        rows += _rows(export.symbol, day, said)
    bars = None
    if export.shape == "bars":
        assert export.bars is not None
        bars = _dated(export.bars.frame)
        issues += _of_bars(bars, export.symbol, rules, known, trust=trust)
        if export.unknown_columns:
            names = ", ".join(export.unknown_columns[:5])
            issues.append(
                warning(
                    "no_known_level",
                    f"imported as price bars: no level is known by the name of {names}",
                    "if these are levels, name them in levels.column_aliases and import the file with --trust",
                    columns=export.unknown_columns,
                )
            )
    errors = [issue for issue in issues if issue.severity is Severity.ERROR]
    if errors:
        raise ExportRefused(errors)
    return Judged(export, rows, _said_once(export.symbol, issues), bars)


def storable_text(text: str) -> str:
    """Text that Postgres and UTF-8 can hold: no NUL, no half of a surrogate pair."""
    return text.encode("utf-8", "backslashreplace").decode().replace("\x00", "\\x00")


def storable(value: Any) -> Any:
    """The same for everything in a JSON value."""
    if isinstance(value, str):
        return storable_text(value)
    if isinstance(value, dict):
        return {storable_text(str(key)): storable(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [storable(inner) for inner in value]
    return value


def _rows(symbol: str, day: ExportDay, issues: Iterable[Issue]) -> list[LevelRow]:
    said = [(issue, {**storable(issue.to_dict()), "stage": "import"}) for issue in issues]
    rows = []
    for name, cell in day.cells.items():
        kind = LEVEL_TYPES.get(name)
        # A doubt about the whole day is a doubt about each of its levels.
        own = [one for one in said if name in one[0].levels or (one[0].code == UNCHECKED and not one[0].levels)]
        rows.append(
            LevelRow(
                symbol=symbol,
                trading_date=day.trading_date,
                level_type=name,
                price=cell.price,
                timeframe=kind.timeframe if kind else Timeframe.DAILY,
                priority=kind.priority if kind else Priority.REFERENCE,
                description=storable_text(f"{cell.column}, line {cell.line}"),
                is_validated=all(issue.code != UNCHECKED for issue, _ in own),
                validation_errors=[told for _, told in own],
            )
        )
    return rows


def _of_bars(bars: "DataFrame", symbol: str, rules: LevelRules, known: References, *, trust: bool) -> list[Issue]:
    """The last close of each date against a price that is known: bars are the measure for everything later."""
    issues: list[Issue] = []
    last = bars.drop_duplicates("trading_date", keep="last")
    for day, close in zip(last["trading_date"], last["close"], strict=True):
        reference: Reference | None = None if trust else known.near(day)
        if reference is None:
            issues.append(unchecked(symbol, f" near {day}"))
        elif not inside(Decimal(close), reference.price, rules):
            issues.append(
                error(
                    "band",
                    f"the last close of {day}, {plain(close)}, is too far from {plain(reference.price)} "
                    f"({reference.what}) for {symbol}",
                    "rename the file to its true symbol, or import it with --trust",
                    columns=("Close",),
                    values=(str(close),),
                )
            )
    return issues


def _said_once(symbol: str, issues: list[Issue]) -> list[Issue]:
    """What holds for every day of a file is said once a file."""
    once = [issue for issue in dict.fromkeys(issues) if issue.code != UNCHECKED]
    doubts = [issue for issue in issues if issue.code == UNCHECKED]
    return [*once, *(doubts if len(doubts) < 2 else [unchecked(symbol, f" near {len(doubts):,} of the days")])]


def _dated(bars: "DataFrame") -> "DataFrame":
    """Bars with the trading date of each: that of New York's clock six hours on, as `trading_date_of` says."""
    from pandas import Timedelta

    wall = bars["time"].dt.tz_convert(NEW_YORK).dt.tz_localize(None)
    return bars.assign(trading_date=(wall + Timedelta(hours=6)).dt.date)
