"""A local Bybit whose clock stands at noon, and a market that asks it without long pauses."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

import pytest

from tests.conftest import FixedClock
from tests.exchange.bybit_server import KEY, SECRET, BybitServer, bybit_server
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.bybit_account import BybitAccount
from xfg_pipeline.exchange.bybit_session import Backoff

NOON = datetime(2025, 3, 1, 12, 0, tzinfo=UTC)
AT_ONCE = Backoff(first=0.001, longest=0.002, jitter=0.001)


class PlayedTime:
    """Monotonic time that passes only when somebody sleeps."""

    def __init__(self) -> None:
        self.at = 1000.0
        self.slept: list[float] = []

    def monotonic(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.at += seconds


@pytest.fixture
def noon() -> FixedClock:
    """The time of the exchange and of the machine, both set by hand."""
    return FixedClock(NOON)


@pytest.fixture
def exchange(noon: FixedClock) -> Iterator[BybitServer]:
    """A running exchange."""
    with bybit_server(lambda: noon.now().timestamp()) as server:
        yield server


@pytest.fixture
def played() -> PlayedTime:
    """Time for the pauses that are told to the market."""
    return PlayedTime()


Open = Callable[..., BybitMarket]


@pytest.fixture
def open_market(exchange: BybitServer, noon: FixedClock) -> Open:
    """Opens a market on the local exchange, with other arguments where a test has them."""

    def opened(**arguments: object) -> BybitMarket:
        given: dict[str, object] = {"base_url": exchange.url, "clock": noon, "backoff": AT_ONCE, **arguments}
        return BybitMarket(**given)  # type: ignore[arg-type]

    return opened


@pytest.fixture
def market(open_market: Open) -> BybitMarket:
    """The market on the local exchange."""
    return open_market()


OpenAccount = Callable[..., BybitAccount]


@pytest.fixture
def open_account(exchange: BybitServer, noon: FixedClock, played: PlayedTime) -> OpenAccount:
    """Opens the account on the local exchange; its pauses are played."""

    def opened(**arguments: object) -> BybitAccount:
        given: dict[str, object] = {
            "api_key": KEY,
            "api_secret": SECRET,
            "base_url": exchange.url,
            "clock": noon,
            "backoff": AT_ONCE,
            "monotonic": played.monotonic,
            "sleep": played.sleep,
            **arguments,
        }
        return BybitAccount(**given)  # type: ignore[arg-type]

    return opened


@pytest.fixture
def account(open_account: OpenAccount) -> BybitAccount:
    """The account on the local exchange."""
    return open_account()
