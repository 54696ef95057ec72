"""Past days under other thresholds, beside what was shown: nothing is written."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from pydantic import ValidationError

from xfg_pipeline.resources.controlling import Moment, lights_at
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.signal_book import span
from xfg_pipeline.settings import ControllerSettings
from xfg_pipeline.signals.slots import SLOT, first_on_grid, moment, seconds
from xfg_pipeline.storage import controller
from xfg_pipeline.storage.database import without_hurry


class UnknownThreshold(ValueError):
    """A threshold that there is not, or a value that it cannot have; the message names it and what is allowed."""


@dataclass(frozen=True)
class ReplayedRow:
    """One slot: what was shown (None where nothing was), and what the other thresholds say."""

    timestamp: datetime
    shown_status: str | None
    replayed_status: str
    replayed_triggered_by: str | None


@dataclass(frozen=True)
class Replay:
    """All slots of a range, and how often each pair (shown, replayed) came."""

    rows: list[ReplayedRow]
    counts: dict[tuple[str | None, str], int]


def replay(pipeline: Pipeline, first: date, last: date, overrides: Mapping[str, str]) -> Replay:
    """The light at every slot of UTC days, both included, from what was known then.

    `overrides` are settings of `controller` by name, as they stand in a settings file. Raises UnknownThreshold, and
    RangeRefused for dates that cannot be meant.
    """
    thresholds = _settings_with(pipeline, overrides)
    start, end = span(first, last)
    until = min(end, pipeline.market_now())
    slots = range(first_on_grid(start), seconds(until), int(SLOT.total_seconds()))
    moments = [Moment(moment(at), "slot", live=False) for at in slots]
    with pipeline.database.begin() as connection:
        without_hurry(connection)
        shown = controller.lights_of_slots(connection, pipeline.settings.account_name, start, end)
        rows = [
            ReplayedRow(
                one.moment.at,
                shown[one.moment.at].status if one.moment.at in shown else None,
                one.decision.status,
                one.decision.triggered_by,
            )
            for one in lights_at(connection, pipeline, moments, thresholds.thresholds())
        ]
    return Replay(rows, dict(Counter((row.shown_status, row.replayed_status) for row in rows)))


def _settings_with(pipeline: Pipeline, overrides: Mapping[str, str]) -> Any:
    own = pipeline.settings.controller
    unknown = [name for name in overrides if name not in ControllerSettings.model_fields]
    if unknown:
        known = ", ".join(ControllerSettings.model_fields)
        raise UnknownThreshold(f"controller.{unknown[0]} is no setting; there are {known}")
    try:
        changed = ControllerSettings.model_validate(own.model_dump() | dict(overrides))
    except ValidationError as invalid:
        error = invalid.errors(include_input=False, include_url=False)[0]
        where = ".".join(str(part) for part in error["loc"])
        said = str(error["msg"]).removeprefix("Value error, ")
        raise UnknownThreshold(f"controller.{where}: {said}" if where else f"controller: {said}") from None
    return pipeline.settings.model_copy(update={"controller": changed})
