"""What the desk shows of the rules and of the system that the light was decided from; nothing old is green."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any

from xfg_pipeline.desk.figures import DASH, between, chance, number, share
from xfg_pipeline.desk.formats import sentence
from xfg_pipeline.desk.light_view import NOT_ON_PROBATION, PARTS, WORDS, is_old, label_of, spoken
from xfg_pipeline.resources.shown_light import ShownLight
from xfg_pipeline.signals.calibration import wilson_interval
from xfg_pipeline.trading.light.facts import Reading, Thresholds, Trigger
from xfg_pipeline.trading.light.rules import RULES
from xfg_pipeline.trading.light.situation import WINDOW

_SHARES = frozenset({"win_rate", "daily_loss", "calibration"})
_MARKS = {"ok": "green", "unknown": "none", "degraded": "yellow", "failed": "red"}


@dataclass(frozen=True)
class RuleRow:
    """A rule with what it compared; `mark` is none where it is not judged."""

    label: str
    mark: str
    word: str
    says: str
    value: str
    limit: str
    n: str
    interval: str
    chance: str


@dataclass(frozen=True)
class Known:
    """What green rules read beside the light's own row: the newest snapshot, {} where there is none.

    `volatility`: the median of coins and how many; `failing_types`: signal types that fail, of how many.
    """

    snapshot: Mapping[str, Any]
    volatility: tuple[Decimal | None, int]
    failing_types: tuple[int | None, int]


@dataclass(frozen=True)
class HealthRow:
    """One part of the system."""

    label: str
    mark: str
    word: str
    detail: str


def rule_rows(shown: ShownLight, thresholds: Thresholds, known: Known) -> list[RuleRow]:
    """Every rule that is not green, worst first, then the others with what they read."""
    said = [_triggered(trigger) for trigger in shown.decision.triggers]
    named = {trigger.rule for trigger in shown.decision.triggers}
    if shown.row is None:
        return said
    for rule in RULES:
        if rule.name in named or rule.name.startswith("health_"):
            continue
        row = _green(rule.name, shown, thresholds, known)
        if "probation" in named and rule.name in NOT_ON_PROBATION:
            row = replace(row, mark="none", word="Off", says="Not judged on probation.")
        elif is_old(shown):
            row = replace(row, mark="none", word="Was green")
        said.append(row)
    return said


def health_rows(shown: ShownLight) -> list[HealthRow]:
    """Parts of the system, in the order in which they were read."""
    if is_old(shown):
        return [HealthRow(_part(one), "none", f"was {one.state}", sentence(one.detail)) for one in shown.health]
    return [HealthRow(_part(one), _MARKS[one.state], one.state, sentence(one.detail)) for one in shown.health]


def _part(one: Reading) -> str:
    return PARTS.get(one.part, one.part)


def _triggered(trigger: Trigger) -> RuleRow:
    return RuleRow(
        label=label_of(trigger.rule),
        mark=trigger.status,
        word=WORDS[trigger.status][0],
        says=spoken(trigger.message),
        value=_figure(trigger.rule, trigger.value),
        limit=_figure(trigger.rule, trigger.threshold),
        n=DASH if trigger.n is None else number(trigger.n, 0),
        interval=between(trigger.interval),
        chance=chance(trigger.chance),
    )


def _green(rule: str, shown: ShownLight, asked: Thresholds, known: Known) -> RuleRow:
    metrics, snapshot = shown.metrics, known.snapshot
    loss = metrics.get("daily_pnl_share")
    middle, coins = known.volatility
    failing, types = known.failing_types
    # By rule: the metric that it reads, its value, its limit, and the word before the limit.
    read: dict[str, tuple[str, Any, Any, str]] = {
        "win_rate": ("win_rate_last_20", metrics.get("win_rate_last_20"), asked.yellow_wr_threshold, "at least"),
        "daily_loss": ("daily_pnl_share", loss and max(Decimal(0), -loss), asked.yellow_daily_loss, "below"),
        "consecutive_losses": (
            "consecutive_losses",
            metrics.get("consecutive_losses"),
            asked.red_consecutive_losses - 1,
            "below",
        ),
        "calibration": ("ece", metrics.get("ece"), asked.yellow_ece_threshold, "below"),
        "volatility": ("", middle, asked.volatility_ratio, "at most"),
        "signal_types": ("", failing, 1, "below"),
    }
    name, value, limit, word = read[rule]
    sizes = {"volatility": coins, "signal_types": types}
    n = sizes[rule] if rule in sizes else (snapshot.get("samples") or {}).get(name)
    reason = (snapshot.get("reasons") or {}).get(name, "")
    # Too few to judge by: it holds nothing against the light, and speaks for nothing.
    is_known = value is not None
    return RuleRow(
        label=label_of(rule),
        mark="green" if is_known else "none",
        word="Green" if is_known else "Not judged",
        says=sentence(reason) if value is None else "",
        value=_figure(rule, value),
        limit=f"{word} {_figure(rule, limit)}",
        n=DASH if n is None else number(n, 0),
        interval=between(_interval(value)) if rule == "win_rate" else DASH,
        chance=DASH,
    )


def _interval(rate: Decimal | None) -> tuple[float, float] | None:
    # A win rate is green over a full window alone.
    return None if rate is None else wilson_interval(round(rate * WINDOW), WINDOW)


def _figure(rule: str, value: Any) -> str:
    return share(value) if rule in _SHARES else number(value)
