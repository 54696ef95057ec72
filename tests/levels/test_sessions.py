"""When a trading day starts, ends, and what it is called."""

from datetime import UTC, date, datetime, timedelta

import pytest

from xfg_pipeline.levels import sessions
from xfg_pipeline.levels.sessions import NEW_YORK, OutsideCalendar

FIRST_SESSIONS_OF_2025 = {"2025-01-21", "2025-02-18", "2025-05-27", "2025-09-02"}


def _day(text: str) -> date:
    return date.fromisoformat(text)


def _at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=NEW_YORK)


def test_the_first_session_of_a_week_is_a_tuesday_four_times_in_2025() -> None:
    days = sessions.sessions(_day("2025-01-06"), _day("2025-12-28"))
    firsts = {str(day) for day in days if sessions.is_first_session_of_week(day)}
    assert {day for day in firsts if _day(day).weekday() != 0} == FIRST_SESSIONS_OF_2025
    assert len(firsts) == 51


@pytest.mark.parametrize(
    ("day", "first"),
    [
        ("2026-01-19", "2026-01-20"),
        ("2026-01-23", "2026-01-20"),
        ("2026-05-25", "2026-05-26"),
        ("2025-10-15", "2025-10-13"),
        ("2025-10-19", "2025-10-13"),
        ("2026-01-01", "2025-12-29"),
        ("2010-01-01", "2010-01-04"),
    ],
)
def test_the_weekly_pivot_is_due_on_the_first_session_of_the_iso_week(day: str, first: str) -> None:
    assert sessions.first_session_of_week(_day(day)) == _day(first)
    assert sessions.is_first_session_of_week(_day(first))


@pytest.mark.parametrize("day", ["2026-01-19", "2026-05-25", "2025-01-09", "2025-04-18", "2025-12-25", "2025-10-18"])
def test_holidays_and_weekends_are_no_sessions(day: str) -> None:
    assert not sessions.is_session(_day(day))
    assert not sessions.is_first_session_of_week(_day(day))
    with pytest.raises(OutsideCalendar):
        sessions.regular_hours(_day(day))


def test_holidays_are_the_weekdays_without_a_session() -> None:
    assert [str(day) for day in sessions.holidays(_day("2025-01-01"), _day("2025-06-30"))] == [
        "2025-01-01", "2025-01-09", "2025-01-20", "2025-02-17", "2025-04-18", "2025-05-26", "2025-06-19",
    ]  # fmt: skip


def test_thirty_years_hold_about_nine_holidays_a_year() -> None:
    sessions.is_session(_day("2025-01-02"))
    days = sessions.holidays(date(2010, 1, 1), date(2040, 12, 31))
    assert 270 < len(days) < 320


def test_sessions_walk_over_weekends_and_holidays() -> None:
    assert sessions.previous_session(_day("2025-01-21")) == _day("2025-01-17")
    assert sessions.next_session(_day("2025-01-17")) == _day("2025-01-21")
    assert sessions.next_session(_day("2025-01-18")) == _day("2025-01-21")
    assert sessions.previous_session(date(2010, 1, 4)) == date(2009, 12, 31)
    assert sessions.next_session(date(2040, 12, 31)) == date(2041, 1, 2)


@pytest.mark.parametrize("day", [date(1999, 1, 4), date(2041, 6, 3), date.min, date.max])
def test_what_no_calendar_covers_is_said(day: date) -> None:
    assert not sessions.is_session(day)
    assert not sessions.is_first_session_of_week(day)
    for walk in (sessions.previous_session, sessions.next_session, sessions.first_session_of_week):
        with pytest.raises(OutsideCalendar, match="2010-01-01 to 2040-12-31"):
            walk(day)


@pytest.mark.parametrize(
    ("moment", "day"),
    [
        ("2025-10-13T17:59:59", "2025-10-13"),
        ("2025-10-13T18:00:00", "2025-10-14"),
        ("2025-10-14T09:30:00", "2025-10-14"),
        ("2025-10-12T18:00:00", "2025-10-13"),
        ("2025-10-17T18:30:00", "2025-10-18"),
        ("2026-03-08T18:00:00", "2026-03-09"),
        ("2026-03-08T17:59:59", "2026-03-08"),
        ("2026-11-01T18:00:00", "2026-11-02"),
        ("2026-11-01T17:59:59", "2026-11-01"),
    ],
)
def test_a_trading_date_rolls_over_at_18_new_york_time(moment: str, day: str) -> None:
    assert sessions.trading_date_of(_at(moment)) == _day(day)
    assert sessions.trading_date_of(_at(moment).astimezone(UTC)) == _day(day)


