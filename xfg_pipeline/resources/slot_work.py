"""A piece of work on slots: which, seen from when, and which of them are live."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from xfg_pipeline.signals.candles import Times
from xfg_pipeline.signals.slots import SLOT, midnight, seconds, slot_at

# A month of ten coins is computed in memory at once: some hundred megabytes at most.
DAYS_AT_ONCE = timedelta(days=30)


@dataclass(frozen=True)
class SlotWork:
    """Slots with start <= slot < end, none after `as_of`.

    `live_at` is the slot whose schedule asked for it, None in a backfill. A run of the schedule decides what is not
    decided yet; a backfill decides again what was not decided live.
    """

    start: datetime
    end: datetime
    as_of: datetime
    live_at: datetime | None = None

    @property
    def is_backfill(self) -> bool:
        """Whether what is there of a backfill is made again."""
        return self.live_at is None

    @property
    def span(self) -> tuple[datetime, datetime]:
        """From the first slot to after the last one that had closed by `as_of`."""
        return self.start, max(self.start, min(self.end, slot_at(self.as_of) + SLOT))

    def chunks(self) -> Iterator["SlotWork"]:
        """The same work in pieces that end with a UTC day."""
        start, end = self.span
        while start < end:
            stop = min(midnight(start) + DAYS_AT_ONCE, end)
            yield SlotWork(start, stop, self.as_of, self.live_at)
            start = stop

    def live(self, slots: Times, now: datetime, ttl: timedelta) -> NDArray[np.bool_]:
        """Which slots are made live: by the schedule, while a signal of them can still be acted on."""
        if self.live_at is None:
            return np.zeros(slots.shape, dtype=np.bool_)
        fresh: NDArray[np.bool_] = slots + int(ttl.total_seconds()) > seconds(now)
        return fresh
