"""How often an exchange is asked."""

from concurrent.futures import ThreadPoolExecutor
from threading import Lock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.exchange.conftest import PlayedTime
from xfg_pipeline.exchange.bybit_session import BURST, PER_SECOND
from xfg_pipeline.exchange.pace import Deadline, Pace, TooLate


def paced(time: PlayedTime, per_second: float = 40, burst: int = 5) -> Pace:
    return Pace(per_second, burst, monotonic=time.monotonic, sleep=time.sleep)


@given(
    pauses=st.lists(st.floats(0, 0.5), min_size=1, max_size=60), per_second=st.integers(1, 50), burst=st.integers(1, 9)
)
def test_no_stretch_of_time_has_more_turns_than_the_burst_and_the_pace_allow(
    pauses: list[float], per_second: int, burst: int
) -> None:
    time = PlayedTime()
    pace = paced(time, per_second, burst)
    turns = []
    for pause in pauses:
        time.at += pause
        pace.wait(Deadline(1000, time.monotonic))
        turns.append(time.at)
    for first in range(len(turns)):
        for last in range(first, len(turns)):
            assert last - first + 1 <= burst + per_second * (turns[last] - turns[first]) + 1e-6


def test_the_burst_comes_at_once_and_the_rest_evenly() -> None:
    time = PlayedTime()
    pace = paced(time, per_second=10, burst=3)
    for _ in range(6):
        pace.wait(Deadline(60, time.monotonic))
    assert time.slept == pytest.approx([0.1, 0.1, 0.1])


def test_two_processes_at_full_pace_stay_below_what_bybit_allows_an_address() -> None:
    assert 2 * (BURST + 5 * PER_SECOND) < 600


def test_a_turn_after_the_deadline_is_refused_without_sleeping_and_takes_no_place() -> None:
    time = PlayedTime()
    pace = paced(time, per_second=1, burst=1)
    pace.wait(Deadline(60, time.monotonic))
    for _ in range(3):
        with pytest.raises(TooLate, match="too many calls are waiting"):
            pace.wait(Deadline(0.5, time.monotonic))
    assert time.slept == []
    pace.wait(Deadline(60, time.monotonic))
    assert time.slept == pytest.approx([1.0])


def test_a_hold_keeps_everybody_for_so_long_and_says_why() -> None:
    time = PlayedTime()
    pace = paced(time, per_second=10, burst=3)
    pace.hold(8, "told to wait")
    with pytest.raises(TooLate, match="told to wait"):
        pace.wait(Deadline(5, time.monotonic))
    for _ in range(3):
        pace.wait(Deadline(60, time.monotonic))
    assert time.slept == pytest.approx([8.0, 0.1, 0.1]), "after a hold there is no burst"


def test_a_shorter_hold_does_not_end_a_longer_one() -> None:
    time = PlayedTime()
    pace = paced(time)
    pace.hold(8, "long")
    pace.hold(1, "short")
    with pytest.raises(TooLate, match="long"):
        pace.wait(Deadline(5, time.monotonic))
    pace.wait(Deadline(60, time.monotonic))
    assert time.at == pytest.approx(1008)


def test_threads_share_one_pace() -> None:
    time = PlayedTime()
    lock = Lock()
    turns: list[float] = []
    pace = paced(time, per_second=10, burst=2)

    def ask(_: int) -> None:
        pace.wait(Deadline(60, time.monotonic))
        with lock:
            turns.append(time.at)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(ask, range(32)))
    # 2 at once and 30 more at 10 a second: the last turn is not before three seconds have passed.
    assert max(turns) >= 1002.9
