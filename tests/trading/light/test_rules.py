"""The thresholds at their boundaries, for the light as it is written."""

from dataclasses import replace
from decimal import Decimal

import pytest

from tests.trading.light.situations import CALM, health, metrics, record, regime
from xfg_pipeline.trading.light.decide import decide, judge
from xfg_pipeline.trading.light.facts import Decision, Health, Reading, Regime, Thresholds
from xfg_pipeline.trading.light.rules import ACKNOWLEDGEABLE, RULES
from xfg_pipeline.trading.metrics.metric import Metrics

LITERAL = Thresholds()


def light(
    facts: Metrics | None = None, parts: Health | None = None, market: Regime = CALM, asked: Thresholds = LITERAL
) -> Decision:
    return decide(facts or metrics(), parts or health(), market, asked)


def test_everything_well_is_green_at_full_size_and_names_no_rule() -> None:
    decision = light()
    assert (decision.status, decision.multiplier, decision.triggers, decision.triggered_by) == (
        "green", Decimal(1), (), None,
    )  # fmt: skip
    assert "20 of the last 20 trades won" in decision.message


@pytest.mark.parametrize(
    ("wins", "status", "multiplier"),
    [(12, "red", "0"), (13, "yellow", "0.5"), (14, "green", "1"), (0, "red", "0"), (20, "green", "1")],
)
def test_the_win_rate_of_twenty_is_red_below_65_percent_and_yellow_below_70(
    wins: int, status: str, multiplier: str
) -> None:
    decision = light(metrics(record(wins)))
    assert (decision.status, decision.multiplier) == (status, Decimal(multiplier))


def test_a_win_rate_on_an_odd_threshold_is_compared_exactly() -> None:
    a_third_less = replace(LITERAL, red_wr_threshold=Decimal("0.35"), yellow_wr_threshold=Decimal("0.35"))
    # 7 of 20 is 0.35; in binary floats 0.35 * 20 is 7 by luck, and 0.55 * 20 is 11.000000000000002.
    assert light(metrics(record(7)), asked=a_third_less).status == "green"
    more = replace(LITERAL, red_wr_threshold=Decimal("0.55"), yellow_wr_threshold=Decimal("0.55"))
    assert light(metrics(record(11)), asked=more).status == "green"
    assert light(metrics(record(10)), asked=more).status == "red"


@pytest.mark.parametrize(
    ("n", "most"),
    [(3, 0), (4, 0), (5, 0), (6, 1), (7, 1), (8, 2), (9, 2), (10, 3), (11, 3), (12, 4), (13, 5), (14, 5), (15, 6),
     (16, 6), (17, 7), (18, 7), (19, 8)],
)  # fmt: skip
def test_with_fewer_than_twenty_trades_it_is_yellow_and_red_from_the_table_of_early_reds(n: int, most: int) -> None:
    asked = replace(LITERAL, red_consecutive_losses=99)
    early, warming = light(metrics(record(most, n)), asked=asked), light(metrics(record(most + 1, n)), asked=asked)
    assert (early.status, warming.status) == ("red", "yellow")
    assert warming.message.startswith(f"warming up {n} of 20: ")


@pytest.mark.parametrize("n", [0, 1, 2])
def test_one_or_two_trades_prove_nothing(n: int) -> None:
    decision = light(metrics([False] * n))
    assert (decision.status, decision.triggered_by) == ("yellow", "win_rate")
    assert f"warming up {n} of 20" in decision.message


@pytest.mark.parametrize(("losses", "status"), [(3, "green"), (4, "yellow"), (5, "red"), (6, "red")])
def test_four_losses_in_a_row_are_yellow_and_five_red(losses: int, status: str) -> None:
    assert light(metrics(streak=losses)).status == status


def test_where_one_loss_is_red_none_is_green() -> None:
    asked = replace(LITERAL, red_consecutive_losses=1)
    assert light(metrics(streak=0), asked=asked).status == "green"
    assert light(metrics(streak=1), asked=asked).status == "red"


@pytest.mark.parametrize(
    ("share", "status"),
    [
        ("0.05", "green"), ("0", "green"), ("-0.029999999", "green"), ("-0.03", "yellow"), ("-0.04", "yellow"),
        ("-0.040000001", "red"), ("-0.5", "red"), (None, "red"),
    ],
)  # fmt: skip
def test_a_loss_of_the_day_is_yellow_from_3_percent_and_red_above_4_and_unknown_is_red(
    share: str | None, status: str
) -> None:
    assert light(metrics(daily=share)).status == status


@pytest.mark.parametrize(
    ("ece", "status"),
    [("0.059999999", "green"), ("0.06", "yellow"), ("0.08", "yellow"), ("0.080000001", "red"), ("0.575", "red")],
)
def test_a_calibration_error_is_yellow_from_6_percent_and_red_above_8(ece: str, status: str) -> None:
    assert light(metrics(ece=ece)).status == status


def test_too_few_forecasts_say_nothing_and_a_full_sample_without_a_value_is_yellow() -> None:
    assert light(metrics(ece=None, forecasts=49)).status == "green"
    assert light(metrics(ece="0.3", forecasts=49)).status == "green"
    assert light(metrics(ece=None, forecasts=50)).status == "yellow"


