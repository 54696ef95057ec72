"""The shapes of the API's answers, for its description; and the errors that every call may answer with."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict


class ErrorBody(BaseModel):
    """What was refused, and why."""

    model_config = ConfigDict(extra="allow")

    code: str
    message: str
    fields: dict[str, str] = {}


class Error(BaseModel):
    """Every error has this shape."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "error": {
                        "code": "refused",
                        "message": "Nothing was saved.",
                        "fields": {"pivot_ba_high": "Must be above pivot 25,285.00"},
                    }
                }
            ]
        }
    )

    error: ErrorBody


class LevelsAnswer(BaseModel):
    """What holds for a trading date. `details` are the rows of all sources, as in structural_levels_v2."""

    symbol: str
    trading_date: str
    levels: dict[str, float]
    details: list[dict[str, Any]]


class CompletenessAnswer(BaseModel):
    """Is everything there that this date needs?"""

    model_config = ConfigDict(extra="allow")

    symbol: str
    trading_date: str
    csv_complete: bool
    manual_complete: bool
    overall_complete: bool
    missing_csv: list[str]
    missing_manual: list[str]
    total_levels: int
    status: str


class SavedAnswer(BaseModel):
    """The levels after the change, their completeness, and what is unusual but was saved."""

    symbol: str
    trading_date: str
    levels: dict[str, float]
    manual: dict[str, float]
    changed: list[str]
    completeness: CompletenessAnswer
    warnings: list[dict[str, Any]]


class NearbyLevelAnswer(BaseModel):
    """A level within range. `distance` is in points, to either side."""

    level_type: str
    label: str
    price: float
    distance: float
    source: str
    touches: int


class NearbyAnswer(BaseModel):
    """Levels around a price, nearest first."""

    symbol: str
    trading_date: str | None
    reference_price: float
    range_points: float
    nearby_levels: list[NearbyLevelAnswer]


class HistoryAnswer(BaseModel):
    """Who changed what, when, from and to; newest first."""

    symbol: str
    trading_date: str
    history: list[dict[str, Any]]


class ImportAnswer(BaseModel):
    """What became of one file."""

    model_config = ConfigDict(extra="allow")

    id: int
    file_name: str
    symbol: str | None
    state: str
    reason: str
    imported_count: int
    trading_dates: list[str]
    issues: list[dict[str, Any]]


class ImportsAnswer(BaseModel):
    """Files, newest first."""

    imports: list[ImportAnswer]


_WORDS = {
    400: "The request cannot be read, or its Host is not ours",
    401: "Not logged in",
    403: "From another web page, or not allowed to this user",
    404: "No such symbol, or no such signal",
    409: "Changed by somebody else meanwhile (`If-Match`), or the same `Idempotency-Key` is being worked on",
    413: "Too large",
    415: "Another media type is needed",
    422: "Refused; `fields` names each field and what must be true",
    429: "Too many wrong passwords or tokens; `Retry-After` says when",
    503: "Postgres does not answer, or no password is set",
}


def errors(*statuses: int, conflict: str = _WORDS[409]) -> dict[int | str, dict[str, Any]]:
    """The documented errors: those of every call, and these; `conflict` says what 409 means here."""
    words = _WORDS | {409: conflict}
    return {s: {"model": Error, "description": words[s]} for s in sorted({400, 401, 429, 503, *statuses})}


def success(model: type[BaseModel], description: str, *, etag: bool = False) -> dict[int | str, dict[str, Any]]:
    """The documented 200."""
    answer: dict[str, Any] = {"model": model, "description": description}
    if etag:
        answer["headers"] = {
            "ETag": {
                "description": "Changes with the typed levels of the date.",
                "schema": {"type": "string"},
            }
        }
    return {200: answer}
