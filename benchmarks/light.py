"""How often the light is red for nothing, and how soon when it should be: the literal and the gated one side by side.

Trades are invented, and win_rate, consecutive_losses, calibration and signal_types judge them after each one; all other
rules are told that everything is well. Red is that of the rules: neither hysteresis nor probation is in it. A model
states confidences between 65 and 85 %, evenly; calibrated means that a trade wins as often as was stated, 75 % on the
whole. After the fall it states the same and wins 55 %. Trades are of five types in turn. The first question starts
without any trade, the second after 200 calibrated ones.

So many lives are judged by the rules written as arrays; on some of them every moment is compared with `decide`.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.ground import seconds
from xfg_pipeline.signals.calibration import DIGITS, bin_of
from xfg_pipeline.trading.light.decide import decide
from xfg_pipeline.trading.light.evidence import (
    chance_of_calibration_error,
    chance_of_fall,
    chance_of_groups,
    chance_of_wins,
)
from xfg_pipeline.trading.light.facts import Evidence, Health, Regime, Thresholds
from xfg_pipeline.trading.light.performance_rules import BESIDE, EARLY_RED_CHANCE
from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown
from xfg_pipeline.trading.metrics.ledger import Ledger
from xfg_pipeline.trading.metrics.metric import HISTORY

SEED = 20_261_120
LIVES, CHECKED = 2000, 12
TRADES, BEFORE, AFTER = 250, 200, 120
STATED, FALLEN = (0.65, 0.85), 0.55
TYPES = ("breakout", "liquidation_cascade", "mean_reversion", "sentiment_divergence", "trend_following")
RULES = ("win_rate", "consecutive_losses", "signal_types", "calibration")

_LIGHTS: tuple[Evidence, ...] = ("literal", "gated")
_START = datetime(2026, 1, 1, tzinfo=UTC)
_WELL, _CALM = Health((), ()), Regime({"BTC": Decimal(1)})
_WINDOW = 20
_ASKED = Thresholds()

Reds = NDArray[np.bool_]


@dataclass(frozen=True)
class Lives:
    """Stated confidences and whether the trade won, [lives, trades]; the first `before` trades are not judged."""

    stated: NDArray[np.float64]
    wins: Reds
    before: int


@dataclass(frozen=True)
class First:
    """The trade that made the light red first, from 1 on, or None; and the rule, or None."""

    trade: int | None
    rule: str | None


def measure(lives: int = LIVES) -> list[str]:
    """The lines to print."""
    lines: list[str] = []
    took = seconds(lambda: lines.extend(_measured(lives)))
    return [*lines, f"{lives} lives each, {took:.0f} s; seed {SEED}"]


def _measured(count: int) -> list[str]:
    random = np.random.default_rng(SEED)
    calibrated, fall = invented(random, count, 0, TRADES, None), invented(random, count, BEFORE, AFTER, FALLEN)
    checked = sum(compared_with_decide(lives, CHECKED) for lives in (calibrated, fall))
    lines = [
        f"rules in it: {', '.join(RULES)}; evidence_level {_ASKED.evidence_level}",
        f"red within {TRADES} trades of a calibrated model that wins 75 %, and which rule was first",
    ]
    for light in _LIGHTS:
        found = first_reds(calibrated, light)
        share = sum(one.trade is not None for one in found) / count
        error = 1.96 * (share * (1 - share) / count) ** 0.5
        lines.append(f"    {light}: {share:.1%} ± {error:.1%} ({_by_rule(found)})")
    lines += ["    aim of the gated one: at most 25 %", f"trades until red after a fall to {FALLEN:.0%}"]
    for light in _LIGHTS:
        found = first_reds(fall, light)
        trades = np.array([one.trade or AFTER + 1 for one in found])
        never = (trades > AFTER).mean()
        lines.append(
            f"    {light}: median {np.median(trades):.0f}, nine of ten within {np.quantile(trades, 0.9):.0f}, "
            f"not within {AFTER}: {never:.1%} ({_by_rule(found)})"
        )
    return [*lines, "    aim of the gated one: at most 30", f"compared with decide at {checked:,} moments: the same"]


def _by_rule(found: list[First]) -> str:
    counted = Counter(one.rule for one in found if one.rule)
    return ", ".join(f"{rule} {n / len(found):.1%}" for rule, n in counted.most_common()) or "none"


def invented(random: np.random.Generator, lives: int, before: int, trades: int, wins: float | None) -> Lives:
    """`before` calibrated trades, then `trades` that are won at `wins` (None: as stated)."""
    stated = np.round(random.uniform(*STATED, (lives, before + trades)), 6)
    rates = stated.copy()
    if wins is not None:
        rates[:, before:] = wins
    return Lives(stated, random.random(stated.shape) < rates, before)


def first_reds(lives: Lives, light: Evidence) -> list[First]:
    """When and why each life's light was red first."""
    quick = {
        "win_rate": _win_rate(lives, light),
        "consecutive_losses": _streak(lives),
        "signal_types": _types(lives, light),
    }
    any_red = np.logical_or.reduce(list(quick.values()))
    suspect = _suspect_calibration(lives)
    found = []
    for life in range(len(any_red)):
        red = np.flatnonzero(any_red[life, lives.before :])
        end = int(red[0]) + lives.before if red.size else any_red.shape[1]
        # Only what lies before another rule's red can be first, and only there luck is resampled.
        moments = np.flatnonzero(suspect[life, :end])
        own = next(
            (int(at) for at in moments if at >= lives.before and _calibration(lives, life, int(at), light)), None
        )
        if own is not None:
            found.append(First(own - lives.before + 1, "calibration"))
        elif red.size:
            rule = next(name for name, reds in quick.items() if reds[life, end])
            found.append(First(end - lives.before + 1, rule))
        else:
            found.append(First(None, None))
    return found