def test_between_50_and_200_forecasts_red_must_be_beyond_what_luck_brings() -> None:
    lucky = [(0.8, True)] * 35 + [(0.8, False)] * 15  # ECE 0.10, about one time in thirteen with a calibrated model
    beyond = [(0.8, True)] * 28 + [(0.8, False)] * 22
    assert light(metrics(ece="0.1", forecasts=lucky)).status == "yellow"
    assert light(metrics(ece="0.24", forecasts=beyond)).status == "red"
    naive = replace(LITERAL, ece_gate=None)
    assert light(metrics(ece="0.1", forecasts=lucky), asked=naive).status == "red"
    assert light(metrics(ece="0.1", forecasts=lucky * 4)).status == "red"


def test_one_failing_signal_type_is_yellow_and_two_are_red() -> None:
    one = {"breakout": (12, 20), "mean_reversion": (13, 20), "trend_following": (0, 19)}
    assert light(metrics(types=one)).status == "yellow"
    two = one | {"trend_following": (12, 20)}
    decision = light(metrics(types=two))
    assert (decision.status, decision.triggered_by) == ("red", "signal_types")
    assert "breakout (12 of 20) and trend_following (12 of 20)" in decision.message


@pytest.mark.parametrize(
    ("ratios", "status"),
    [
        (("5", "5", "5"), "green"), (("5.0000000001",) * 3, "green"), (("5.1",) * 3, "red"),
        (("1", "1", "5.1"), "yellow"), (("1", "5.1", "5.1"), "red"), (("1", None), "yellow"), ((), "yellow"),
        ((None, None), "yellow"),
        (("5.1", None), "red"), (("4", "6"), "yellow"), (("4", "6.1"), "red"),
    ],
)  # fmt: skip
def test_volatility_is_red_by_the_median_of_coins_above_five_times_normal(ratios: tuple[str], status: str) -> None:
    assert light(market=regime(*ratios)).status == status


def test_a_coin_whose_candles_are_too_old_is_red_and_named() -> None:
    decision = light(market=regime("1", "1", stale=("C1",)))
    assert (decision.status, decision.triggered_by) == ("red", "health_candles")
    assert "C1" in decision.message


@pytest.mark.parametrize("part", ["market", "candles", "account", "models", "clock", "database", "daemon"])
def test_a_failed_part_is_red_and_an_unknown_degraded_or_missing_one_is_yellow(part: str) -> None:
    failed = light(parts=health(**{part: "failed"}))
    assert (failed.status, failed.multiplier, failed.triggered_by) == ("red", Decimal(0), f"health_{part}")
    for state in ("unknown", "degraded"):
        assert light(parts=health(**{part: state})).status == "yellow"
    without = tuple(reading for reading in health().readings if reading.part != part)
    assert light(parts=Health(without)).status == "yellow"
    others = tuple(name for name in health().parts if name != part)
    assert light(parts=Health(without, others)).status == "green"


def test_a_part_that_the_table_does_not_know_is_read_all_the_same() -> None:
    readings = (*health().readings, Reading("disk", "failed", "it is full"))
    decision = light(parts=Health(readings))
    assert (decision.status, decision.triggered_by) == ("red", "health_disk")


def test_of_two_readings_of_a_part_the_worse_one_counts() -> None:
    readings = (
        *health().readings,
        Reading("candles", "failed", "BTC is old"),
        Reading("candles", "ok", "ETH is fresh"),
    )
    assert light(parts=Health(readings)).status == "red"


def test_the_worst_rule_wins_and_all_others_are_listed_after_it() -> None:
    decision = light(
        metrics(record(13), streak=5, daily="-0.035", types={"breakout": (1, 20)}), health(clock="unknown")
    )
    assert [trigger.rule for trigger in decision.triggers] == [
        "consecutive_losses", "health_clock", "daily_loss", "win_rate", "signal_types",
    ]  # fmt: skip
    assert decision.message.endswith("(also health_clock, daily_loss, win_rate, signal_types)")


def test_a_trigger_has_value_threshold_sample_interval_and_chance() -> None:
    (trigger,) = light(metrics(record(12))).triggers
    assert (trigger.value, trigger.threshold, trigger.n) == (Decimal("0.6"), Decimal("0.65"), 20)
    assert trigger.interval == (Decimal("0.386581501"), Decimal("0.781193468"))
    assert trigger.chance == Decimal("0.227728203")
    assert trigger.message == (
        "12 of the last 20 trades won: 60 % (95 % interval 38.7 to 78.1 %), below 65 %; "
        "at 70 % luck alone is this bad 22.8 % of the time"
    )


def test_every_rule_of_the_table_speaks_and_only_performance_and_a_pause_can_be_acknowledged() -> None:
    said = judge(metrics(), health(), CALM, LITERAL)
    assert [trigger.rule for trigger in said] == [rule.name for rule in RULES]
    assert frozenset({"win_rate", "consecutive_losses", "calibration", "signal_types", "paused"}) == ACKNOWLEDGEABLE
    assert all(rule.reads and rule.red and rule.yellow for rule in RULES)


def test_metrics_that_were_never_computed_are_not_green() -> None:
    nothing = Metrics(metrics().at, {})
    decision = light(nothing)
    assert decision.status == "red"
    assert {trigger.rule for trigger in decision.triggers} >= {"daily_loss", "consecutive_losses", "win_rate"}
