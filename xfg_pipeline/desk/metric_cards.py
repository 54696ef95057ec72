"""Metrics as cards: no number without its sample, and what is not known is greyed with the reason."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from xfg_pipeline.desk.figures import DASH, between, money, number, share, signed_share
from xfg_pipeline.desk.formats import counted, sentence
from xfg_pipeline.trading.light.facts import Thresholds

JUDGED = ("win_rate", "calibration", "consecutive_losses", "daily_loss")
"""Rules of the light whose colour stands on a card."""


@dataclass(frozen=True)
class Card:
    """One metric. `off`: not known, `notes` say why. `lines` are a small table of further values."""

    name: str
    value: str
    small: str
    notes: tuple[str, ...]
    off: bool = False
    lines: tuple[tuple[str, str, str], ...] = ()
    mark: str = ""


def cards_of(row: Mapping[str, Any], asked: Thresholds, marks: Mapping[str, str]) -> list[Card]:
    """The cards of a snapshot; `marks` are the colours of rules by name."""
    made = _Cards(row, marks)
    green, red = asked.yellow_wr_threshold, asked.red_wr_threshold
    n = made.n("win_rate_last_20")
    rate = row["win_rate_last_20"]
    won = f"{round(rate * n)} of {n}" if rate is not None else ""
    streak = asked.red_consecutive_losses
    interval = between((row["win_rate_low"], row["win_rate_high"]))
    return [
        made.card(
            "Win rate, last 20",
            "win_rate_last_20",
            share(rate, 0),
            won,
            f"95% interval {interval}",
            f"green from {share(green)}, red below {share(red)}",
            rule="win_rate",
        ),
        made.card(
            "Calibration error, trades",
            "ece",
            share(row["ece"]),
            f"n = {made.n('ece')}",
            f"yellow from {share(asked.yellow_ece_threshold)}, red above {share(asked.red_ece_threshold)}",
            rule="calibration",
        ),
        made.card(
            "Losses in a row",
            "consecutive_losses",
            number(row["consecutive_losses"], 0),
            "now",
            f"of {counted(row['total_trades'], 'closed trade')}",
            f"yellow at {streak - 1}, red from {streak}",
            rule="consecutive_losses",
        ),
        made.card(
            "Deepest drawdown",
            "max_drawdown",
            share(row["max_drawdown"]),
            "below the peak",
            "of equity, deposits and withdrawals left out",
            "no rule of the light",
        ),
        made.profit(asked),
        made.card(
            "Sharpe, yearly",
            "sharpe_ratio",
            number(row["sharpe_ratio"]),
            f"n = {counted(made.n('sharpe_ratio'), 'day')}",
            f"one trade: {number(row['sharpe_per_trade'])}",
            "no rule of the light",
        ),
        made.card(
            "Profit factor",
            "profit_factor",
            number(row["profit_factor"]),
            f"n = {made.n('profit_factor')}",
            "gains over losses, net of fees",
        ),
        made.card(
            "Expectancy",
            "expectancy_r",
            f"{money(row['expectancy_r'])} R",
            f"n = {made.n('expectancy_r')}",
            "mean of trades whose risk is known",
        ),
        made.card(
            "Brier score, trades",
            "brier",
            number(row["brier"], 3),
            f"n = {made.n('brier')}",
            f"log loss {number(row['log_loss'], 3)}; lower is better",
        ),
        made.events(),
        made.card(
            "Equity",
            "equity",
            money(row["equity"], sign=False),
            "USDT",
            "without open positions, as metrics count it",
        ),
    ]


class _Cards:
    """Makes cards of one snapshot."""

    def __init__(self, row: Mapping[str, Any], marks: Mapping[str, str]) -> None:
        self.row = row
        self.samples: Mapping[str, Any] = row["samples"]
        self.reasons: Mapping[str, str] = row["reasons"]
        self.marks = marks

    def n(self, name: str) -> int:
        """The sample of a metric."""
        return int(self.samples.get(name) or 0)

    def card(self, title: str, name: str, value: str, small: str, *notes: str, rule: str = "") -> Card:
        """A metric that is one number; greyed with the reason where it is null."""
        mark = self.marks.get(rule, "green") if rule else ""
        if self.row[name] is None:
            why = sentence(self.reasons.get(name, "not known"))
            return Card(title, DASH, "", (why, *notes[-1:]), off=True, mark=mark)
        return Card(title, value, small, notes, mark=mark)

    def profit(self, asked: Thresholds) -> Card:
        """P&L of the day, large, with the other stretches below."""
        row = self.row
        day = row["daily_pnl"]
        whole = (
            "" if row["daily_pnl_share"] is None else f"{signed_share(row['daily_pnl_share'])} of the equity at 00:00. "
        )
        limits = f"Yellow from {share(-asked.yellow_daily_loss)}, red below {share(-asked.red_daily_loss)}."
        lines = tuple(
            (label, signed_share(row[f"{name}_share"]), money(row[name]))
            for label, name in (("24 hours", "pnl_24h"), ("Week", "weekly_pnl"), ("Month", "monthly_pnl"))
        )
        reason = self.reasons.get("daily_pnl_share", "")
        notes = (f"{whole}{limits}",) if whole else (sentence(reason or "its share of equity is not known"), limits)
        mark = self.marks.get("daily_loss", "green")
        return Card("Profit and loss, net of fees", money(day), "USDT today", notes, day is None, lines, mark)

    def events(self) -> Card:
        """Calibration of the event that the model predicts: never that of trades."""
        n, row = int(self.row["event_n"]), self.row
        title = "Calibration error, events"
        if row["event_ece"] is None:
            return Card(title, DASH, "", ("No predicted event of 30 days is decided yet.",), off=True)
        brier = number(Decimal(row["event_brier"]), 3) if row["event_brier"] is not None else DASH
        notes = (f"Brier score {brier}", "all predicted slots of 30 days, taken or not")
        return Card(title, share(row["event_ece"]), f"n = {n:,}", notes)
