"""Whether levels can be true: each price alone, the levels among themselves, and near the market."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from decimal import Decimal

from xfg_pipeline.levels.band import Reference, inside, is_price, percent, plain, points, unchecked, why_no_price
from xfg_pipeline.levels.formats.export import ExportDay, LevelCell
from xfg_pipeline.levels.hierarchy import Broken, broken_orders, off_midpoints, off_tick
from xfg_pipeline.levels.issues import Issue, Severity, error, warning
from xfg_pipeline.levels.pivots import judge_pivots
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.vocabulary import MANUAL_LEVELS, label_of

__all__ = ["Reference", "judge_day", "judge_levels", "judge_pivots"]

_CORRECT = "correct the cell or export again"
_ABSENT = {
    "no column": "no column of the export gives it",
    "empty cell": "its cell is empty",
    "zero": "its cell is 0",
}


def judge_day(day: ExportDay, symbol: str, rules: LevelRules, reference: Reference | None) -> list[Issue]:
    """Every fault and doubt of one imported day, errors first. Empty means: nothing to say.

    An error refuses the whole file. The prices are held against the row's own Close and against `reference`;
    without one a warning says that another market's prices would not be seen. Warnings for levels that have
    no column name no line, so that they are equal for all days of a file.
    """
    prices = {name: cell.price for name, cell in day.cells.items()}
    issues = [_with_cells(issue, day.cells) for issue in judge_levels(prices, symbol, rules)]
    if all(map(is_price, prices.values())):
        issues += _outside_own_close(day, rules) or _outside_reference(day, rules, reference)
        if reference is None:
            issues.append(unchecked(symbol, f" near {day.trading_date}"))
    issues += _absences(day, rules)
    return sorted(issues, key=lambda issue: not issue.is_error)


def judge_levels(prices: Mapping[str, Decimal], symbol: str, rules: LevelRules) -> list[Issue]:
    """Tick, order and nearness of the levels that hold for a day, whatever their source. Prices in points.

    Typed levels are held against the others of the day: pivots of another market make no day complete.
    """
    issues = [_price_fault(name, price, why) for name, price in prices.items() if (why := why_no_price(price))]
    if issues:
        return issues
    tick = rules.tick(symbol)
    broken = [*off_tick(prices, tick), *broken_orders(prices), *off_midpoints(prices, tick)]
    return [*map(_issue, broken), *_typed_far_away(prices, rules)]


def _typed_far_away(prices: Mapping[str, Decimal], rules: LevelRules) -> list[Issue]:
    others = sorted(price for name, price in prices.items() if name not in MANUAL_LEVELS)
    if not others:
        return []
    name = "previous_day_close"
    middle, what = (prices[name], label_of(name)) if name in prices else (others[len(others) // 2], "the other levels")
    return [
        error(
            "band",
            f"{label_of(name)} {points(price)} is more than {percent(rules)} from {what}, {points(middle)}",
            "correct the typed value, or export again from the right chart",
            levels=(name,),
            values=(str(price),),
        )
        for name, price in prices.items()
        if name in MANUAL_LEVELS and not inside(price, middle, rules)
    ]


def _price_fault(name: str, price: object, why: str) -> Issue:
    return error(
        "not_a_price",
        f"{label_of(name)} {price} is not a price: {why}",
        _CORRECT,
        levels=(name,),
        values=(str(price),),
    )


def _issue(broken: Broken) -> Issue:
    severity = Severity.ERROR if broken.impossible else Severity.WARNING
    return Issue(severity, broken.code, broken.message, broken.remedy, levels=broken.levels)


def _with_cells(issue: Issue, cells: Mapping[str, LevelCell]) -> Issue:
    """The same issue with line, columns and texts of the file's cells."""
    found = [cells[name] for name in issue.levels if name in cells]
    return Issue(
        issue.severity,
        issue.code,
        issue.message,
        issue.remedy,
        issue.levels,
        found[0].line if found else None,
        tuple(cell.column for cell in found),
        tuple(cell.text for cell in found),
    )


def _outside_own_close(day: ExportDay, rules: LevelRules) -> list[Issue]:
    if day.close is None:
        return []
    outside = {name: cell for name, cell in day.cells.items() if not inside(cell.price, day.close.price, rules)}
    if not outside:
        return []
    return [
        _band(
            outside,
            outside.values(),
            f"more than {percent(rules)} from the row's own Close {day.close.text}",
            "the study stands on another instrument than the chart: export again",
        )
    ]


def _outside_reference(day: ExportDay, rules: LevelRules, reference: Reference | None) -> list[Issue]:
    if reference is None:
        return []
    outside = {name: cell for name, cell in day.cells.items() if not inside(cell.price, reference.price, rules)}
    close = day.close if day.close and not inside(day.close.price, reference.price, rules) else None
    if not outside and close is None:
        return []
    remedy = "the study stands on another instrument: export again"
    if close is not None or len(outside) == len(day.cells):
        remedy = "rename the file to its true symbol; if it is the stored price that is wrong, import it with --trust"
    what = f"more than {percent(rules)} from {reference.what}, {plain(reference.price)}"
    return [_band(outside, [*([close] if close else []), *outside.values()], what, remedy)]


def _band(levels: Iterable[str], cells: Iterable[LevelCell], what: str, remedy: str) -> Issue:
    found = list(cells)
    count = f"{len(found)} prices are" if len(found) > 1 else "the price is"
    return error(
        "band",
        f"{count} {what}: {', '.join(f'{cell.column} {cell.text}' for cell in found[:3])}"
        + (" and more" if len(found) > 3 else ""),
        f"{remedy}; if the market really moved that far, widen levels.price_band",
        levels=tuple(levels),
        line=found[0].line,
        columns=tuple(cell.column for cell in found),
        values=tuple(cell.text for cell in found),
    )


def _absences(day: ExportDay, rules: LevelRules) -> list[Issue]:
    """One warning a level: `missing_level` where the set in force requires it, else `empty_level`."""
    required = rules.required_csv()
    issues = []
    for name, why in day.absent.items():
        code = "missing_level" if name in required else "empty_level"
        line = None if why == "no column" else day.line
        message = f"{label_of(name)} ({name}) is missing: {_ABSENT.get(why, why)}"
        remedy = "export the study, or add its header to the column aliases" if why == "no column" else ""
        issues.append(warning(code, message, remedy, levels=(name,), line=line, values=(why,)))
    return issues
