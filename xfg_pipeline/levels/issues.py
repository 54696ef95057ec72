"""What is wrong with an export or a typed price, said so that a person can act on it.

ExportRefused
└── ExportUnfinished   the file may still be growing: wait, and refuse it when it stays so
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

LONGEST_SHOWN = 200
"""Characters of a name or value kept in an issue: enough to find it, too few to flood a page."""


class Severity(StrEnum):
    """An error refuses the whole file or form; a warning is imported and shown."""

    ERROR = "error"
    WARNING = "warning"


def shown(text: str) -> str:
    """Text of a file made safe to print and store: clipped, without control or direction characters."""
    clipped = text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"
    if clipped.isprintable():
        return clipped
    return "".join(
        char if char.isprintable() or unicodedata.category(char) == "Zs" else "\N{REPLACEMENT CHARACTER}"
        for char in clipped
    )


@dataclass(frozen=True)
class Issue:
    """One fault or doubt: a sentence, what to do about it, and where it stands.

    `line` counts from 1, header included; `columns` are headers as written, `values` the cells' texts,
    `levels` API names of levels.
    """

    severity: Severity
    code: str
    message: str
    remedy: str = ""
    levels: tuple[str, ...] = ()
    line: int | None = None
    columns: tuple[str, ...] = ()
    values: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "columns", tuple(shown(name) for name in self.columns))
        object.__setattr__(self, "values", tuple(shown(value) for value in self.values))

    @property
    def is_error(self) -> bool:
        return self.severity is Severity.ERROR

    def place(self) -> str:
        """`line 14, column "MGI: ONH"`; empty where the issue is about the whole file."""
        parts = [] if self.line is None else [f"line {self.line}"]
        if self.columns:
            names = ", ".join(f'"{name}"' for name in self.columns[:4])
            more = f" and {len(self.columns) - 4} more" if len(self.columns) > 4 else ""
            parts.append(f"column{'s' if len(self.columns) > 1 else ''} {names}{more}")
        return ", ".join(parts)

    def sentence(self, file_name: str) -> str:
        """One line: file, place, reason, remedy."""
        where = " ".join(part for part in (shown(file_name), self.place()) if part)
        remedy = f" {_as_sentence(self.remedy)}" if self.remedy else ""
        return f"{where}: {_ended(self.message)}{remedy}"

    def to_dict(self) -> dict[str, Any]:
        """Plain JSON values; `from_dict` reads them back."""
        return {
            "severity": self.severity.value,
            "code": self.code,
            "message": self.message,
            "remedy": self.remedy,
            "levels": list(self.levels),
            "line": self.line,
            "columns": list(self.columns),
            "values": list(self.values),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Issue:
        return cls(
            severity=Severity(data["severity"]),
            code=data["code"],
            message=data["message"],
            remedy=data.get("remedy", ""),
            levels=tuple(data.get("levels", ())),
            line=data.get("line"),
            columns=tuple(data.get("columns", ())),
            values=tuple(data.get("values", ())),
        )


def error(code: str, message: str, remedy: str = "", **where: Any) -> Issue:
    """An issue that refuses; `where` takes levels, line, columns, values."""
    return Issue(Severity.ERROR, code, message, remedy, **where)


def warning(code: str, message: str, remedy: str = "", **where: Any) -> Issue:
    """An issue that is shown and refuses nothing; `where` as for `error`."""
    return Issue(Severity.WARNING, code, message, remedy, **where)


def refused(code: str, message: str, remedy: str = "", **where: Any) -> ExportRefused:
    """The exception for one fault: `raise refused(...)` keeps the call site's `from`."""
    return ExportRefused((error(code, message, remedy, **where),))


def unfinished(code: str, message: str, remedy: str = "", **where: Any) -> ExportUnfinished:
    """The exception for a file that looks cut: it may still be growing."""
    return ExportUnfinished((error(code, message, remedy, **where),))


class ExportRefused(Exception):
    """The export is not imported, in no part. `issues` holds at least one fault."""

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues: tuple[Issue, ...] = tuple(issues)
        if not self.issues:
            raise ValueError("a refusal needs at least one issue")
        super().__init__("; ".join(issue.message for issue in self.issues))

    def __reduce__(self) -> tuple[type[ExportRefused], tuple[tuple[Issue, ...]]]:
        return type(self), (self.issues,)

    def report(self, file_name: str) -> str:
        """Text for the file beside the refused one: place, value, reason and remedy of each fault."""
        count = len(self.issues)
        lines = [f"{shown(file_name)} was not imported: {count} fault{'s' if count > 1 else ''}."]
        for number, issue in enumerate(self.issues, start=1):
            lines += ["", f"{number}. {_ended(issue.message)}", f"   File: {shown(file_name)}"]
            if issue.line is not None:
                lines.append(f"   Line: {issue.line}")
            if issue.columns:
                lines.append(f"   Column: {', '.join(issue.columns)}")
            if issue.values:
                lines.append(f"   Value: {', '.join(issue.values)}")
            if issue.remedy:
                lines.append(f"   Remedy: {_as_sentence(issue.remedy)}")
        return "\n".join([*lines, "", "Nothing of this file was stored.", ""])


class ExportUnfinished(ExportRefused):
    """The file ends in the middle: the caller waits, and refuses it when it stays so."""


def _ended(text: str) -> str:
    return text if text.endswith((".", "?", "!")) else f"{text}."


def _as_sentence(text: str) -> str:
    return _ended(text[:1].upper() + text[1:])
