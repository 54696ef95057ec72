"""One question to Bybit and its answer: paced, retried, given up in time, and never another error than the market's.

pybit is kept from retrying and sleeping by itself: it waits where it should not (10006), and not where it should (502).
"""

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import stamina
from pybit.unified_trading import HTTP
from stamina.instrumentation import RetryDetails, set_on_retry_hooks

from xfg_pipeline.clock import Clock
from xfg_pipeline.exchange.bybit_errors import BybitUnavailable, explain
from xfg_pipeline.exchange.bybit_records import Envelope, read
from xfg_pipeline.exchange.bybit_wire import BoundedSession
from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.exchange.pace import Deadline, Pace, TooLate

# Bybit allows an address 600 requests in 5 s. Two processes at this pace stay below it: 2 × (50 + 5 × 40) = 500;
# the account's sessions leave room for themselves (see `bybit_account`).
PER_SECOND = 40
BURST = 50
ATTEMPTS = 6
# pybit takes an empty set of codes to retry for its default; no answer has this code.
NO_CODE = -1

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Backoff:
    """Seconds between attempts: doubling from the first to the longest, with up to `jitter` added."""

    first: float = 0.25
    longest: float = 3.0
    jitter: float = 0.25


@dataclass(frozen=True)
class Keys:
    """What private questions are signed with; never printed."""

    key: str = field(repr=False)
    secret: str = field(repr=False)


@dataclass(frozen=True)
class Answer:
    """What Bybit answered: `result` as it came, and by Bybit's clock when, in seconds since 1970.

    `took` is how many seconds the attempt took that was answered, without what was waited for before it.
    """

    result: dict[str, Any]
    time: int
    took: float


class _Http(HTTP):  # type: ignore[misc]
    """pybit's session, whose own repr prints the secret."""

    def __repr__(self) -> str:
        return "HTTP()"


class BybitSession:
    """Questions to one Bybit host, from any number of threads; public ones where it has no keys."""

    def __init__(
        self,
        clock: Clock,
        *,
        testnet: bool,
        demo: bool,
        base_url: str | None,
        timeout: float,
        backoff: Backoff,
        keys: Keys | None = None,
        per_second: float = PER_SECOND,
        burst: int = BURST,
        monotonic: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clock = clock
        self._backoff = backoff
        self._monotonic = monotonic
        self._pace = Pace(per_second, burst, monotonic=monotonic, sleep=sleep)
        self._http = _without_own_handler(
            lambda: _Http(
                testnet=testnet,
                demo=demo,
                api_key=keys.key if keys else None,
                api_secret=keys.secret if keys else None,
                timeout=timeout,
                max_retries=1,
                retry_codes={NO_CODE},
            )
        )
        self._client = BoundedSession()
        self._client.headers.update(self._http.client.headers)
        self._http.client.close()
        self._http.client = self._client
        if base_url is not None:
            self._http.endpoint = base_url.rstrip("/")
        # Its default prints to standard output where structlog is installed.
        set_on_retry_hooks([_tell])

    def get(self, call: str, deadline: Deadline, **query: str | int) -> Answer:
        """Ask by pybit's method `call`. Raises MarketUnavailable or MarketMalformed.

        What passes by itself is asked again, while the deadline leaves time for the longest pause and the answer.
        """

        def again(error: Exception) -> bool:
            if not isinstance(error, BybitUnavailable) or not error.again:
                return False
            return max(error.hold, self._backoff.longest) < deadline.remaining()

        for attempt in stamina.retry_context(
            on=again,
            attempts=ATTEMPTS,
            timeout=None,
            wait_initial=self._backoff.first,
            wait_max=self._backoff.longest,
            wait_jitter=self._backoff.jitter,
        ):
            with attempt:
                return self._once(call, deadline, query, explain)
        raise AssertionError("the last attempt returns or raises")

    def post(
        self,
        call: str,
        deadline: Deadline,
        explained: Callable[[Exception, datetime], MarketError],
        **body: str | int | bool,
    ) -> Answer:
        """Send by pybit's method `call`, once, whatever comes of it.

        Raises what `explained` makes of a failure, MarketMalformed for an answer that is none, and BybitUnavailable
        when its turn did not come before the deadline: then it was not sent.
        """
        return self._once(call, deadline, body, explained)

    def _once(
        self,
        call: str,
        deadline: Deadline,
        query: Mapping[str, str | int | bool],
        explained: Callable[[Exception, datetime], MarketError],
    ) -> Answer:
        try:
            self._pace.wait(deadline)
        except TooLate as late:
            raise BybitUnavailable(f"not asked: {late}") from None
        began = self._monotonic()
        try:
            with self._client.within(deadline):
                body = getattr(self._http, call)(**query)
        except Exception as error:  # noqa: BLE001 (pybit lets through whatever it trips over)
            failure = explained(error, self._clock.now())
        else:
            took = self._monotonic() - began
            envelope = read(Envelope, body, "Bybit's answer")
            return Answer(envelope.result, envelope.time // 1000, took)
        if isinstance(failure, BybitUnavailable) and failure.hold:
            self._pace.hold(failure.hold, str(failure))
        # Not within the except block: pybit's error holds the request, and Bybit's words about the key.
        raise failure


def _without_own_handler(make: Callable[[], HTTP]) -> HTTP:
    """A pybit session that has not added a handler to its logger, as it does while the root logger has none."""
    logger = logging.getLogger("pybit._http_manager")
    # At DEBUG it logs whole answers, and a gateway's may repeat the key.
    logger.setLevel(logging.WARNING)
    before = list(logger.handlers)
    session = make()
    for handler in [one for one in logger.handlers if one not in before]:
        logger.removeHandler(handler)
    return session


def _tell(details: RetryDetails) -> None:
    log.warning("attempt %d failed, the next is in %.1f s: %s", details.retry_num, details.wait_for, details.caused_by)
