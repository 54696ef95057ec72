"""The 15-minute grid: a slot is named by the close of its candle, and belongs to the UTC day that it starts."""

from datetime import UTC, datetime, timedelta

SLOT = timedelta(minutes=15)
SLOT_SECONDS = 900
DAY_SECONDS = 86_400
SLOTS_A_DAY = 96


def seconds(moment: datetime) -> int:
    """Whole seconds since 1970 UTC. Raises ValueError for a time without a zone."""
    if moment.tzinfo is None:
        raise ValueError(f"{moment} has no time zone")
    return int(moment.timestamp())


def moment(at: int) -> datetime:
    """The aware UTC time of whole seconds since 1970."""
    return datetime.fromtimestamp(int(at), UTC)


def slot_at(now: datetime) -> datetime:
    """The newest slot whose candle has closed."""
    return moment(seconds(now) // SLOT_SECONDS * SLOT_SECONDS)


def first_on_grid(at: datetime, step: int = SLOT_SECONDS) -> int:
    """The first multiple of `step` seconds since 1970 at or after a time."""
    return -(-seconds(at) // step) * step


def midnight(at: datetime) -> datetime:
    """When the UTC day of an aware UTC time began."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


def is_slot(at: datetime) -> bool:
    """Whether a time is on the grid."""
    return at.microsecond == 0 and seconds(at) % SLOT_SECONDS == 0
