"""The shapes of the answers about the light, for the API's description."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from xfg_pipeline.desk.answers import ErrorBody

StatusWord = Literal["green", "yellow", "red"]


class TriggerAnswer(BaseModel):
    """A rule that is not green, with what it compared; `chance` of seeing this or worse by luck."""

    model_config = ConfigDict(extra="allow")

    rule: str
    status: StatusWord
    message: str
    value: float | None = None
    threshold: float | None = None
    n: int | None = None
    interval: list[float] | None = None
    chance: float | None = None


class LightAnswer(BaseModel):
    """One light with what triggered it, worst first."""

    status: StatusWord
    position_multiplier: float
    message: str
    triggered_by: str | None
    triggers: list[TriggerAnswer]


class StatusAnswer(LightAnswer):
    """The light as it holds at `as_of`. `evaluated_status` is what the newest row says; the light shown is stricter
    where that row is old, or somebody has paused since. `evidence` says which of the two `lights` rules."""

    model_config = ConfigDict(extra="allow")

    as_of: str
    since: str | None
    evaluated_status: StatusWord | None
    lights: dict[str, LightAnswer]
    paused: dict[str, Any] | None
    timestamp: str | None
    evaluated_at: str | None
    evidence: Literal["literal", "gated"] | None
    health: list[dict[str, Any]]
    metrics: dict[str, float | None]
    account: str
    market: str
    mode: Literal["practice", "live"]


class ActedAnswer(StatusAnswer):
    """What was done, as it stays in the audit log, and the light after it."""

    action: dict[str, Any]
    evaluated: bool


class UnknownLight(LightAnswer):
    """Nothing can be known of the light: it is red."""

    error: ErrorBody
    as_of: None


class StatusRow(BaseModel):
    """A row of `controller_status`, without what it was decided from."""

    model_config = ConfigDict(extra="allow")

    id: int
    timestamp: str
    cause: str
    mode: Literal["live", "backfill"]
    status: StatusWord
    position_multiplier: float
    triggered_by: str | None
    message: str
    triggers: list[dict[str, Any]]
    literal_status: StatusWord
    gated_status: StatusWord
    changed: bool


class StatusHistoryAnswer(BaseModel):
    """Rows of a range of UTC days, newest first."""

    model_config = ConfigDict(extra="allow")

    history: list[StatusRow]
    total: int
    as_of: str
    account: str
    mode: Literal["practice", "live"]


class CostAnswer(BaseModel):
    """What was held back: `saved` losses not taken, `missed` gains not made; by rule and in sum."""

    model_config = ConfigDict(extra="allow")

    rules: list[dict[str, Any]]
    red: dict[str, float]
    yellow: dict[str, float]
    total: dict[str, float]
    as_of: str
    account: str
    mode: Literal["practice", "live"]
