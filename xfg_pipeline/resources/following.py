"""What a person made of each signal, counted: rows of signals with their trades in, words with numbers out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from xfg_pipeline.signals.records import Direction
from xfg_pipeline.trading.matching import SignalPlan
from xfg_pipeline.trading.usage import Usage, usage_of

Word = Usage | Literal["paused"]
WORDS: tuple[Word, ...] = ("taken", "late", "skipped", "open", "paused")


@dataclass(frozen=True)
class Followed:
    """How many signals, and their mean R with the number that it is of.

    R is that of the trade where one was made; of what was skipped or paused, that which the plan would have had.
    """

    usage: Word
    n: int
    r_n: int
    mean_r: Decimal | None


@dataclass(frozen=True)
class _Entry:
    """A trade, or a fill that no trade was made of yet, as the rule of usage looks at it."""

    episode: str
    order_link_id: str
    coin: str
    direction: Direction
    entry_time: datetime | None
    entry_price: Decimal


_PLAN = tuple(one.name for one in fields(SignalPlan))


def counted_usage(rows: Sequence[Mapping[str, Any]], now: datetime) -> list[Followed]:
    """Rows of performance_views.followed_signals by what was made of them, every word once."""
    ratios: dict[Word, list[Decimal | None]] = {word: [] for word in WORDS}
    for row in rows:
        word = word_of(row, now)
        has_trade = row["trade_episode"] is not None
        ratio = row["trade_r_multiple"] if has_trade else row["outcome_r"] if word in ("skipped", "paused") else None
        ratios[word].append(None if ratio is None else Decimal(str(ratio)))
    return [_counted(word, found) for word, found in ratios.items()]


def use_of(row: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """One signal and what was made of it; the trade's columns are null where there is none."""
    named = {name: row[name] for name in ("id", "coin", "slot", "direction", "signal_type", "status", "order_link_id")}
    trade = {name: row[name] for name in ("trade_id", "trade_entry_time", "trade_r_multiple", "trade_slippage")}
    return named | {"usage": word_of(row, now)} | trade | {"plan_r_multiple": row["outcome_r"]}


def word_of(row: Mapping[str, Any], now: datetime) -> Word:
    """What was made of one signal. Paused: the light forbade it, and nobody traded it all the same."""
    entry = _entry_of(row)
    if entry is None and row["position_multiplier"] == 0:
        return "paused"
    return usage_of(SignalPlan(**{name: row[name] for name in _PLAN}), entry, now)


def _entry_of(row: Mapping[str, Any]) -> _Entry | None:
    if row["trade_episode"] is not None:
        return _Entry(
            row["trade_episode"],
            row["trade_order_link_id"],
            row["coin"],
            row["direction"],
            row["trade_entry_time"],
            row["trade_entry_price"],
        )
    if row["status"] != "executed":
        return None
    # Filled, and nothing of it closed yet: there is no trade of it so far.
    return _Entry("", row["order_link_id"], row["coin"], row["direction"], row["executed_at"], row["entry_high"])


def _counted(word: Word, ratios: Sequence[Decimal | None]) -> Followed:
    known = [ratio for ratio in ratios if ratio is not None]
    mean = round(sum(known, Decimal(0)) / len(known), 9) if known else None
    return Followed(word, len(ratios), len(known), mean)
