"""What a run is asked to do: which days, seen from when, and whether it speaks of now. And how it tells what it did."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Literal

import dagster as dg

from xfg_pipeline.jobs import LIVE_TAG, SLOT_TAG
from xfg_pipeline.partitions import utc_window
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.slot_work import SlotWork
from xfg_pipeline.resources.slots_due import work_of
from xfg_pipeline.resources.why import read_slot
from xfg_pipeline.storage.row_counts import rows_of_account_days, rows_of_days

MOST_SHOWN = 50
OWNERS = ["team:trading"]
# A clock may have been set back since the schedule asked.
CLOCKS_DIFFER = timedelta(seconds=30)
_CAUSES = ("trade", "hour")


@dataclass(frozen=True)
class RunWindow:
    """From the midnight of the first UTC day to the one after the last, as of a moment.

    `slot` is the one that the schedule asked for; `cause` why a run speaks of now without one. Neither: a backfill.
    """

    start: datetime
    end: datetime
    as_of: datetime
    slot: datetime | None
    cause: Literal["trade", "hour"] | None

    @property
    def is_backfill(self) -> bool:
        """Whether a person asked for past days."""
        return self.slot is None and self.cause is None

    @property
    def whole(self) -> SlotWork:
        """All slots of the window."""
        return SlotWork(self.start, self.end, self.as_of, self.slot)

    def due(self, pipeline: Pipeline) -> SlotWork:
        """The slots of the window that are to be decided."""
        return work_of(pipeline, self.start, self.end, self.as_of, self.slot)


def window_of(context: dg.AssetExecutionContext, pipeline: Pipeline) -> RunWindow:
    """The window of a run. Raises Failure where it lies ahead, or a tag cannot be meant."""
    start, end = utc_window(context)
    slot, cause, now = _slot_of(context), context.run.tags.get(LIVE_TAG), pipeline.market_now()
    if cause is not None and cause not in _CAUSES:
        raise dg.Failure(
            f"The tag {LIVE_TAG} is {cause!r}: it must be one of {', '.join(_CAUSES)}", allow_retries=False
        )
    if slot is not None and slot > now + CLOCKS_DIFFER:
        raise dg.Failure(
            f"The slot {slot:%Y-%m-%d %H:%M} UTC lies ahead, it is {now:%Y-%m-%d %H:%M:%S}: nothing is decided on "
            "candles that have not closed",
            allow_retries=False,
        )
    if start > now:
        # Only a recording that is played fast has a time of its own: its next days are partitions already.
        raise dg.Failure(
            f"These days lie ahead: on {pipeline.market.name} it is {now:%Y-%m-%d %H:%M} UTC", allow_retries=False
        )
    return RunWindow(start, end, slot or now, slot, cause)  # type: ignore[arg-type]


def _slot_of(context: dg.AssetExecutionContext) -> datetime | None:
    """The slot that the schedule asked for. Whoever launches a run by hand can write any tag."""
    tag = context.run.tags.get(SLOT_TAG)
    try:
        return None if tag is None else read_slot(tag)
    except ValueError as refused:
        raise dg.Failure(f"The tag {SLOT_TAG} is {tag!r}: it {refused}", allow_retries=False) from None


def count_rows(context: dg.AssetExecutionContext, pipeline: Pipeline, table: str) -> None:
    """Tell what each day holds now. A run over a month would else give every day the rows of the month."""
    settings = pipeline.settings
    with pipeline.database.read() as connection:
        counts = rows_of_days(connection, table, settings.market_name, settings.market.coins, *utc_window(context))
    _tell(context, None, counts)


def count_account_rows(context: dg.AssetExecutionContext, pipeline: Pipeline, table: str) -> None:
    """The same of a table that is kept by account."""
    with pipeline.database.read() as connection:
        counts = rows_of_account_days(connection, table, pipeline.settings.account_name, *utc_window(context))
    _tell(context, table, counts)


def _tell(context: dg.AssetExecutionContext, asset: str | None, counts: Mapping[date, int]) -> None:
    for key in context.partition_keys:
        rows = {"dagster/row_count": counts.get(date.fromisoformat(key), 0)}
        context.add_asset_metadata(rows, asset_key=asset, partition_key=key)


def lines(texts: Iterable[str]) -> dg.MetadataValue[Any]:
    """One text a line."""
    return dg.MetadataValue.text("\n".join(texts) or "none")


def table(records: Iterable[Mapping[str, Any]]) -> dg.MetadataValue[Any]:
    """A table, or the word that there is nothing."""
    rows = [dg.TableRecord(dict(record)) for record in records]
    return dg.MetadataValue.table(rows) if rows else dg.MetadataValue.text("none")
