"""Passwords: argon2id hashes, equally slow for users that do not exist, and a limit on wrong guesses."""

from __future__ import annotations

import math
import threading
import time

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from limits import RateLimitItem, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

MAX_USERNAME, MAX_PASSWORD = 128, 1024
GUESSES_PER_USER = RateLimitItemPerMinute(5, 15, namespace="user")
GUESSES_PER_IP = RateLimitItemPerMinute(10, 1, namespace="ip")

_hasher = PasswordHasher()  # argon2id, RFC 9106 low-memory profile: about 100 ms here
# A well-formed hash with the same cost as a real one, of a password that nobody knows.
_NOBODY = "$argon2id$v=19$m=65536,t=3,p=4$bm9ib2R5bm9ib2R5bm9ibw$VK3NHIV4hzyDvj3wFnGQO0hX2nMKfFlQb6Zt3bS0nXk"


def hash_password(password: str) -> str:
    return _hasher.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Verify; None (no such user) costs as much time as a wrong password and is always False."""
    try:
        matches = _hasher.verify(password_hash or _NOBODY, password)
    except (VerificationError, InvalidHashError, UnicodeEncodeError):
        return False
    return matches and password_hash is not None


class Guesses:
    """Counts failures only, per user and per address, in a moving window kept in memory."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        # Guesses are judged one after another: twenty at once must not all pass before the first one counts.
        self.turn = threading.Lock()

    def wait_seconds(self, username: str | None, ip: str) -> int | None:
        """Seconds until another guess is allowed, or None when it is allowed now."""
        waits = [
            self._limiter.get_window_stats(item, key).reset_time - time.time()
            for item, key in self._keys(username, ip)
            if not self._limiter.test(item, key)
        ]
        return max(1, math.ceil(max(waits))) if waits else None

    def failed(self, username: str | None, ip: str) -> None:
        for item, key in self._keys(username, ip):
            self._limiter.hit(item, key)

    def forget(self, username: str) -> None:
        """After a right password: earlier slips of that user no longer count."""
        self._limiter.clear(GUESSES_PER_USER, username)

    @staticmethod
    def _keys(username: str | None, ip: str) -> list[tuple[RateLimitItem, str]]:
        keys: list[tuple[RateLimitItem, str]] = [(GUESSES_PER_IP, ip)]
        if username is not None:
            keys.append((GUESSES_PER_USER, username))
        return keys
