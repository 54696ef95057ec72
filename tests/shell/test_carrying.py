"""Which work needs a run: decided from values, without Dagster."""

from datetime import UTC, date, datetime, timedelta

from xfg_pipeline.sensors.carrying import (
    FIRST_PAUSE,
    LOST_AFTER,
    NEAR,
    QUICK_ATTEMPTS,
    SLOW_PAUSE,
    Asked,
    Decision,
    RunState,
    Work,
    decide,
    from_cursor,
    to_cursor,
)

NOW = datetime(2025, 10, 16, 14, 0, tzinfo=UTC)
MONDAY, TUESDAY, FRIDAY = date(2025, 10, 13), date(2025, 10, 14), date(2025, 10, 17)
WORK = Work("1", TUESDAY, TUESDAY)


def decided(work: list[Work], asked: dict[str, Asked], state: RunState, now: datetime = NOW) -> Decision:
    return decide("inbox", work, asked, lambda _: state, now)


def test_new_work_is_asked_for_once() -> None:
    first = decided([WORK], {}, RunState.UNKNOWN)
    assert [(request.start, request.end, request.work) for request in first.requests] == [(TUESDAY, TUESDAY, ("1",))]
    second = decided([WORK], first.asked, RunState.GOING)
    assert second.requests == ()
    assert second.asked == first.asked


def test_days_that_are_near_share_a_run_and_others_do_not() -> None:
    far = FRIDAY + NEAR + timedelta(days=1)
    work = [Work("1", MONDAY, TUESDAY), Work("2", FRIDAY, FRIDAY), Work("3", far, far)]
    requests = decided(work, {}, RunState.UNKNOWN).requests
    assert [(request.start, request.end, sorted(request.work)) for request in requests] == [
        (MONDAY, FRIDAY, ["1", "2"]),
        (far, far, ["3"]),
    ]
    assert len({request.run_key for request in requests}) == 2


def test_two_sensors_never_share_a_run_key() -> None:
    keys = {decide(name, [WORK], {}, lambda _: RunState.UNKNOWN, NOW).requests[0].run_key for name in ("a", "b")}
    assert len(keys) == 2


def test_a_failed_run_is_asked_for_again_under_another_key_and_later_each_time() -> None:
    asked, keys, now = decided([WORK], {}, RunState.UNKNOWN).asked, set(), NOW
    for attempt in range(1, QUICK_ATTEMPTS):
        keys.add(asked["1"].run_key)
        pause = FIRST_PAUSE * 2 ** (attempt - 1)
        assert decided([WORK], asked, RunState.FAILED, now + pause - timedelta(seconds=1)).requests == ()
        now += pause
        decision = decided([WORK], asked, RunState.FAILED, now)
        assert (len(decision.requests), decision.troubled) == (1, ())
        asked = decision.asked
        assert asked["1"].attempt == attempt + 1
    keys.add(asked["1"].run_key)
    assert len(keys) == QUICK_ATTEMPTS


def test_work_that_fails_again_and_again_is_named_and_tried_at_a_slow_pace() -> None:
    asked = {"1": Asked("key", QUICK_ATTEMPTS, NOW)}
    soon = decided([WORK], asked, RunState.FAILED, NOW + SLOW_PAUSE - timedelta(seconds=1))
    assert (soon.requests, soon.troubled) == ((), ("1",))
    later = decided([WORK], asked, RunState.FAILED, NOW + SLOW_PAUSE)
    assert (len(later.requests), later.troubled) == (1, ("1",))


def test_a_run_that_was_lost_is_asked_for_again() -> None:
    asked = decided([WORK], {}, RunState.UNKNOWN).asked
    assert decided([WORK], asked, RunState.UNKNOWN, NOW + LOST_AFTER - timedelta(seconds=1)).requests == ()
    assert len(decided([WORK], asked, RunState.UNKNOWN, NOW + LOST_AFTER).requests) == 1


def test_work_that_met_its_run_half_way_gets_another_at_once() -> None:
    asked = decided([WORK], {}, RunState.UNKNOWN).asked
    assert len(decided([WORK], asked, RunState.ENDED_WELL).requests) == 1


def test_work_that_is_done_is_forgotten() -> None:
    asked = decided([WORK], {}, RunState.UNKNOWN).asked
    assert decided([], asked, RunState.ENDED_WELL).asked == {}


def test_the_cursor_keeps_what_was_asked() -> None:
    asked = decided([WORK], {}, RunState.UNKNOWN).asked
    assert from_cursor(to_cursor(asked)) == asked
    assert from_cursor(None) == {}
