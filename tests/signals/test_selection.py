"""Which candidates become signals: rank, one open a coin, the day's limit, the light, equity, tiers."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.signals.candidate_rows import BTC, MODELS, START, FixedLight, candidates, feature_rows, rejections, said
from xfg_pipeline.signals.gates import Candidates, judge
from xfg_pipeline.signals.light import Light, LightSource, NoLight
from xfg_pipeline.signals.outcomes import AMBIGUOUS, STOP, TARGET, TIMEOUT, UNRESOLVED, Outcomes
from xfg_pipeline.signals.records import Signal
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.signals.selection import Selection, select
from xfg_pipeline.signals.slots import SLOT, SLOT_SECONDS, moment, seconds
from xfg_pipeline.signals.standing import EarlierSignal, Holding, Resolved, Standing

RULES = SignalRules()
GREEN, YELLOW, RED = FixedLight("1"), FixedLight("0.5", "yellow"), FixedLight("0", "red", "five losses in a row")
EQUITY = Decimal(40_000)


def chosen(
    *several: Candidates,
    standing: Standing | None = None,
    light: LightSource = GREEN,
    equity: Decimal | None = EQUITY,
    rules: SignalRules = RULES,
    outcomes: dict[str, Outcomes] | None = None,
) -> Selection:
    return select(several, standing or Standing(), light=light, equity=lambda _: equity, rules=rules, outcomes=outcomes)


def reasons(found: Selection) -> list[tuple[str, str, str]]:
    return [(one.coin, one.gate, one.reason) for one in rejections(found)]


def test_a_signal_carries_all_that_decided_about_it() -> None:
    (one,) = chosen(candidates(), light=YELLOW).signals
    assert (one.coin, one.slot, one.direction, one.signal_type) == ("BTC", START, "LONG", "breakout")
    assert (one.entry_low, one.entry_high) == (Decimal("91890.0"), Decimal("91970.0"))
    assert (one.stop_loss, one.take_profit, one.far_edge) == (Decimal("91410.0"), Decimal("93250.0"), one.entry_high)
    assert (one.confidence, one.volume_ratio, one.risk_reward) == (
        Decimal("0.840000"),
        Decimal("2.620000"),
        Decimal("2.2857"),
    )
    # 40,000 × 1.5 % × 0.5 over 560 a coin.
    assert (one.position_size, one.risk_amount, one.position_multiplier) == (
        Decimal("0.535"),
        Decimal("299.6000"),
        Decimal("0.5"),
    )
    assert (one.equity, one.status, one.light_status, one.light_message) == (EQUITY, "ready", "yellow", "all is well")
    assert one.expires_at == START + timedelta(minutes=30)
    assert one.order_link_id == "xfg-251209-0930-BTC"
    assert (one.tier, one.tier_evidence) == (3, "tier 3: 0 of 20 outcomes are known")
    assert one.disagreement == Decimal("0.120000")
    assert one.reasoning.startswith("Price closed above the 20-candle high of 91,886.0 with 2.62 times")
    readings = {reading.gate: reading for reading in one.gates}
    assert len(readings) == 10
    assert all(reading.passed for reading in one.gates)
    assert readings["size"].margin == Decimal("0.534")
    assert (readings["daily_limit"].value, readings["daily_limit"].margin) == (1, 11)
    assert (readings["open_signal"].value, readings["open_signal"].comparison) == (0, "=")


def test_a_short_is_a_signal_alike() -> None:
    rows = feature_rows(1, close=90842.0)
    (one,) = chosen(judge(rows, said((0.84, 0.12, 0.04)), MODELS, BTC, RULES)).signals
    assert one.direction == "SHORT"
    assert one.take_profit < one.entry_low <= one.entry_high < one.stop_loss
    assert one.far_edge == one.entry_low
    assert one.risk_amount == one.position_size * (one.stop_loss - one.entry_low)


def test_without_a_light_the_size_is_full_and_the_signal_says_so() -> None:
    (one,) = chosen(candidates(), light=NoLight()).signals
    assert one.position_multiplier == 1
    assert (one.light_status, one.light_message) == (None, "no traffic light is evaluated")


def test_a_red_light_pauses_and_gives_no_size_even_where_equity_is_not_known() -> None:
    for equity in (EQUITY, None):
        (one,) = chosen(candidates(), light=RED, equity=equity).signals
        assert (one.status, one.position_size, one.risk_amount) == ("paused", 0, 0)
        assert one.equity == equity
        assert one.light_message == "five losses in a row"
        assert {reading.gate: reading.detail for reading in one.gates}["size"] == "not sized while paused"


def test_unknown_equity_stops_a_candidate_and_so_does_a_size_below_the_least() -> None:
    assert reasons(chosen(candidates(), equity=None)) == [("BTC", "size", "equity is not known: no size can be given")]
    ((_, gate, reason),) = reasons(chosen(candidates(), equity=Decimal(37)))
    assert gate == "size"
    assert reason == "0.555 at risk over 560 a coin is a size of 0, below the least order of 0.001"


def test_within_a_slot_the_best_come_first() -> None:
    rules = replace(RULES, max_signals_per_day=3)
    several = (
        candidates(coin="AAA", up=0.80, rules=rules, range_low=91086.0),
        candidates(coin="BBB", up=0.90, rules=rules, range_low=91086.0),
        candidates(coin="CCC", up=0.80, rules=rules),
        candidates(coin="DDD", up=0.80, rules=rules, range_low=91086.0),
    )
    assert several[2].plans.risk_reward(0) > several[0].plans.risk_reward(0)
    found = chosen(*several, rules=rules)
    assert [one.coin for one in found.signals] == ["BBB", "CCC", "AAA"]
    assert reasons(found) == [("DDD", "daily_limit", "it would be signal 4 of the day, and 3 are allowed")]
    assert [one.coin for one in chosen(*several[::-1], rules=rules).signals] == ["BBB", "CCC", "AAA"]


def test_an_earlier_slot_comes_before_a_better_candidate() -> None:
    rules = replace(RULES, max_signals_per_day=1)
    found = chosen(
        candidates(coin="AAA", start=START + SLOT, up=0.99, rules=rules),
        candidates(coin="BBB", up=0.78, rules=rules),
        rules=rules,
    )
    assert [one.coin for one in found.signals] == ["BBB"]


def test_a_coin_has_one_open_signal_until_it_expires() -> None:
    found = chosen(candidates(4))
    assert [one.slot for one in found.signals] == [START, START + 2 * SLOT]
    assert reasons(found) == [
        ("BTC", "open_signal", "the signal of BTC of 09:30 UTC is open until 10:00"),
        ("BTC", "open_signal", "the signal of BTC of 10:00 UTC is open until 10:30"),
    ]


def test_an_earlier_signal_blocks_its_own_coin_until_it_expires() -> None:
    earlier = EarlierSignal("BTC", START - SLOT, START + SLOT, paused=False)
    found = chosen(candidates(2), candidates(coin="ETH"), standing=Standing(signals=(earlier,)))
    assert [(one.coin, one.slot) for one in found.signals] == [("ETH", START), ("BTC", START + SLOT)]


def test_a_paused_signal_is_open_too() -> None:
    found = chosen(candidates(2), light=RED)
    assert [one.slot for one in found.signals] == [START]


def test_an_executed_signal_blocks_until_it_is_closed() -> None:
    since = START - timedelta(hours=3)

    def slots(until: datetime | None) -> list[datetime]:
        standing = Standing(holdings=(Holding("BTC", since, until),))
        return [one.slot for one in chosen(candidates(4), standing=standing).signals]

    assert slots(None) == []
    assert slots(START + 2 * SLOT) == [START + 2 * SLOT]
    assert slots(START) == [START, START + 2 * SLOT]
    later = Standing(holdings=(Holding("BTC", START + 2 * SLOT + timedelta(minutes=1), None),))
    assert [one.slot for one in chosen(candidates(4), standing=later).signals] == [START, START + 2 * SLOT]
    held = reasons(chosen(candidates(), standing=Standing(holdings=(Holding("BTC", since, None),))))
    assert held[0][2] == "a signal of BTC was executed at 2025-12-09 06:30 UTC and is not closed"


def test_the_day_is_limited_and_a_new_day_begins_at_midnight() -> None:
    rules = replace(RULES, max_signals_per_day=2, signal_ttl_minutes=1)
    found = chosen(candidates(6, start=datetime(2025, 12, 9, 23, 0, tzinfo=UTC), rules=rules), rules=rules)
    assert [f"{one.slot:%d %H:%M}" for one in found.signals] == ["09 23:00", "09 23:15", "10 00:00", "10 00:15"]


def test_earlier_signals_of_the_day_count_and_paused_ones_by_themselves() -> None:
    rules = replace(RULES, max_signals_per_day=2)
    day = [
        EarlierSignal(coin, START - SLOT * n, START - SLOT * (n - 1), paused)
        for n, coin, paused in ((3, "SOL", False), (4, "XRP", True), (5, "ADA", True))
    ]
    yesterday = EarlierSignal("SOL", START - timedelta(days=1), START - timedelta(hours=23), paused=False)
    standing = Standing(signals=(*day, yesterday))
    two = (candidates(coin="BTC", rules=rules), candidates(coin="ETH", rules=rules))
    ready = chosen(*two, standing=standing, rules=rules)
    assert [one.coin for one in ready.signals] == ["BTC"]
    assert ready.signals[0].gates[-1].value == 2
    assert [one.coin for one in chosen(*two, standing=standing, rules=rules, light=RED).signals] == []


def test_a_limit_of_nothing_publishes_nothing() -> None:
    rules = replace(RULES, max_signals_per_day=0)
    assert chosen(candidates(rules=rules), rules=rules).signals == ()


def test_candidates_of_other_rules_are_a_fault() -> None:
    with pytest.raises(ValueError, match="BTC: judged by other rules"):
        chosen(candidates(), rules=replace(RULES, max_signals_per_day=3))


def test_a_signal_that_stands_within_the_range_counts_from_its_slot_on() -> None:
    rules = replace(RULES, max_signals_per_day=2)
    inside = EarlierSignal("SOL", START + SLOT, START + 3 * SLOT, paused=False)
    found = chosen(candidates(6, rules=rules), standing=Standing(signals=(inside,)), rules=rules)
    assert [one.slot for one in found.signals] == [START]
    at_once = EarlierSignal("SOL", START, START + SLOT, paused=False)
    rules = replace(RULES, max_signals_per_day=1)
    assert chosen(candidates(rules=rules), standing=Standing(signals=(at_once,)), rules=rules).signals == ()
    blocked = EarlierSignal("BTC", START + 2 * SLOT, START + 4 * SLOT, paused=False)
    found = chosen(candidates(2, start=START + SLOT), standing=Standing(signals=(blocked,)))
    assert [one.slot for one in found.signals] == [START + SLOT]


def history(*wins: bool, coin: str = "BTC", after: timedelta = timedelta()) -> tuple[Resolved, ...]:
    """Signals an hour apart, resolved half an hour later each; the last one at START + after."""
    count = len(wins)
    ends = [START + after - timedelta(hours=count - 1 - n) for n in range(count)]
    return tuple(Resolved(coin, at - timedelta(minutes=30), at, win) for at, win in zip(ends, wins, strict=True))


def tier(*resolved: Resolved) -> tuple[int, str]:
    (one,) = chosen(candidates(), standing=Standing(resolved=resolved)).signals
    return one.tier, one.tier_evidence


def test_the_tier_is_of_outcomes_known_at_the_slot_and_of_this_coin() -> None:
    good = history(*[True] * 16, *[False] * 4)
    assert tier(*good) == (1, "tier 1: 16 of the last 20 signals reached the target first")
    assert tier(*history(*[True] * 20, coin="ETH"))[0] == 3
    # The twentieth is known a second after the slot.
    assert tier(*history(*[True] * 20, after=timedelta(seconds=1))) == (3, "tier 3: 19 of 20 outcomes are known")
    assert tier(*good[::-1]) == tier(*good)
    assert tier(*history(*[True] * 30, *[False] * 20))[0] == 3


def outcomes_of(one: Candidates, outcome: int, after: int) -> Outcomes:
    """All rows end alike, so many candles after their slot."""
    slots = one.features.slots
    size = slots.size
    known = outcome != UNRESOLVED
    return Outcomes(
        slots,
        np.full(size, outcome, dtype=np.int8),
        slots + after * SLOT_SECONDS if known else np.zeros(size, dtype=np.int64),
        np.zeros(size),
        np.zeros(size, dtype=np.int64),
    )


@pytest.mark.parametrize(
    ("outcome", "known", "wins"),
    [(TARGET, 20, 1), (STOP, 20, 0), (TIMEOUT, 20, 0), (AMBIGUOUS, 19, 0), (UNRESOLVED, 19, 0)],
)
def test_signals_of_the_range_count_for_the_tier_once_their_end_was_known(outcome: int, known: int, wins: int) -> None:
    rules = replace(RULES, signal_ttl_minutes=15)
    one = candidates(4, rules=rules)
    standing = Standing(resolved=history(*[True] * 19))
    found = chosen(one, rules=rules, standing=standing, outcomes={"BTC": outcomes_of(one, outcome, 3)})
    assert [signal.tier_evidence for signal in found.signals[:3]] == ["tier 3: 19 of 20 outcomes are known"] * 3
    last = found.signals[3].tier_evidence
    assert last == (
        f"tier 1: {19 + wins} of the last 20 signals reached the target first"
        if known == 20
        else "tier 3: 19 of 20 outcomes are known"
    )


def test_every_slot_of_every_coin_is_a_signal_or_has_a_reason() -> None:
    several = (
        candidates(5, up=[0.84, 0.5, 0.84, 0.84, 0.3], volume_ratio=[3.0, 3.0, 3.0, 1.0, 3.0]),
        candidates(5, coin="ETH", adx=5.0, close=91500.0),
    )
    found = chosen(*several)
    rejected = rejections(found)
    assert len(found.signals) + len(rejected) == 10
    assert all(one.reason for one in rejected)
    by_slot = {(one.coin, one.slot): one for one in rejected}
    low = by_slot["BTC", START + SLOT]
    assert (low.gate, low.direction, low.confidence, low.signal_type) == (
        "confidence",
        "LONG",
        Decimal("0.500000"),
        "breakout",
    )
    assert (low.entry_high, low.risk_reward, low.volume_ratio) == (
        Decimal("91970.0"),
        Decimal("2.2857"),
        Decimal("3.000000"),
    )
    flat = by_slot["BTC", START + 4 * SLOT]
    assert (flat.gate, flat.direction, flat.confidence, flat.stop_loss) == ("direction", None, None, None)
    planless = by_slot["ETH", START]
    assert (planless.gate, planless.direction, planless.signal_type) == ("plan", "LONG", None)
    assert found.stops["BTC"].reason(0) == ""


def test_the_candidates_own_stops_are_not_written_to() -> None:
    one = candidates(2)
    chosen(one)
    assert one.stops.gate.tolist() == [-1, -1]


class ChangingLight:
    """A light that is another at every slot, and counts how often it was asked."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.asked: list[datetime] = []

    def at(self, slot: datetime) -> Light:
        self.asked.append(slot)
        multiplier = np.random.default_rng([self.seed, seconds(slot)]).choice(["0", "0.5", "1"], p=[0.2, 0.4, 0.4])
        return Light(None, Decimal(str(multiplier)), "changing")


