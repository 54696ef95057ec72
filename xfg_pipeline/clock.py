"""What time it is. The only place that reads the machine's clock; everything else is handed a Clock or a time."""

from datetime import UTC, datetime
from typing import Final, Protocol

BEFORE_ALL: Final = datetime(2000, 1, 1, tzinfo=UTC)
"""Earlier than anything that is kept."""


class Clock(Protocol):
    """Something that knows the time."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        ...


class SystemClock:
    """The machine's own clock."""

    def now(self) -> datetime:
        """The present moment, aware, in UTC."""
        return datetime.now(UTC)