def _rolled(values: NDArray[Any], window: int) -> NDArray[Any]:
    """Sums of the last up to `window` values."""
    sums = np.cumsum(values, axis=1)
    sums[:, window:] -= sums[:, :-window].copy()
    return sums


def _win_rate(lives: Lives, light: Evidence) -> Reds:
    wins, trades = lives.wins, lives.wins.shape[1]
    # The most wins of n that are red: from the table below 20, and then by the threshold.
    most = [
        max((k for k in range(n + 1) if chance_of_wins(k, n, _ASKED.red_wr_threshold) <= EARLY_RED_CHANCE), default=-1)
        for n in range(1, _WINDOW)
    ]
    last = max(k for k in range(_WINDOW) if k < _ASKED.red_wr_threshold * _WINDOW)
    red: Reds = _rolled(wins.astype(np.int16), _WINDOW) <= np.array([*most, *[last] * (trades - _WINDOW + 1)])
    if light == "gated":
        red = red.copy()
        for life, at in np.argwhere(red).tolist():
            history = wins[life, max(0, at + 1 - HISTORY) : at + 1].tolist()
            red[life, at] = chance_of_fall(history, _ASKED.yellow_wr_threshold) <= _ASKED.evidence_level
    return red


def _streak(lives: Lives) -> Reds:
    length = _ASKED.red_consecutive_losses
    lost = _rolled((~lives.wins).astype(np.int16), length)
    return np.asarray(lost == length)


def _types(lives: Lives, light: Evidence) -> Reds:
    """By trade: the last 20 of each type that has as many."""
    shape, kinds = lives.wins.shape, len(TYPES)
    won = np.full((kinds, *shape), _WINDOW, dtype=np.int16)
    full = np.zeros((kinds, shape[1]), dtype=np.bool_)
    for kind in range(kinds):
        own = (np.arange(shape[1]) - kind) // kinds
        full[kind] = own >= _WINDOW - 1
        won[kind][:, full[kind]] = _rolled(lives.wins[:, kind::kinds].astype(np.int16), _WINDOW)[:, own[full[kind]]]
    red: Reds = ((won < float(_ASKED.red_wr_threshold) * _WINDOW) & full[:, None, :]).sum(axis=0) > 1
    if light == "gated":
        for life, at in np.argwhere(red).tolist():
            there = won[full[:, at], life, at].tolist()
            chances = [chance_of_wins(wins, _WINDOW, _ASKED.yellow_wr_threshold) for wins in there]
            red[life, at] = chance_of_groups(chances, 2) <= _ASKED.evidence_level / BESIDE
    return red


def _suspect_calibration(lives: Lives) -> Reds:
    """Where the ECE of enough trades is above its red threshold."""
    window, places = _ASKED.ece_window, bin_of(lives.stated)
    distance = sum(
        np.abs(_rolled(np.where(places == place, lives.wins - lives.stated, 0.0), window))
        for place in np.unique(places).tolist()
    )
    n = np.minimum(np.arange(1, lives.wins.shape[1] + 1), window)
    return np.asarray((np.round(distance / n, DIGITS) > float(_ASKED.red_ece_threshold)) & (n >= _ASKED.ece_min_n))


def _calibration(lives: Lives, life: int, at: int, light: Evidence) -> bool:
    """Whether a suspect moment is red."""
    window = slice(max(0, at + 1 - _ASKED.ece_window), at + 1)
    stated, wins = lives.stated[life, window], lives.wins[life, window]
    if light == "gated" and wins.sum() >= stated.sum():
        return False
    full = stated.size >= _ASKED.ece_window or _ASKED.ece_gate is None
    allowed = Decimal(1) if full else 1 - (_ASKED.ece_gate or 0)
    if light == "gated":
        allowed = min(allowed, _ASKED.evidence_level / BESIDE)
    return chance_of_calibration_error(tuple(zip(stated.tolist(), wins.tolist(), strict=True))) <= allowed


def compared_with_decide(lives: Lives, count: int) -> int:
    """Judge the first `count` lives by `decide` as well, trade by trade; the number of moments compared.

    Raises RuntimeError where the two differ.
    """
    some = Lives(lives.stated[:count], lives.wins[:count], lives.before)
    expected = {light: first_reds(some, light) for light in _LIGHTS}
    moments = 0
    for life in range(count):
        ledger = Ledger()
        ledger.add(EquityKnown(_START, "start", Decimal(10_000)))
        waiting = set(_LIGHTS)
        for number, (stated, win) in enumerate(zip(some.stated[life].tolist(), some.wins[life].tolist(), strict=True)):
            at, pnl = _START + timedelta(hours=3 * (number + 1)), Decimal(1 if win else -1)
            kind = TYPES[number % len(TYPES)]
            ledger.add(ClosedTrade(at, str(number), "BTC", pnl, pnl, kind, stated, "one"))
            if number < some.before:
                continue
            metrics, moments = ledger.at(at), moments + len(waiting)
            for light in tuple(waiting):
                is_red = decide(metrics, _WELL, _CALM, replace(_ASKED, evidence=light)).status == "red"
                if is_red != (expected[light][life].trade == number - some.before + 1):
                    raise RuntimeError(f"life {life}, trade {number}: decide and the arrays differ ({light})")
                waiting -= {light} if is_red else set()
    return moments