def test_every_hour_of_the_days_when_clocks_change_has_its_trading_date() -> None:
    for start in (datetime(2026, 3, 7, tzinfo=UTC), datetime(2026, 10, 31, tzinfo=UTC)):
        for hours in range(72):
            moment = start + timedelta(hours=hours)
            local = moment.astimezone(NEW_YORK)
            want = local.date() + timedelta(days=1 if local.hour >= 18 else 0)
            assert sessions.trading_date_of(moment) == want


def test_a_moment_without_a_zone_is_no_moment() -> None:
    with pytest.raises(ValueError, match="no time zone"):
        sessions.trading_date_of(datetime(2025, 10, 14, 9, 30))


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2025-10-14T08:00:00", "2025-10-14"),
        ("2025-10-14T18:00:00", "2025-10-15"),
        ("2025-10-17T18:00:00", "2025-10-20"),
        ("2025-10-19T12:00:00", "2025-10-20"),
        ("2026-01-18T20:00:00", "2026-01-20"),
        ("2026-01-19T12:00:00", "2026-01-20"),
    ],
)
def test_the_current_trading_date_is_a_session(now: str, day: str) -> None:
    assert sessions.current_trading_date(_at(now)) == _day(day)


@pytest.mark.parametrize(
    ("day", "opens", "closes"),
    [
        ("2025-10-14", "2025-10-14T13:30Z", "2025-10-14T20:00Z"),
        ("2025-11-28", "2025-11-28T14:30Z", "2025-11-28T18:00Z"),
        ("2026-03-06", "2026-03-06T14:30Z", "2026-03-06T21:00Z"),
        ("2026-03-09", "2026-03-09T13:30Z", "2026-03-09T20:00Z"),
        ("2026-10-30", "2026-10-30T13:30Z", "2026-10-30T20:00Z"),
        ("2026-11-02", "2026-11-02T14:30Z", "2026-11-02T21:00Z"),
    ],
)
def test_regular_hours_follow_new_york_and_its_half_days(day: str, opens: str, closes: str) -> None:
    assert sessions.regular_hours(_day(day)) == (datetime.fromisoformat(opens), datetime.fromisoformat(closes))


def test_the_overnight_runs_from_18_of_the_evening_before() -> None:
    start, end = sessions.overnight(_day("2026-03-09"))
    assert (start, end) == (_at("2026-03-08T18:00"), _at("2026-03-09T09:30"))
    assert end.astimezone(UTC) - start.astimezone(UTC) == timedelta(hours=15, minutes=30)
    # After a Monday holiday the overnight of Tuesday starts on Monday evening.
    assert sessions.overnight(_day("2025-01-21"))[0] == _at("2025-01-20T18:00")


@pytest.mark.parametrize(
    ("day", "closes"),
    [
        ("2025-01-09", "09:30"),
        ("2025-01-20", "13:00"),
        ("2025-07-03", "13:15"),
        ("2025-07-04", "13:00"),
        ("2025-11-28", "13:15"),
        ("2025-12-24", "13:15"),
        ("2025-10-14", "17:00"),
        ("2021-04-02", "09:15"),
        ("2023-04-07", "09:15"),
        ("2026-04-03", "09:15"),
        ("2022-04-15", None),
        ("2024-03-29", None),
        ("2025-04-18", None),
        ("2027-03-26", None),
        ("2025-12-25", None),
    ],
)
def test_globex_closes_as_its_bars_show(day: str, closes: str | None) -> None:
    hours = sessions.globex_hours(_day(day))
    assert (hours[1].strftime("%H:%M") if hours else None) == closes


@pytest.mark.parametrize(
    ("moment", "closed"),
    [
        ("2025-10-14T16:59:59", False),
        ("2025-10-14T17:00:00", True),
        ("2025-10-14T18:00:00", False),
        ("2025-10-17T18:00:00", True),
        ("2025-10-18T12:00:00", True),
        ("2025-10-19T17:59:00", True),
        ("2025-10-19T18:00:00", False),
        ("2025-04-18T08:00:00", True),
        ("2025-01-09T10:00:00", True),
        ("2025-01-20T13:00:00", True),
        ("2025-01-20T12:59:00", False),
    ],
)
def test_no_bar_can_start_while_globex_is_closed(moment: str, closed: bool) -> None:
    assert sessions.globex_closed(_at(moment)) is closed
