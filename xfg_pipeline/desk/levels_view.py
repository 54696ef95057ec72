"""What the levels page shows of one symbol: values in, words and pictures out."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from xfg_pipeline.desk.formats import (
    counted,
    distance_text,
    listed,
    moment_text,
    price_text,
    rounded_text,
)
from xfg_pipeline.desk.imports_view import issue_sentence, issues_text
from xfg_pipeline.desk.ladder import ROOMY, Ladder, Rung, Segment, draw, segments
from xfg_pipeline.desk.pivot_form import Field, Typed, pivot_fields, weekly_field
from xfg_pipeline.levels.completeness import Completeness
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.levels.sessions import first_session_of_week
from xfg_pipeline.levels.vocabulary import LEVEL_TYPES, Priority, label_of
from xfg_pipeline.resources.level_book import DayOfLevels
from xfg_pipeline.storage.file_imports import FileImport

SOURCE_WORDS = {"MANUAL": "typed", "CSV": "imported", "CALCULATED": "calculated"}


@dataclass(frozen=True)
class Status:
    """The light of a symbol: colour class, mark and word, and how many of the required levels are there."""

    colour: str
    word: str
    have: int
    of: int
    strip: tuple[Segment, ...]
    strip_width: int
    imported: str
    typed: str
    missing: tuple[tuple[str, str], ...]
    """What is not there: a sentence, and the names of the levels."""
    failed: tuple[str, ...]


@dataclass(frozen=True)
class LadderRow:
    """A rung in words."""

    rung: Rung
    price: str
    beside: str


@dataclass(frozen=True)
class GroupRow:
    """A stored level, also one that another source stands before."""

    label: str
    price: str
    source: str
    holds: bool
    remark: str


@dataclass(frozen=True)
class SymbolView:
    """Everything on the sheet of one symbol."""

    symbol: str
    tick: str
    etag: str
    status: Status
    ladder: Ladder
    ladder_rows: tuple[LadderRow, ...]
    has_last_price: bool
    left_out: int
    groups: tuple[tuple[str, tuple[GroupRow, ...]], ...]
    level_count: int
    fields: tuple[Field, ...]
    weekly: Field
    week_starts: date
    has_typed: bool
    note: str
    note_is_bad: bool
    file: str | None
    file_says: str
    file_warnings: tuple[str, ...]


@dataclass(frozen=True)
class FormState:
    """What a person sent and was told: kept when the page is shown again."""

    typed: Typed
    refused: Mapping[str, str]
    says: str
    is_bad: bool = True


def light(found: Completeness) -> Status:
    """The completeness of a day as the light that a trader looks at."""
    imported = {name: name not in found.missing_csv for name in found.required_csv}
    typed = {name: name not in found.missing_manual for name in found.required_manual}
    strip, width = segments(imported, typed)
    colour, word = {
        "complete": ("green", "Complete"),
        "partial": ("yellow", "Partial"),
        "incomplete": ("red", "Incomplete"),
    }[found.status]
    if found.total_levels == 0 and not found.failed:
        colour, word = "none", "Nothing yet"
    missing = []
    if found.missing_csv:
        missing.append(_missing(found.missing_csv, found.required_csv, "No export yet", "Not imported"))
    if found.missing_manual:
        missing.append(_missing(found.missing_manual, found.required_manual, "No pivot typed yet", "Not typed"))
    return Status(
        colour,
        word,
        sum(imported.values()) + sum(typed.values()),
        len(imported) + len(typed),
        strip,
        width,
        f"{sum(imported.values())} of {len(imported)} imported",
        f"{sum(typed.values())} of {len(typed)} typed",
        tuple(missing),
        tuple(issue_sentence(issue.to_dict()) for issue in found.failed),
    )


def _missing(missing: tuple[str, ...], required: tuple[str, ...], all_of_them: str, some: str) -> tuple[str, str]:
    says = all_of_them if len(missing) == len(required) else some
    return f"{says}:", listed([label_of(name) for name in missing])


def symbol_view(
    day: DayOfLevels,
    found: Completeness,
    rules: LevelRules,
    *,
    zone: ZoneInfo,
    today: date,
    last_price: tuple[Decimal, datetime] | None,
    last_import: FileImport | None,
    form: FormState | None = None,
) -> SymbolView:
    """The sheet of one symbol on one day."""
    symbol, tick = day.symbol, rules.tick(day.symbol)
    held = {str(row["level_type"]): row for row in day.rows if row["holds"]}
    shown = day.prices
    if len(shown) > ROOMY:
        shown = {name: price for name, price in shown.items() if held[name]["priority"] != Priority.REFERENCE}
    rungs = [
        Rung(
            name,
            label_of(name),
            price,
            SOURCE_WORDS[str(held[name]["source"])],
            int(held[name]["touches"]),
        )
        for name, price in shown.items()
    ]
    if last_price is not None and rungs:
        at = last_price[1].astimezone(zone)
        rungs.append(Rung("last_price", "Last price", last_price[0], "last", note=f"{at:%H:%M}"))
    drawn = draw(rungs)
    week_starts = first_session_of_week(day.trading_date)
    typed, refused = (form.typed, form.refused) if form else (None, None)
    has_typed = any(name in day.manual for name in found.required_manual if name != "weekly_pivot")
    return SymbolView(
        symbol=symbol,
        tick=f"{tick.normalize():f}",
        etag=day.etag,
        status=light(found),
        ladder=drawn,
        ladder_rows=tuple(_ladder_row(rung, last_price[0] if last_price else None, tick) for rung in drawn.rungs),
        left_out=len(day.prices) - len(shown),
        has_last_price=last_price is not None and bool(rungs),
        groups=_groups(day, tick),
        level_count=len(day.prices),
        fields=pivot_fields(symbol, rules, day.manual, typed=typed, refused=refused),
        weekly=weekly_field(
            symbol,
            rules,
            day.manual.get("weekly_pivot"),
            editable=week_starts == day.trading_date,
            first_session=week_starts,
            typed=typed,
            refused=refused,
        ),
        week_starts=week_starts,
        has_typed=has_typed,
        note=form.says if form else saved_note(day, zone, today),
        note_is_bad=form is not None and form.is_bad,
        file=last_import.file_name if last_import else None,
        file_says=_import_says(last_import, day, zone, today) if last_import else "",
        file_warnings=issues_text(last_import.issues) if last_import else (),
    )


def saved_note(day: DayOfLevels, zone: ZoneInfo, today: date) -> str:
    """Who saved last, and when."""
    # A weekly pivot of an earlier day is not something saved for this one.
    own = [row for row in day.rows if row["source"] == "MANUAL" and row["trading_date"] == day.trading_date]
    if not own:
        return "Nothing is saved yet."
    last = max(own, key=lambda row: row["updated_at"])
    at = moment_text(last["updated_at"].astimezone(zone), today)
    by = last["imported_by"]
    return f"Saved {at} by {by}. Change a value to save again; the old one stays in the audit log."


def _ladder_row(rung: Rung, last: Decimal | None, tick: Decimal) -> LadderRow:
    if rung.kind == "last":
        beside = ""
    elif last is not None:
        beside = distance_text(rung.price - last, tick)
    else:
        beside = rung.kind
    return LadderRow(rung, rounded_text(rung.price, tick), beside)


def _groups(day: DayOfLevels, tick: Decimal) -> tuple[tuple[str, tuple[GroupRow, ...]], ...]:
    order = {level.group: i for i, level in reversed(list(enumerate(LEVEL_TYPES.values())))}
    found: dict[str, list[Any]] = {}
    for row in day.rows:
        known = LEVEL_TYPES.get(str(row["level_type"]))
        found.setdefault(known.group if known else "Other", []).append(row)
    return tuple(
        (
            group,
            tuple(
                GroupRow(
                    label_of(str(row["level_type"])),
                    price_text(row["price"], tick),
                    SOURCE_WORDS[str(row["source"])],
                    bool(row["holds"]),
                    _remark(row),
                )
                for row in sorted(rows, key=lambda r: (-r["price"], r["level_type"]))
            ),
        )
        for group, rows in sorted(found.items(), key=lambda item: order.get(item[0], len(order) + 99))
    )


def _remark(row: Mapping[str, Any]) -> str:
    if not row["holds"]:
        return "replaced by the typed value"
    said = [str(issue.get("message", "")) for issue in row["validation_errors"] or [] if isinstance(issue, dict)]
    return " ".join(text for text in said if text)


def _import_says(found: FileImport, day: DayOfLevels, zone: ZoneInfo, today: date) -> str:
    at = moment_text((found.imported_at or found.received_at).astimezone(zone), today)
    own = sum(1 for row in day.rows if row["source"] == "CSV" and row["trading_date"] == day.trading_date)
    days = len(found.trading_dates)
    span = f", {days} trading dates in the file" if days > 1 else ""
    warned = counted(len(found.issues), "warning")
    return f"imported {at}: {counted(own, 'level')} for this date{span}, {warned}."
