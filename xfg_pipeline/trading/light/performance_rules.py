"""The rules that judge trades: win rate, losses in a row, the day's loss, calibration, signal types.

Counts are compared as whole numbers against the threshold times the sample, never as a rounded share.
"""

from dataclasses import replace
from decimal import Decimal

from xfg_pipeline.signals.calibration import wilson_interval
from xfg_pipeline.trading.light.evidence import (
    chance_of_calibration_error,
    chance_of_fall,
    chance_of_groups,
    chance_of_streak,
    chance_of_wins,
)
from xfg_pipeline.trading.light.facts import Status, Thresholds, Trigger
from xfg_pipeline.trading.light.situation import WINDOW, Situation
from xfg_pipeline.trading.light.wording import between, listed, percent

EARLY_RED_CHANCE = Decimal("0.05")
"""While fewer than 20 trades are known: red when so few wins are this unlikely at the red threshold."""
BESIDE = 25
"""Calibration and signal types cut the same trades once more: in the gated light each has a 25th of the level."""


def win_rate(seen: Situation) -> Trigger:
    """Of the last 20 trades; while there are fewer it is yellow, or red where the few are bad enough."""
    asked, recent = seen.thresholds, seen.recent
    n, wins = len(recent), sum(recent)
    red, yellow = asked.red_wr_threshold, asked.yellow_wr_threshold
    if n == 0:
        return Trigger("win_rate", "yellow", f"warming up 0 of {WINDOW}", None, yellow, 0)
    chance, interval = chance_of_wins(wins, n, yellow), _interval(wins, n)
    won = f"{wins} of the last {n} trades won: {percent(Decimal(wins) / n)} (95 % interval {between(interval)})"
    if n >= WINDOW:
        status: Status = "red" if wins < red * n else "yellow" if wins < yellow * n else "green"
        bound = red if status == "red" else yellow
        message = f"{won}, {'at least' if status == 'green' else 'below'} {percent(bound)}"
    else:
        unlikely = chance_of_wins(wins, n, red)
        status = "red" if unlikely <= EARLY_RED_CHANCE else "yellow"
        bound = red if status == "red" else yellow
        message = f"warming up {n} of {WINDOW}: {won}"
        if status == "red":
            message += f", and at {percent(red)} so few win {percent(unlikely)} of the time"
    if status != "green":
        message += f"; at {percent(yellow)} luck alone is this bad {percent(chance)} of the time"
    trigger = Trigger("win_rate", status, message, Decimal(wins) / n, bound, n, interval, chance)
    if asked.evidence == "gated" and status == "red":
        history = seen.history
        fall = chance_of_fall(history, yellow)
        message += f", and a fall like that of the last {len(history)} trades (CUSUM) {percent(fall)}"
        trigger = replace(trigger, chance=fall, message=message)
    return _weighed(trigger, asked, asked.evidence_level)


def consecutive_losses(seen: Situation) -> Trigger:
    """Losing trades in a row; one below red is yellow."""
    asked, streak = seen.thresholds, seen.streak
    red = asked.red_consecutive_losses
    if streak is None:
        return Trigger("consecutive_losses", "yellow", "nobody knows how many trades were lost in a row")
    status: Status = "red" if streak >= red else "yellow" if 0 < red - 1 <= streak else "green"
    chance = chance_of_streak(streak, asked.yellow_wr_threshold)
    message = f"{streak} losing trade{'s' if streak != 1 else ''} in a row, red from {red}"
    if status != "green":
        message += f"; at {percent(asked.yellow_wr_threshold)} the next {streak} all lose {percent(chance)} of the time"
    return Trigger("consecutive_losses", status, message, Decimal(streak), Decimal(red), streak, chance=chance)


def daily_loss(seen: Situation) -> Trigger:
    """What the day has lost of the equity that it began with. Equity that nobody knows is red."""
    asked, loss = seen.thresholds, seen.daily_loss
    if loss is None:
        reason = seen.daily_share.reason or "equity is not known"
        return Trigger("daily_loss", "red", f"the day's loss is not known: {reason}", None, asked.red_daily_loss)
    status: Status = "red" if loss > asked.red_daily_loss else "yellow" if loss >= asked.yellow_daily_loss else "green"
    bound = asked.red_daily_loss if status == "red" else asked.yellow_daily_loss
    said = {"red": "above", "yellow": "not below", "green": "below"}[status]
    message = f"the day lost {percent(loss, 2)} of its first equity, {said} {percent(bound)}"
    return Trigger("daily_loss", status, message, loss, bound, seen.daily_share.n)