def test_light_and_equity_are_asked_once_a_slot_and_only_where_there_is_a_candidate() -> None:
    light = ChangingLight(1)
    several = [candidates(6, coin=coin, up=[0.84, 0.5, 0.84, 0.5, 0.5, 0.84]) for coin in ("BTC", "ETH", "SOL")]
    chosen(*several, light=light)
    assert light.asked == [START, START + 2 * SLOT, START + 5 * SLOT]


def random_range(
    seed: int, coins: tuple[str, ...], size: int, rules: SignalRules
) -> tuple[list[Candidates], dict[str, Outcomes]]:
    several, outcomes = [], {}
    for number, coin in enumerate(coins):
        rng = np.random.default_rng([seed, number])
        up = rng.choice([0.6, 0.78, 0.8, 0.95], size)
        one = candidates(size, coin=coin, up=up.tolist(), rules=rules, atr=rng.choice([390.0, 400.0], size).tolist())
        slots = one.features.slots
        outcome = rng.choice([*[TARGET] * 9, STOP, STOP, TIMEOUT, AMBIGUOUS, UNRESOLVED], size).astype(np.int8)
        ends = slots + rng.integers(1, 97, size) * SLOT_SECONDS
        resolved_at = np.where(outcome == UNRESOLVED, 0, ends)
        outcomes[coin] = Outcomes(slots, outcome, resolved_at, np.zeros(size), np.zeros(size, dtype=np.int64))
        several.append(one)
    return several, outcomes


