"""The traffic light as a person asks for it: as it holds now, its history, what it cost, and the two things to do."""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from statistics import median
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection

from xfg_pipeline.resources.level_book import Idempotency, IdempotencyConflict
from xfg_pipeline.resources.shown_light import DayOfLight, ShownLight
from xfg_pipeline.resources.signal_book import MOST_ROWS, Mode, span, utc_day
from xfg_pipeline.signals.calibration import DIGITS
from xfg_pipeline.storage import light_views as views
from xfg_pipeline.storage import manual_levels
from xfg_pipeline.storage.database import Database, try_lock
from xfg_pipeline.storage.light_rows import decision_of
from xfg_pipeline.storage.light_views import ActionWord
from xfg_pipeline.storage.signal_views import Page
from xfg_pipeline.trading.guard_cost import GuardCost, GuardedPlan, guard_cost
from xfg_pipeline.trading.light.decide import worst_of
from xfg_pipeline.trading.light.facts import (
    MULTIPLIERS,
    Action,
    Decision,
    Evidence,
    Thresholds,
    Trigger,
)
from xfg_pipeline.trading.light.keeping import paused_by
from xfg_pipeline.trading.light.reading import at_reading, not_evaluated

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline

log = logging.getLogger(__name__)

MOST_DAYS_SHOWN = 92
LONGEST_REASON = 500
LONGEST_NAME = 64
EVIDENCES: tuple[Evidence, ...] = ("literal", "gated")
NEVER = "no light has been evaluated yet"


class ReasonRefused(ValueError):
    """A reason that cannot be kept; the message says what must be true of it."""


class NotAcknowledged(Exception):
    """The light cannot be acknowledged. `triggers` are what must end by itself first; none: it is not red."""

    def __init__(self, message: str, triggers: tuple[Trigger, ...]) -> None:
        super().__init__(message)
        self.triggers = triggers


@dataclass(frozen=True)
class Acted:
    """What a person did, as it is kept. `evaluated`: the light was decided again at once; else the next slot does."""

    action: dict[str, Any]
    evaluated: bool
    replayed: bool = False


@dataclass(frozen=True)
class LightBook:
    """Reading the light of one account, and pausing or acknowledging it.

    `evaluate` decides the light again, with the cause that it is given. `moment` is the market's own time.
    """

    database: Database
    account: str
    market: str
    mode: Mode
    thresholds: Thresholds
    base_risk: Decimal
    moment: Callable[[], datetime]
    evaluate: Callable[[ActionWord], None]

    def about(self, as_of: datetime) -> dict[str, Any]:
        """What every answer says of itself."""
        return {"as_of": as_of, "account": self.account, "market": self.market, "mode": self.mode}

    def now(self, as_of: datetime) -> ShownLight:
        """The light that holds. It is red where nothing is known of it, or what is known is too old."""
        with self.database.read() as connection:
            return self._shown(connection, as_of)

    def history(
        self, first: date, last: date, *, changed: bool | None = None, limit: int = MOST_ROWS, offset: int = 0
    ) -> Page:
        """Rows of UTC days, both included, live and backfilled, newest first. Raises RangeRefused."""
        start, end = span(first, last)
        with self.database.read() as connection:
            return views.history_page(
                connection, self.account, start, end, changed=changed, limit=min(limit, MOST_ROWS), offset=offset
            )

    def days(self, count: int, as_of: datetime) -> list[DayOfLight]:
        """The last UTC days up to that of `as_of`, oldest first; what was shown stands before what was backfilled."""
        last = utc_day(as_of)
        first = last - timedelta(days=min(count, MOST_DAYS_SHOWN) - 1)
        with self.database.read() as connection:
            rows = views.counts_by_day(connection, self.account, *span(first, last))
        found = []
        for number in range((last - first).days + 1):
            day = first + timedelta(days=number)
            own = [row for row in rows if row["day"] == day]
            mode = next((mode for mode in ("live", "backfill") if any(row["mode"] == mode for row in own)), None)
            counts = {row["status"]: row["n"] for row in own if row["mode"] == mode}
            found.append(DayOfLight(day, counts, mode))
        return found

    def volatility(self, as_of: datetime) -> tuple[Decimal | None, int]:
        """The median of the coins' volatility against their own normal, as the light takes it, and of how many."""
        with self.database.read() as connection:
            ratios = views.newest_ratios(connection, self.market, as_of - views.LOOK_BACK, as_of)
        known = [round(Decimal(str(ratio)), DIGITS) for ratio in ratios]
        return (median(known) if known else None), len(known)

    def actions(self, limit: int = 20) -> list[dict[str, Any]]:
        """What people did, newest first."""
        with self.database.read() as connection:
            return views.actions(connection, self.account, limit)

    def pause(self, who: str, reason: str, idempotency: Idempotency | None = None) -> Acted:
        """Make it red at once, until somebody acknowledges. Raises ReasonRefused and IdempotencyConflict."""
        return self._act("pause", who, reason, idempotency)

    def acknowledge(self, who: str, reason: str, idempotency: Idempotency | None = None) -> Acted:
        """Leave red for probation, which is yellow. Raises NotAcknowledged, ReasonRefused and IdempotencyConflict."""
        return self._act("acknowledge", who, reason, idempotency)

    def guard_cost(self, first: date, last: date) -> GuardCost:
        """What red and yellow saved and cost by the outcomes of signals of UTC days. Raises RangeRefused."""
        start, end = span(first, last)
        with self.database.read() as connection:
            rows = views.guarded_signals(connection, views.GuardedSpan(self.market, self.account, start, end))
        return guard_cost(self._plan(row) for row in rows)

    # ---- inside ----

    def _plan(self, row: Mapping[str, Any]) -> GuardedPlan:
        multiplier, equity, ratio = row["position_multiplier"], row["equity"], row["r_multiple"]
        status = next(name for name, own in MULTIPLIERS.items() if own == multiplier)
        # A paused signal has no size: what it would have risked is what every signal risks.
        full = row["risk_amount"] / multiplier if multiplier else None if equity is None else equity * self.base_risk
        return GuardedPlan(
            slot=row["slot"],
            coin=row["coin"],
            status=status,
            multiplier=multiplier,
            rule=row["triggered_by"] if row["light_status"] == status else None,
            r_multiple=None if ratio is None else Decimal(str(ratio)),
            risk=full,
        )

    def _act(self, action: ActionWord, who: str, reason: str, idempotency: Idempotency | None) -> Acted:
        reason = signed_reason(reason)
        as_of = self.moment()
        with self.database.begin() as connection:
            if idempotency is not None and (kept := _recalled(connection, idempotency)) is not None:
                return Acted(kept, evaluated=True, replayed=True)
            if action == "acknowledge":
                self._may_be_acknowledged(connection, as_of)
            row = views.keep_action(connection, self.account, as_of, action, who[:LONGEST_NAME], reason)
            if idempotency is not None:
                _remember(connection, idempotency, row, as_of)
        try:
            self.evaluate(action)
        except Exception:
            # It is kept, and holds: a pause from now on at every reading, an acknowledgement from the next evaluation.
            log.exception("the light could not be evaluated after %s by %s", action, row["who"])
            return Acted(row, evaluated=False)
        return Acted(row, evaluated=True)

    def _may_be_acknowledged(self, connection: Connection, as_of: datetime) -> None:
        shown = self._shown(connection, as_of)
        if shown.status != "red":
            raise NotAcknowledged(f"The light is {shown.status}: there is nothing to acknowledge.", ())
        standing = shown.standing
        if standing:
            said = " ".join(sentence_of(trigger) for trigger in standing)
            raise NotAcknowledged(f"{said} That must end by itself; it cannot be acknowledged.", standing)

    def _shown(self, connection: Connection, as_of: datetime) -> ShownLight:
        row = views.newest(connection, self.account)
        last = views.newest_action(connection, self.account)
        pause = last if last is not None and last["action"] == "pause" else None
        if row is None:
            never = not_evaluated(NEVER)
            return ShownLight(never, as_of, None, None, pause, dict.fromkeys(EVIDENCES, never))
        since = views.holds_since(connection, self.account, row)
        lights = {name: self._read(decision_of(row["lights"][name]), row, as_of, pause) for name in EVIDENCES}
        return ShownLight(self._read(decision_of(row), row, as_of, pause), as_of, row, since, pause, lights)

    @staticmethod
    def _read(decision: Decision, row: dict[str, Any], as_of: datetime, pause: dict[str, Any] | None) -> Decision:
        done = None if pause is None else Action(pause["at"], "pause", pause["who"], pause["reason"])
        shown = at_reading(decision, row["timestamp"], as_of, pause=done)
        if done is not None and shown.status != "red":
            # Decided while somebody was pausing: what nobody has acknowledged holds.
            return worst_of((paused_by(done), *shown.triggers))
        return shown