def calibration(seen: Situation) -> Trigger:
    """The ECE of the newest ensemble's trades. Below `ece_min_n` of them it says nothing.

    With less than a full window red also asks that luck alone is this bad more rarely than `ece_gate` leaves.
    """
    asked, metric = seen.thresholds, seen.calibration
    n, value = metric.n, metric.value
    if n < asked.ece_min_n:
        message = f"too few trades with a stated confidence to judge calibration: {n} of {asked.ece_min_n}"
        return Trigger("calibration", "green", message, value, asked.yellow_ece_threshold, n)
    if value is None:
        message = f"the calibration error is not known: {metric.reason or 'no reason was given'}"
        return Trigger("calibration", "yellow", message, None, asked.yellow_ece_threshold, n)
    status: Status = (
        "red" if value > asked.red_ece_threshold else "yellow" if value >= asked.yellow_ece_threshold else "green"
    )
    bound = asked.red_ece_threshold if status == "red" else asked.yellow_ece_threshold
    said = {"red": "above", "yellow": "not below", "green": "below"}[status]
    message = f"stated confidences are off by {percent(value)} over {n} trades (ECE), {said} {percent(bound)}"
    if status == "green":
        return Trigger("calibration", status, message, value, bound, n)
    # Forecasts that do not make up the value cannot excuse it.
    chance = chance_of_calibration_error(seen.forecasts) if len(seen.forecasts) == n else None
    if chance is not None:
        message += f"; a calibrated model is this far off {percent(chance)} of the time"
    if status == "red" and chance is not None and n < asked.ece_window and asked.ece_gate is not None:
        allowed = 1 - asked.ece_gate
        if chance > allowed:
            status = "yellow"
            message += f", more than {percent(allowed)}, and {n} of {asked.ece_window} trades are known: not red yet"
    trigger = Trigger("calibration", status, message, value, bound, n, chance=chance)
    if asked.evidence == "gated" and status == "red" and seen.wins_more_than_stated:
        return replace(trigger, status="yellow", message=f"{message}; not red, as more was won than stated: no fall")
    return _weighed(trigger, asked, asked.evidence_level / BESIDE)


def signal_types(seen: Situation) -> Trigger:
    """Types whose last 20 trades stand below the red win rate: one is yellow, two are red."""
    asked, types = seen.thresholds, seen.full_types
    failing = {name: one for name, one in types.items() if one.wins < asked.red_wr_threshold * one.n}
    if not failing:
        message = f"none of {len(types)} signal types with {WINDOW} trades is below {percent(asked.red_wr_threshold)}"
        return Trigger("signal_types", "green", message, Decimal(0), Decimal(1), len(types))
    chances = [chance_of_wins(one.wins, one.n, asked.yellow_wr_threshold) for one in types.values()]
    two = len(failing) > 1
    chance = chance_of_groups(chances, 2 if two else 1)
    named = listed(f"{name} ({one.wins} of {one.n})" for name, one in failing.items())
    message = (
        f"{named} {'are' if two else 'is'} below {percent(asked.red_wr_threshold)} won; by luck alone "
        f"{len(types)} types at {percent(asked.yellow_wr_threshold)} fall this low {percent(chance)} of the time"
    )
    trigger = Trigger(
        "signal_types",
        "red" if two else "yellow",
        message,
        Decimal(len(failing)),
        Decimal(2 if two else 1),
        len(types),
        chance=chance,
    )
    return _weighed(trigger, asked, asked.evidence_level / BESIDE)


def _weighed(trigger: Trigger, asked: Thresholds, level: Decimal) -> Trigger:
    """The same; by the gated light a red that may well be luck is yellow. Without a chance red stays red."""
    if asked.evidence == "literal" or trigger.status != "red" or trigger.chance is None or trigger.chance <= level:
        return trigger
    message = f"{trigger.message}; not red yet, as that is more than {percent(level, 2)}"
    return replace(trigger, status="yellow", message=message)


def _interval(wins: int, n: int) -> tuple[Decimal, Decimal]:
    low, high = wilson_interval(wins, n) or (0.0, 1.0)
    return Decimal(str(low)), Decimal(str(high))