def part(one: Candidates, outcomes: Outcomes, rows: slice) -> tuple[Candidates, Outcomes]:
    """The same slots judged by themselves."""
    cut = replace(
        one.features,
        slots=one.features.slots[rows],
        values=one.features.values[rows],
        reason=one.features.reason[rows],
        measures={name: values[rows] for name, values in one.features.measures.items()},
    )
    answers = said(*[tuple(row) for row in one.prediction.meta[rows].tolist()])
    columns = ("slots", "outcome", "resolved_at", "r_multiple", "candles")
    shorter = Outcomes(*(getattr(outcomes, name)[rows] for name in columns))
    return judge(cut, answers, one.models, one.plans.increments, one.rules), shorter


def left_by(made: list[Signal], outcomes: dict[str, Outcomes], standing: Standing) -> Standing:
    """What signals leave to those that judge later slots."""
    ended = []
    for one in made:
        became = outcomes[one.coin]
        row = (seconds(one.slot) - int(became.slots[0])) // SLOT_SECONDS
        if became.outcome[row] in (TARGET, STOP, TIMEOUT):
            win = bool(became.outcome[row] == TARGET)
            ended.append(Resolved(one.coin, one.slot, moment(became.resolved_at[row]), win))
    signals = tuple(EarlierSignal(one.coin, one.slot, one.expires_at, one.status == "paused") for one in made)
    return replace(standing, signals=standing.signals + signals, resolved=standing.resolved + tuple(ended))


