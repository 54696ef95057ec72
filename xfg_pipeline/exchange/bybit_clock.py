"""How far Bybit's clock is ahead of ours."""

from collections.abc import Callable
from datetime import datetime, timedelta

from xfg_pipeline.exchange.bybit_records import ServerTime, read
from xfg_pipeline.exchange.bybit_session import BybitSession
from xfg_pipeline.exchange.pace import Deadline


def clock_skew(session: BybitSession, now: datetime, deadline: Deadline, monotonic: Callable[[], float]) -> timedelta:
    """Bybit's time less `now`, the caller's time at the call, exact to half the time that the answered attempt took.

    Raises MarketUnavailable and MarketMalformed.
    """
    began = monotonic()
    answer = session.get("get_server_time", deadline)
    # Bybit looked at its clock about half an attempt ago; before that a turn was waited for, or the question repeated.
    since = monotonic() - began - answer.took / 2
    told = read(ServerTime, answer.result, "Bybit's time")
    return timedelta(seconds=int(told.time_nano) / 1e9 - now.timestamp() - since)
