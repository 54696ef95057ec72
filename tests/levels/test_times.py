"""How times are written, and which date order and clock a file proves."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.levels.writing import AS_OF, BARS, bar, content_of, csv, level_row, read, refusal
from xfg_pipeline.levels.rules import LevelRules, SourceRule

NEW_YORK = ZoneInfo("America/New_York")


@pytest.mark.parametrize(
    ("stamp", "written"),
    [
        ("20251014 093000", "yyyyMMdd HHmmss"),
        ("20251014 09:30:00", "yyyyMMdd HHmmss"),
        ("14/10/2025 09:30:00", "day first"),
        ("14/10/2025 9:30", "day first"),
        ("14.10.2025 09:30", "day first"),
        ("14-10-2025 09:30:00.000", "day first"),
        ("10/14/2025 09:30:00", "month first"),
        ("10/14/2025 9:30:00 AM", "month first"),
        ("10/14/2025 09:30:00.142", "month first"),
        ("2025-10-14 09:30:00", "ISO"),
        ("2025-10-14T09:30", "ISO"),
        ("2025/10/14 09:30:00,250", "ISO"),
        ("2025-10-14T09:30:00-04:00", "ISO with offset"),
        ("2025-10-14T13:30:00Z", "ISO with offset"),
        ("2025-10-14 13:30:00.123456+0000", "ISO with offset"),
        ("2025-10-14T15:30:00+02:00", "ISO with offset"),
        ("10/14/2025 23:30:00.142+1000", "month first with offset"),
    ],
)
def test_a_time_is_read_in_each_way_of_writing(stamp: str, written: str) -> None:
    export = read(csv([level_row(stamp)]))
    (day,) = export.days
    assert day.row_time is not None
    assert day.row_time.replace(microsecond=0) == datetime(2025, 10, 14, 9, 30, tzinfo=NEW_YORK)
    assert export.written["dates"] == written


def test_an_offset_decides_whatever_zone_is_set() -> None:
    export = read(csv([level_row("2025-10-14T13:30:00Z")]), rules=LevelRules(time_zone="Asia/Tokyo"))
    assert (export.time_zone, str(export.trading_dates[0])) == ("in each time", "2025-10-14")


@pytest.mark.parametrize(
    ("first", "second", "code"),
    [
        ("14/10/2025 09:30:00", "14/10/2025", "mixed_times"),
        ("14/10/2025", "14/10/2025 09:30:00", "mixed_times"),
        ("2025-10-14T09:30:00Z", "2025-10-14T09:35:00", "mixed_times"),
        ("2025-10-14T09:30:00", "2025-10-14T09:35:00Z", "mixed_times"),
        ("14/10/2025 09:30:00", "2025-10-14 09:35:00", "mixed_times"),
        ("14/10/2025 9:30 AM", "14/10/2025 9:35", "mixed_times"),
        ("14/10/2025 09:30:00", "soon", "not_a_time"),
        ("14/10/2025 09:30:00", "", "not_a_time"),
        ("14/10/2025 09:30:00", "14/10/2025 24:00:00", "not_a_time"),
        ("14/10/2025 09:30:00", "14/10/2025 09:60:00", "not_a_time"),
        ("14/10/2025 09:30 AM", "14/10/2025 13:30 AM", "not_a_time"),
        ("20251014 093000", "20250230 093000", "not_a_time"),
        ("2025-10-14", "2025-02-29", "not_a_time"),
        ("14/10/2025 09:30:00", "31/02/2025 09:30:00", "date_order"),
        ("14/10/2025 09:30:00", "10/14/2025 09:30:00", "date_order"),
        ("2025-10-14T09:30:00+04:00", "2025-10-14T09:35:00+99:00", "not_a_time"),
        ("14/10/25 09:30:00", "14/10/25 09:35:00", "not_a_time"),
        ("1760448600", "1760448900", "not_a_time"),
    ],
)
def test_a_time_that_cannot_be_is_refused_with_its_line(first: str, second: str, code: str) -> None:
    (issue,) = refusal(csv([level_row(first), level_row(second)])).issues
    assert issue.code == code
    assert (issue.line, issue.values) in ((2, (first,)), (3, (second,)))
    assert issue.columns == ("Date/Time",)


@pytest.mark.parametrize(
    ("stamps", "order"),
    [
        # A part above 12.
        (["05/06/2025 09:30", "13/06/2025 09:30"], "day first"),
        (["06/05/2025 09:30", "06/13/2025 09:30"], "month first"),
        # The other reading is a weekend: 7 June 2025 is a Saturday, 6 July a Sunday.
        (["06/07/2025 09:30"], "month first" if datetime(2025, 6, 7).weekday() < 5 else ""),
        (["06/08/2025 09:30"], "day first"),
        # The other reading is in the future of the day it is read.
        (["10/12/2026 09:30"], "month first"),
        # The other reading is a Saturday, Christmas, or not in order.
        (["05/05/2025 09:30", "06/05/2025 09:30", "08/05/2025 09:30", "07/05/2025 09:30"], "day first"),
        (["04/09/2025 09:30", "06/05/2025 09:30", "05/08/2025 09:30"], ""),
        (["30/04/2025 09:30", "01/05/2025 09:30"], "day first"),
        (["02/06/2025 09:30", "03/06/2025 09:30", "01/07/2025 09:30"], "day first"),
        (["01/07/2025 09:30", "03/06/2025 09:30", "02/06/2025 09:30"], "day first"),
        # Both readings are one.
        (["05/05/2025 09:30", "06/06/2025 09:30"], "day first"),
    ],
)
def test_the_date_order_is_what_the_file_proves(stamps: list[str], order: str) -> None:
    text = csv([level_row(stamp) for stamp in stamps])
    if order:
        assert read(text).written["dates"] == order
    else:
        (issue,) = refusal(text).issues
        assert (issue.code, issue.line) in (("date_order", 2), ("weekend", 2))


def test_dates_alone_are_proved_by_the_trading_calendar() -> None:
    header = ("Date", "VAH")
    # 7 April is a Monday, 4 July a holiday; 19 June has a part above 12.
    assert read(csv([("07/04/2025", "2.5")], header)).written["dates"] == "day first"
    assert refusal(csv([("05/06/2025", "2.5")], header)).issues[0].code == "date_order"


def test_two_widths_of_dates_are_one_way_of_writing(shared_data: Path) -> None:
    name = "NQ - 30 min - ETH.csv"
    export = read(content_of(shared_data / "futures", name), name)
    assert export.bars is not None
    assert (export.rows, export.bars.interval_minutes, export.written["dates"]) == (56_083, 30, "day first")
    assert export.written["line_end"] == "CRLF"
    times = export.bars.frame["time"]
    assert str(times.iloc[0]) == "2020-06-28 22:00:00+00:00"
    assert str(times.iloc[-1]) == "2025-07-02 07:00:00+00:00"
    local = times.dt.tz_convert("America/New_York")
    assert not (local.dt.hour == 17).any()
    assert export.time_zone == "Asia/Jerusalem"
    assert [issue.code for issue in export.warnings] == ["time_zone_found"]


def test_a_set_order_that_cannot_be_is_refused_at_the_first_such_date() -> None:
    text = csv([level_row("05/06/2025 09:30:00"), level_row("13/06/2025 09:30:00")])
    (issue,) = refusal(text, rules=LevelRules(date_order="month_first")).issues
    assert (issue.code, issue.line) == ("date_order", 3)


def test_the_first_source_that_matches_the_name_sets_order_and_zone() -> None:
    rules = LevelRules(
        sources=(
            SourceRule("nq*", date_order="month_first"),
            SourceRule("es*5 min*", date_order="day_first", time_zone="Europe/Berlin"),
            SourceRule("*", date_order="month_first"),
        )
    )
    text = csv([level_row("05/06/2025 15:30:00")])
    export = read(text, "ES - 5 min.csv", rules)
    assert (str(export.trading_dates[0]), export.time_zone) == ("2025-06-05", "Europe/Berlin")
    assert str(read(text, "NQ.csv", rules).trading_dates[0]) == "2025-05-06"


def _bars(start: str, zone: str, days: int, minutes: int = 30, *, regular: bool = False) -> str:
    """Bars of Globex days by the clock of `zone`, from a New York time on."""
    rows = []
    moment = datetime.fromisoformat(start).replace(tzinfo=NEW_YORK).astimezone(UTC)
    for _ in range(days * 24 * 60 // minutes):
        local = moment.astimezone(NEW_YORK)
        clock = local.hour * 60 + local.minute
        weekend = (
            local.weekday() == 5 or (local.weekday() == 4 and clock >= 1020) or (local.weekday() == 6 and clock < 1080)
        )
        if not weekend and local.hour != 17 and not (regular and not 570 <= clock < 1020):
            rows.append(bar(moment.astimezone(ZoneInfo(zone)).strftime("%Y%m%d %H%M%S")))
        moment += timedelta(minutes=minutes)
    return csv(rows, BARS)


@pytest.mark.parametrize(
    ("zone", "found"),
    [
        ("America/New_York", "America/New_York"),
        ("America/Chicago", "America/Chicago"),
        ("UTC", "UTC"),
        ("Europe/London", "Europe/London"),
        ("Europe/Berlin", "Europe/Berlin"),
        ("Europe/Rome", "Europe/Berlin"),
        ("Europe/Helsinki", "Europe/Athens"),
        ("Asia/Tokyo", "Asia/Tokyo"),
    ],
)
@pytest.mark.parametrize("start", ["2026-03-02T18:00", "2026-10-12T18:00"])
def test_the_daily_halt_shows_the_clock_across_its_changes(zone: str, found: str, start: str) -> None:
    export = read(_bars(start, zone, 30), "ES.csv")
    assert export.time_zone == found
    assert [issue.code for issue in export.warnings] == ([] if found == "America/New_York" else ["time_zone_found"])
    assert export.bars is not None
    assert export.bars.frame["time"].iloc[0].to_pydatetime() == datetime.fromisoformat(start).replace(tzinfo=NEW_YORK)


@pytest.mark.parametrize("zone", ["America/New_York", "America/Chicago", "Europe/Berlin", "UTC"])
def test_regular_hours_start_at_half_past_nine(zone: str) -> None:
    export = read(_bars("2025-10-14T00:00", zone, 3, regular=True), "ESZ5 - 30 min - RTH.csv")
    assert export.time_zone == zone
    assert export.bars is not None
    assert str(export.bars.frame["time"].iloc[0]) == "2025-10-14 13:30:00+00:00"


def test_a_short_regular_day_of_another_clock_is_found_by_its_start() -> None:
    rows = [bar(f"20251014 {hour:02d}3000") for hour in range(8, 15)]
    assert read(csv(rows, BARS), "ES - 60 min - RTH.csv").time_zone == "America/Chicago"
    later = [bar(f"20251014 {hour:02d}3000") for hour in range(10, 15)]
    export = read(csv(later, BARS), "ES - 60 min - RTH.csv")
    assert (export.time_zone, [issue.code for issue in export.warnings]) == ("America/New_York", ["late_start"])


def test_regular_days_that_all_start_an_hour_late_are_of_another_clock() -> None:
    rows = [bar(f"202510{day} {hour}3000") for day in (14, 15, 16) for hour in range(10, 16)]
    assert read(csv(rows, BARS), "ES - 60 min - RTH.csv").time_zone == "America/Sao_Paulo"


def test_a_clock_that_several_zones_fit_is_refused_with_the_remedy() -> None:
    rows = [bar(f"20251014 17{minute:02d}00") for minute in (0, 5, 10)]
    (issue,) = refusal(csv(rows, BARS), "ES.csv").issues
    assert (issue.code, issue.line) == ("time_zone", 2)
    assert "several" in issue.message
    assert "time_zone" in issue.remedy
    assert read(csv(rows, BARS), "ES.csv", LevelRules(time_zone="America/Chicago")).time_zone == "America/Chicago"


def test_a_set_zone_that_contradicts_the_trading_hours_is_refused() -> None:
    text = _bars("2025-10-13T18:00", "Europe/Berlin", 3)
    (issue,) = refusal(text, "ES.csv", LevelRules(time_zone="America/Chicago")).issues
    assert issue.code == "time_zone"
    assert "Europe/Berlin" in issue.remedy
    assert read(text, "ES.csv", LevelRules(time_zone="Europe/Rome")).time_zone == "Europe/Rome"


def test_a_stray_bar_in_the_halt_is_a_warning() -> None:
    text = _bars("2025-10-13T18:00", "America/New_York", 3, 5) + ",".join(bar("20251015 170000")) + "\n"
    export = read(text, "ES.csv")
    assert export.time_zone == "America/New_York"
    assert [issue.code for issue in export.warnings] == ["bar_in_closed_hours"]


def test_as_of_must_have_a_zone() -> None:
    with pytest.raises(ValueError, match="time zone"):
        read(csv([level_row("14/10/2025 09:30:00")]), as_of=AS_OF.replace(tzinfo=None))
