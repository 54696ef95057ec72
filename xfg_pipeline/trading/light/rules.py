"""The table of rules: what each reads, when it is yellow and red, and whether a person may acknowledge its red."""

from collections.abc import Callable
from dataclasses import dataclass

from xfg_pipeline.trading.light import performance_rules, system_rules
from xfg_pipeline.trading.light.facts import PARTS, Trigger
from xfg_pipeline.trading.light.situation import Situation


@dataclass(frozen=True)
class Rule:
    """One rule. `red` and `yellow` say when, as a sentence's end; `judge` is the rule itself.

    `performance`: it judges trades, so red can be left for probation, and probation judges its own trades alone.
    """

    name: str
    reads: str
    red: str
    yellow: str
    judge: Callable[[Situation], Trigger]
    performance: bool = False


_PART_READS = {
    "database": "whether the database answers",
    "daemon": "the age of the daemon's heartbeat",
    "clock": "this machine's clock against the exchange's",
    "market": "whether the market answers",
    "candles": "the age of the newest candle of every coin",
    "account": "the account's last successful reading, and its key",
    "models": "whether the ensemble is there and says something",
}
assert set(_PART_READS) == set(PARTS)

RULES: tuple[Rule, ...] = (
    *(
        Rule(
            f"health_{part}",
            reads,
            "it failed" if part != "candles" else "it failed, or a coin's newest candle is too old",
            "it is degraded, or not known",
            system_rules.health(part) if part != "candles" else system_rules.candles,
        )
        for part, reads in _PART_READS.items()
    ),
    Rule(
        "daily_loss",
        "realised P&L of the day as a share of equity at its start",
        "more than red_daily_loss is lost, or equity is not known",
        "yellow_daily_loss or more is lost",
        performance_rules.daily_loss,
    ),
    Rule(
        "volatility",
        "volatility of 24 hours against its median of 30 days, by coin",
        "the median of coins is more than volatility_ratio",
        "one coin is more than volatility_ratio, or its normal is not known",
        system_rules.volatility,
    ),
    Rule(
        "consecutive_losses",
        "losing trades in a row",
        "there are red_consecutive_losses or more",
        "there is one less than that, or nobody knows",
        performance_rules.consecutive_losses,
        performance=True,
    ),
    Rule(
        "win_rate",
        "the share of winners in the last 20 trades",
        "it is below red_wr_threshold; of fewer than 20 trades, so few wins are 5 % likely or less at that rate",
        "it is below yellow_wr_threshold, or fewer than 20 trades are known",
        performance_rules.win_rate,
        performance=True,
    ),
    Rule(
        "calibration",
        "the calibration error (ECE) of stated confidences, newest ensemble, from ece_min_n trades on",
        "it is above red_ece_threshold, and with fewer than ece_window trades also beyond ece_gate of luck",
        "it is yellow_ece_threshold or more",
        performance_rules.calibration,
        performance=True,
    ),
    Rule(
        "signal_types",
        "the share of winners in the last 20 trades of each signal type that has as many",
        "two or more types are below red_wr_threshold",
        "one is",
        performance_rules.signal_types,
        performance=True,
    ),
)
"""In order of rank: among rules of the same status the first one is said to have decided."""

PERFORMANCE = frozenset(rule.name for rule in RULES if rule.performance)
ACKNOWLEDGEABLE = PERFORMANCE | {"paused"}
"""Rules whose red a person may acknowledge; the red of all others ends when its cause does."""
