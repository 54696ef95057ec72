"""Questions about candles, predictions and signals as they stand now, each answered by the problems found."""

from datetime import timedelta

import sqlalchemy as sa

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.resources.standing import Finding
from xfg_pipeline.signals.candles import gaps
from xfg_pipeline.signals.slots import SLOT, moment, slot_at
from xfg_pipeline.storage.candles import coins_with_gaps, newest_closes, read_candles
from xfg_pipeline.storage.decided import late_slots, left_behind

LOOK_BACK = timedelta(days=33)
STALE_AFTER = 2 * SLOT
LATE_AFTER = timedelta(minutes=10)
# A close that is half or twice the one before: a market can do it, a wrong candle does it more often.
LEAP = 2.0


def candle_gaps(pipeline: Pipeline) -> list[Finding]:
    """Stretches without candles between a coin's first kept one of the last 33 days and its newest."""
    end = slot_at(pipeline.market_now())
    found = []
    with pipeline.database.read() as connection:
        holed = coins_with_gaps(connection, pipeline.market.name, pipeline.settings.market.coins, end - LOOK_BACK, end)
        kept = read_candles(connection, pipeline.market.name, holed, end - LOOK_BACK, end)
    for coin, candles in kept.items():
        first, last = moment(candles.open_time[0]), moment(candles.open_time[-1])
        found += [
            Finding(
                f"{coin} {start:%Y-%m-%d %H:%M} to {stop:%Y-%m-%d %H:%M} UTC",
                "candles are missing; slots of that day and of three days after it have no features",
                "xfg backfill candles over these dates; where the market itself has none, nothing can be done",
            )
            for start, stop in gaps(candles, first, last)
        ]
    return found


def stale_candles(pipeline: Pipeline) -> list[Finding]:
    """Coins whose newest candle closed more than two intervals ago, or that have none."""
    now = pipeline.market_now()
    remedy = "see the failed runs of job slots_of_days, and whether the market answers"
    with pipeline.database.read() as connection:
        newest = newest_closes(connection, pipeline.market.name, pipeline.settings.market.coins)
    found = [
        Finding(coin, "there is no candle at all", remedy)
        for coin in pipeline.settings.market.coins
        if coin not in newest
    ]
    return found + [
        Finding(coin, f"the newest candle closed at {at:%Y-%m-%d %H:%M} UTC, {_age(now - at)} ago", remedy)
        for coin, at in newest.items()
        if now - at > STALE_AFTER
    ]


_ODD = """
SELECT coin, open_time, close, before, volume FROM (
    SELECT coin, open_time, close, volume, lag(close) OVER (PARTITION BY coin ORDER BY open_time) AS before
    FROM candles WHERE market = :market AND coin = ANY(:coins) AND open_time >= :since
) AS seen
WHERE close > before * :leap OR close * :leap < before OR volume = 0
ORDER BY open_time DESC LIMIT 100
"""


def odd_candles(pipeline: Pipeline) -> list[Finding]:
    """Leaps to half or twice the price, and candles without any volume, in the last 33 days.

    What no market can have made is impossible in the table already.
    """
    facts = {
        "market": pipeline.market.name,
        "coins": list(pipeline.settings.market.coins),
        "since": pipeline.market_now() - LOOK_BACK,
        "leap": LEAP,
    }
    with pipeline.database.read() as connection:
        rows = connection.execute(sa.text(_ODD), facts).all()
    return [
        Finding(
            f"{row.coin} {row.open_time:%Y-%m-%d %H:%M} UTC",
            "no volume at all" if row.volume == 0 else f"close {row.close:g} after {row.before:g}",
            "compare with the exchange's own chart; a revised candle replaces this one when it is fetched again",
            is_doubt=True,
        )
        for row in rows
    ]


def late(pipeline: Pipeline) -> list[Finding]:
    """Slots that are due and not decided: of the last day all, before it (33 days back) those that have their candle.

    Counted from the first slot ever decided. Before the schedule's first run, what can still be acted on waits for it.
    """
    now = pipeline.market_now()
    market, coins = pipeline.market.name, pipeline.settings.market.coins
    newest = slot_at(now - LATE_AFTER)
    with pipeline.database.read() as connection:
        first, is_live = connection.execute(
            sa.text(
                "SELECT (SELECT min(slot) FROM signal_candidates WHERE market = :market), EXISTS (SELECT FROM "
                "signal_candidates WHERE market = :market AND slot > :yesterday AND mode = 'live')"
            ),
            {"market": market, "yesterday": newest - timedelta(days=1)},
        ).one()
        if first is None:
            return [Finding(market, "no slot was ever decided", "see the runs of job slots_of_days")]
        if not is_live:
            newest = slot_at(now - LATE_AFTER - pipeline.signal_rules.ttl)
        recent = max(first, newest - timedelta(days=1))
        missing = late_slots(connection, market, coins, recent, newest)
        older = left_behind(connection, market, coins, newest - LOOK_BACK, recent)
    return [
        Finding(
            coin,
            f"{count} slots are not decided, the first is {slot:%Y-%m-%d %H:%M} UTC",
            "the next run catches up; see the failed runs of slots_of_days, and the check candles_have_no_gap",
        )
        for coin, count, slot in missing
    ] + [
        Finding(
            coin,
            f"{count} slots from {begin:%Y-%m-%d %H:%M} to {last:%Y-%m-%d %H:%M} UTC have a candle and no decision",
            f"no run goes back so far by itself: xfg backfill signals {begin:%Y-%m-%d} {last:%Y-%m-%d}",
        )
        for coin, count, begin, last in older
    ]


