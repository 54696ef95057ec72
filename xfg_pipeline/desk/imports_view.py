"""What became of a file, in words: for the list of imports and for the foot of a symbol's sheet."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from zoneinfo import ZoneInfo

from xfg_pipeline.desk.formats import counted, listed, moment_text, sentence
from xfg_pipeline.storage.file_imports import FileImport

SHOWN_ISSUES = 6


def issues_text(issues: Sequence[Mapping[str, Any]]) -> tuple[str, ...]:
    """Each kind of issue once: a long export says the same of many dates."""
    kinds: dict[tuple[object, ...], list[Mapping[str, Any]]] = {}
    for issue in issues:
        kinds.setdefault((issue.get("code"), tuple(issue.get("levels") or ())), []).append(issue)
    said = [
        issue_sentence(alike[0]) + (f" The same {len(alike) - 1} more times." if len(alike) > 1 else "")
        for alike in kinds.values()
    ]
    if len(said) > SHOWN_ISSUES:
        said = [
            *said[: SHOWN_ISSUES - 1],
            f"And {len(said) - SHOWN_ISSUES + 1} other kinds; the API lists all.",
        ]
    return tuple(said)


def issue_sentence(issue: Mapping[str, Any]) -> str:
    """An issue in one or two sentences, with its line and column when it has them."""
    where = [f"line {issue['line']}"] if issue.get("line") else []
    columns = [str(name) for name in issue.get("columns") or ()]
    if columns and not any(name in str(issue.get("message", "")) for name in columns):
        where.append(f"column “{listed(columns)}”")
    message = str(issue.get("message", ""))
    text = sentence(f"{', '.join(where)}: {message}" if where else message)
    return f"{text} {sentence(str(issue.get('remedy') or ''))}".strip()


@dataclass(frozen=True)
class ImportRow:
    """A file in the list: mark, name, time and what became of it."""

    colour: str
    mark: str
    name: str
    at: str
    word: str
    says: tuple[str, ...]


def import_row(found: FileImport, zone: ZoneInfo, today: date) -> ImportRow:
    """What became of one file."""
    at = moment_text(found.received_at.astimezone(zone), today)
    said = issues_text(found.issues)
    again: tuple[str, ...] = ()
    if found.duplicates:
        again = (f"The same content came {counted(found.duplicates, 'more time')}; it was imported once.",)
    if found.state == "refused":
        reason = () if said else (found.reason,)
        where = f"Nothing was imported; the file is in {found.filed_as}." if found.filed_as else "Nothing was imported."
        return ImportRow("red", "red", found.file_name, at, "Refused", (*reason, *said, where, *again))
    if found.state == "duplicate":
        return ImportRow(
            "none", "none", found.file_name, at, "Known already", ("The same content was imported before.",)
        )
    levels = counted(found.imported_count, "bar" if found.shape == "bars" else "level")
    dates = _dates_text(found.trading_dates)
    what = f"{levels}{dates}." if said else f"{levels}{dates}, no warning."
    colour = "yellow" if said else "green"
    return ImportRow(colour, colour, found.file_name, at, "Imported", (what, *said, *again))


def _dates_text(dates: tuple[date, ...]) -> str:
    if not dates:
        return ""
    if len(dates) == 1:
        return f" for {dates[0]}"
    return f" for {len(dates)} dates, {dates[0]} to {dates[-1]}"
