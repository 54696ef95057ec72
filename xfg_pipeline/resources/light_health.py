"""The state of the system as the light reads it: each part looked at, what cannot be told is unknown."""

from datetime import datetime, timedelta
from decimal import Decimal

from xfg_pipeline.resources.health import DAEMONS, HEARTBEAT_SECONDS, heartbeat_ages
from xfg_pipeline.resources.market_standing import STALE_AFTER
from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage import account_state, service_marks
from xfg_pipeline.storage.account_state import SyncState
from xfg_pipeline.storage.candles import newest_closes
from xfg_pipeline.trading.light.facts import Health, Reading

ACCOUNT_STALE_AFTER = timedelta(minutes=10)
"""The account is asked every half minute."""
SKEW_DEGRADED, SKEW_FAILED = Decimal(2), Decimal(5)
"""Seconds; Bybit refuses what is signed 5 s off."""
_WORDS = {
    "key": "its key is refused",
    "incomplete": "records cannot be used",
    "malformed": "its answer cannot be meant",
}


def market_mark(market: str) -> str:
    """The mark of the last time that the market answered."""
    return f"market.{market}.answered"


def read_health(pipeline: Pipeline, now: datetime) -> Health:
    """All parts as they are now. Raises DatabaseUnavailable: then there is no light to write either."""
    account = pipeline.settings.account_name
    with pipeline.database.read() as connection:
        states = account_state.sync_states(connection, account)
    return Health(
        (
            _market(pipeline, now),
            *_candles(pipeline, now),
            _account(pipeline, states, now),
            _models(pipeline),
            _clock(states.get("state"), now),
            Reading("database", "ok", "Postgres answers"),
            _daemon(pipeline),
        )
    )


def _market(pipeline: Pipeline, now: datetime) -> Reading:
    answered = service_marks.read(pipeline.database, market_mark(pipeline.settings.market_name))
    if answered is None:
        return Reading("market", "unknown", "the market was not asked yet")
    age = now - answered
    if age > STALE_AFTER:
        return Reading("market", "failed", f"the market last answered {_minutes(age)} ago", *_ages(age, STALE_AFTER))
    return Reading("market", "ok", f"answered {_minutes(age)} ago")


def _candles(pipeline: Pipeline, now: datetime) -> list[Reading]:
    coins = pipeline.settings.market.coins
    with pipeline.database.read() as connection:
        newest = newest_closes(connection, pipeline.settings.market_name, coins)
    found = []
    for coin in coins:
        if coin not in newest:
            found.append(Reading("candles", "failed", f"{coin} has no candle"))
        elif (age := now - newest[coin]) > STALE_AFTER:
            said = f"the newest candle of {coin} closed {_minutes(age)} ago"
            found.append(Reading("candles", "failed", said, *_ages(age, STALE_AFTER)))
    return found or [Reading("candles", "ok", f"all {len(coins)} coins have a fresh candle")]


def _account(pipeline: Pipeline, states: dict[str, SyncState], now: datetime) -> Reading:
    if pipeline.account is None:
        return Reading("account", "failed", "there is no API key: set bybit.api_key and api_secret")
    for kind in ("closings", "state"):
        state = states.get(kind)
        if state is None:
            return Reading("account", "unknown", "the account was not read yet")
        if state.problem is not None:
            word = _WORDS.get(state.problem_kind or "", "it does not answer")
            return Reading("account", "failed", f"{kind} of the account: {word}: {state.problem}")
        if state.succeeded_at is None or (age := now - state.succeeded_at) > ACCOUNT_STALE_AFTER:
            said = "never" if state.succeeded_at is None else f"{_minutes(age)} ago"
            return Reading("account", "failed", f"{kind} of the account were read {said}")
    for kind in ("executions", "orders"):
        state = states.get(kind)
        if state is None or state.problem is not None:
            why = "were not read yet" if state is None else f"cannot be read: {state.problem}"
            return Reading("account", "degraded", f"{kind} of the account {why}")
    return Reading("account", "ok", "read in full")


def _models(pipeline: Pipeline) -> Reading:
    from xfg_pipeline.signals.ensemble import EnsembleRefused

    try:
        ensemble = pipeline.ensemble
    except EnsembleRefused as refused:
        return Reading("models", "failed", f"the ensemble is refused: {' '.join(str(refused).split())}")
    return Reading("models", "ok", f"{len(ensemble.names)} models of {ensemble.manifest.name}")


def _clock(state: SyncState | None, now: datetime) -> Reading:
    if state is None or state.succeeded_at is None or now - state.succeeded_at > ACCOUNT_STALE_AFTER:
        return Reading("clock", "unknown", "the clock was not compared with the account's of late")
    skew = abs(Decimal(str(state.facts.get("clock_skew", "NaN"))))
    if skew.is_nan():
        return Reading("clock", "unknown", "the account did not tell its time")
    said = f"{skew:.1f} s off the account's clock"
    if skew > SKEW_FAILED:
        return Reading("clock", "failed", f"{said}: let it be set by NTP", skew, SKEW_FAILED)
    if skew > SKEW_DEGRADED:
        return Reading("clock", "degraded", f"{said}: let it be set by NTP", skew, SKEW_DEGRADED)
    return Reading("clock", "ok", said, skew, SKEW_DEGRADED)


def _daemon(pipeline: Pipeline) -> Reading:
    ages = heartbeat_ages(pipeline.database)
    missing = sorted(name.lower() for name in DAEMONS if name not in ages)
    if missing:
        return Reading("daemon", "unknown", f"Dagster's daemon never reported: {', '.join(missing)}")
    late = max(ages[name] for name in DAEMONS)
    if late > HEARTBEAT_SECONDS:
        value, limit = Decimal(round(late)), Decimal(round(HEARTBEAT_SECONDS))
        return Reading("daemon", "failed", f"Dagster's daemon reported {late:.0f} s ago", value, limit)
    return Reading("daemon", "ok", f"reported {late:.0f} s ago")


def _ages(age: timedelta, limit: timedelta) -> tuple[Decimal, Decimal]:
    return Decimal(round(age.total_seconds())), Decimal(round(limit.total_seconds()))


def _minutes(age: timedelta) -> str:
    return f"{max(age.total_seconds(), 0) / 60:.0f} min"
