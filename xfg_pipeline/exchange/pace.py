"""How often an exchange may be asked, across threads, and for how long not at all."""

import time
from collections.abc import Callable
from threading import Lock


class Deadline:
    """The moment by which a call must be over, on a clock that nobody sets."""

    def __init__(self, seconds: float, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._at = monotonic() + seconds

    def remaining(self) -> float:
        """Seconds that are left; below zero when it is over."""
        return self._at - self._monotonic()


class TooLate(Exception):
    """The turn would come after the deadline. `reason` is None when there are only too many others waiting."""

    def __init__(self, reason: str | None) -> None:
        super().__init__(reason or "too many calls are waiting for their turn")
        self.reason = reason


class Pace:
    """Turns for all threads of a process: `burst` at once, `per_second` from then on, none while it is held.

    Within any t seconds it gives at most burst + per_second × t turns (the generic cell rate algorithm, ITU-T I.371).
    """

    def __init__(
        self,
        per_second: float,
        burst: int,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._interval = 1 / per_second
        self._slack = (burst - 1) * self._interval
        self._monotonic = monotonic
        self._sleep = sleep
        self._lock = Lock()
        self._next = monotonic()
        self._held_until = self._next
        self._reason: str | None = None

    def wait(self, deadline: Deadline) -> None:
        """Sleep until it is this caller's turn. Raises TooLate, without sleeping, when that is after the deadline."""
        turn = self._take_turn(deadline)
        while (left := max(turn, self._held_until) - self._monotonic()) > 0:
            if left > deadline.remaining():
                raise TooLate(self._reason)
            self._sleep(left)

    def hold(self, seconds: float, reason: str) -> None:
        """Give no turn for so long; afterwards one by one."""
        with self._lock:
            until = self._monotonic() + seconds
            if until > self._held_until:
                self._held_until, self._reason = until, reason
                self._next = max(self._next, until + self._slack)

    def _take_turn(self, deadline: Deadline) -> float:
        with self._lock:
            now = self._monotonic()
            turn = max(now, self._held_until, self._next - self._slack)
            if turn - now > deadline.remaining():
                raise TooLate(self._reason if self._held_until > now else None)
            self._next = max(self._next, turn) + self._interval
            return turn
