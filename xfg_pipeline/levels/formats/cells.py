"""Texts of an export with the place they stand at, so that a refusal can point there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from xfg_pipeline.levels.issues import ExportRefused, refused


@dataclass(frozen=True)
class Cell:
    """A text with its place, for proofs and refusals."""

    text: str
    line: int
    column: str

    def refused(self, code: str, message: str, remedy: str = "correct the cell or export again") -> ExportRefused:
        return refused(code, message, remedy, line=self.line, columns=(self.column,), values=(self.text,))


@dataclass(frozen=True)
class TimeColumn:
    """The texts of the time column, with what a refusal needs to point at one of them."""

    texts: Sequence[str]
    lines: Sequence[int]
    header: str

    def refused(self, row: int, code: str, message: str, remedy: str) -> ExportRefused:
        return refused(code, message, remedy, line=self.lines[row], columns=(self.header,), values=(self.texts[row],))