@settings(max_examples=25, deadline=None)
@given(
    st.integers(0, 2**31 - 1),
    st.lists(st.integers(1, 119), max_size=3),
    st.sampled_from([15, 30, 120]),
)
def test_any_division_of_a_range_gives_the_same_signals_and_reasons(seed: int, cuts: list[int], ttl: int) -> None:
    coins = ("BTC", "ETH", "SOL")
    rules = replace(RULES, max_signals_per_day=6, signal_ttl_minutes=ttl)
    several, outcomes = random_range(seed, coins, 120, rules)
    before = Standing(
        holdings=(Holding("ETH", START + 20 * SLOT, START + 60 * SLOT), Holding("SOL", START + 100 * SLOT, None)),
        resolved=history(*[True] * 15, *[False] * 3),
        signals=(EarlierSignal("BTC", START - SLOT, START + SLOT, paused=False),),
    )

    def equity(slot: datetime) -> Decimal | None:
        return None if slot.hour == 3 else EQUITY + slot.day * 100

    def run(pieces: list[Candidates], standing: Standing, ends: dict[str, Outcomes]) -> Selection:
        return select(pieces, standing, light=ChangingLight(seed), equity=equity, rules=rules, outcomes=ends)

    whole = run(several, before, outcomes)
    made: list[Signal] = []
    stopped: dict[tuple[str, datetime], tuple[str, str]] = {}
    for first, last in pairwise([0, *sorted({*cuts}), 120]):
        pieces = [part(one, outcomes[one.coin], slice(first, last)) for one in several]
        ends = {one.coin: became for one, became in pieces}
        found = run([one for one, _ in pieces], left_by(made, outcomes, before), ends)
        made += found.signals
        stopped |= {(one.coin, one.slot): (one.gate, one.reason) for one in rejections(found)}
    assert made == list(whole.signals)
    assert stopped == {(one.coin, one.slot): (one.gate, one.reason) for one in rejections(whole)}


