"""What a person types, as values, and the error that tells a person what went wrong."""

from __future__ import annotations

from datetime import date, datetime
from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]


class CommandFailed(Exception):
    """A command could not do its work; the text is for the person who typed it."""


def date_of(text: str, name: str) -> date:
    """A date typed as YYYY-MM-DD; all else are wrong words."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no date: YYYY-MM-DD", param_hint=name) from None


def slot_of(text: str) -> datetime:
    """A slot typed as 2025-12-09T09:30, UTC or with its offset; all else are wrong words."""
    from xfg_pipeline.resources.why import read_slot

    try:
        return read_slot(text)
    except ValueError as wrong:
        raise typer.BadParameter(str(wrong), param_hint="SLOT") from None