_UNSOUND_PREDICTIONS = """
SELECT coin, max(slot) AS slot, 'the same probabilities at each of ' || count(*) || ' slots' AS what FROM predictions
WHERE market = :market AND coin = ANY(:coins) AND slot >= :since
GROUP BY coin HAVING count(*) >= 20 AND max(p_up) = min(p_up) AND max(p_down) = min(p_down)
UNION ALL
SELECT coin, slot, 'predicted, and nothing was decided' FROM predictions AS made
WHERE market = :market AND coin = ANY(:coins) AND slot >= :since AND made_at < :settled AND NOT EXISTS (
    SELECT FROM signal_candidates AS judged
    WHERE (judged.market, judged.coin, judged.slot) = (made.market, made.coin, made.slot))
UNION ALL
SELECT coin, max(slot), 'the ensemble gave no usable answer at ' || count(*) || ' slots' FROM signal_candidates
WHERE market = :market AND coin = ANY(:coins) AND slot >= :since AND gate = 'model' GROUP BY coin
UNION ALL
SELECT 'all coins', CAST(:since AS timestamptz), 'nothing was predicted since then' WHERE NOT EXISTS (
    SELECT FROM predictions WHERE market = :market AND coin = ANY(:coins) AND slot >= :since)
LIMIT 100
"""


def unsound_predictions(pipeline: Pipeline) -> list[Finding]:
    """Of the last day: probabilities that do not move, are unusable or not there, and those that nothing followed."""
    now = pipeline.market_now()
    return _rows(
        pipeline,
        _UNSOUND_PREDICTIONS,
        {"since": now - timedelta(days=1), "settled": now - timedelta(minutes=15)},
        "look at the ensemble (docs/models.md) and at the failed runs of job slots_of_days",
    )


_UNSOUND_SIGNALS = """
SELECT made.coin, made.slot, 'no prediction stands behind it, or a weaker one' AS what FROM signals AS made
LEFT JOIN predictions AS said USING (market, coin, slot)
WHERE market = :market AND slot >= :since
  AND (said.slot IS NULL OR abs(CASE made.direction WHEN 'LONG' THEN said.p_up ELSE said.p_down END
       - made.confidence) > 0.000001)
UNION ALL
SELECT coin, slot, 'another signal of the coin was open' FROM signals AS made
WHERE market = :market AND slot >= :since AND EXISTS (SELECT FROM signals AS other WHERE other.market = made.market
  AND other.coin = made.coin AND other.slot < made.slot AND other.expires_at > made.slot)
UNION ALL
SELECT max(coin), max(slot), count(*) || ' signals on one day' FROM signals
WHERE market = :market AND slot >= :since
GROUP BY (slot AT TIME ZONE 'UTC')::date, position_multiplier = 0 HAVING count(*) > :most
UNION ALL
SELECT coin, slot, 'risk/reward ' || risk_reward || ' is below the gate' FROM signals
WHERE market = :market AND slot >= :since AND risk_reward < :least
UNION ALL
SELECT coin, slot, 'expired, and still shown as ' || status FROM signals
WHERE market = :market AND status IN ('ready', 'paused') AND expires_at < :overdue
LIMIT 100
"""


def unsound_signals(pipeline: Pipeline) -> list[Finding]:
    """Signals of the last two days that break a rule that they were made by."""
    now, rules = pipeline.market_now(), pipeline.signal_rules
    return _rows(
        pipeline,
        _UNSOUND_SIGNALS,
        {
            "since": now - timedelta(days=2),
            "most": rules.max_signals_per_day,
            "least": rules.min_risk_reward,
            "overdue": now - timedelta(minutes=30),
        },
        "trade none of them before it is understood; a change of the settings explains it from its day on",
    )


def _rows(pipeline: Pipeline, query: str, facts: dict[str, object], remedy: str) -> list[Finding]:
    own = {"market": pipeline.market.name, "coins": list(pipeline.settings.market.coins)}
    with pipeline.database.read() as connection:
        rows = connection.execute(sa.text(query), own | facts).all()
    return [Finding(f"{row.coin} {row.slot:%Y-%m-%d %H:%M} UTC", row.what, remedy) for row in rows]


def _age(age: timedelta) -> str:
    minutes = int(age.total_seconds() // 60)
    return f"{minutes} min" if minutes < 120 else f"{minutes // 60} h"