def test_the_random_ranges_hold_every_tier_status_and_gate() -> None:
    several, outcomes = random_range(7, ("BTC", "ETH", "SOL"), 200, replace(RULES, signal_ttl_minutes=15))
    found = chosen(
        *several,
        light=ChangingLight(7),
        rules=several[0].rules,
        outcomes=outcomes,
        standing=Standing(resolved=history(*[True] * 15, *[False] * 3)),
    )
    assert {one.tier for one in found.signals} == {1, 2, 3}
    assert {one.status for one in found.signals} == {"ready", "paused"}
    assert {one.gate for one in rejections(found)} >= {"confidence", "daily_limit"}


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 2**31 - 1))
def test_the_promises_of_a_day_hold_whatever_the_candidates(seed: int) -> None:
    rules = replace(RULES, max_signals_per_day=5)
    several, outcomes = random_range(seed, ("BTC", "ETH", "SOL", "XRP"), 300, rules)
    found = select(
        several, Standing(), light=ChangingLight(seed), equity=lambda _: EQUITY, rules=rules, outcomes=outcomes
    )
    for paused in (True, False):
        by_day: dict[object, int] = {}
        for one in found.signals:
            if (one.status == "paused") is paused:
                by_day[one.slot.date()] = by_day.get(one.slot.date(), 0) + 1
        assert by_day
        assert max(by_day.values()) <= 5
    for coin in ("BTC", "ETH", "SOL", "XRP"):
        own = [one for one in found.signals if one.coin == coin]
        assert all(earlier.expires_at <= later.slot for earlier, later in pairwise(own))
    for one in found.signals:
        assert one.risk_amount <= EQUITY * rules.base_risk_per_trade * one.position_multiplier
        assert (one.position_size == 0) == (one.status == "paused")
        assert one.confidence >= rules.min_confidence
        assert one.risk_reward >= rules.min_risk_reward