def sentence_of(trigger: Trigger) -> str:
    """Its message with a capital and a full stop."""
    text = trigger.message.strip()
    return f"{text[:1].upper()}{text[1:]}" + ("" if text.endswith(".") else ".")


def signed_reason(text: str) -> str:
    """A reason without the spaces around it. Raises ReasonRefused."""
    reason = " ".join(text.split())
    if not reason:
        raise ReasonRefused("must say why: it stays in the audit log")
    if len(reason) > LONGEST_REASON:
        raise ReasonRefused(f"must have {LONGEST_REASON} characters or fewer, not {len(reason)}")
    if not reason.isprintable():
        raise ReasonRefused("must be text without control characters")
    return reason


def _recalled(connection: Connection, idempotency: Idempotency) -> dict[str, Any] | None:
    subject = (idempotency.username, idempotency.endpoint, idempotency.key)
    if not try_lock(connection, "idempotency", *subject):
        raise IdempotencyConflict("in_flight")
    kept = manual_levels.recall(connection, *subject)
    if kept is None:
        return None
    if kept["body_sha256"] != idempotency.body_sha256:
        raise IdempotencyConflict("body")
    return dict(kept["response"])


def _remember(connection: Connection, idempotency: Idempotency, row: dict[str, Any], at: datetime) -> None:
    facts = {
        "username": idempotency.username,
        "endpoint": idempotency.endpoint,
        "key": idempotency.key,
        "body_sha256": idempotency.body_sha256,
        "response": row | {"at": row["at"].isoformat()},
        "created_at": at,
    }
    manual_levels.remember(connection, facts)


def light_book_of(pipeline: "Pipeline") -> LightBook:
    """The book of a pipeline's own account."""

    def evaluate(cause: ActionWord) -> None:
        from xfg_pipeline.resources.controlling import evaluate_now

        evaluate_now(pipeline, cause)

    settings = pipeline.settings
    return LightBook(
        database=pipeline.database,
        account=settings.account_name,
        market=settings.market_name,
        mode=settings.trading_mode,
        thresholds=settings.thresholds(),
        base_risk=settings.trading.base_risk_per_trade,
        moment=pipeline.market_now,
        evaluate=evaluate,
    )
