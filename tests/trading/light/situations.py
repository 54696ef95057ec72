"""Facts for the light: everything well unless a test says otherwise."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

from xfg_pipeline.trading.light.facts import PARTS, Health, Reading, Regime, State
from xfg_pipeline.trading.metrics.events import ClosedTrade
from xfg_pipeline.trading.metrics.metric import METRICS, Metric, Metrics, TypeRecord

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
CALM = Regime({"BTC": Decimal(1), "ETH": Decimal("1.2"), "SOL": Decimal("0.8")})


def trades(wins: Sequence[bool], end: datetime = NOON) -> tuple[ClosedTrade, ...]:
    """Closed one a minute, the last at `end`."""
    first = end - timedelta(minutes=len(wins) - 1)
    return tuple(
        ClosedTrade(first + timedelta(minutes=k), f"t{k}-{end:%d%H%M}", "BTC", Decimal(1 if win else -1))
        for k, win in enumerate(wins)
    )


def record(won: int, n: int = 20) -> list[bool]:
    """`won` of `n`, the losses first and never the last ones."""
    return [False] * (n - won) + [True] * won


def metrics(
    wins: Sequence[bool] = (True,) * 20,
    *,
    streak: int | None = None,
    daily: str | None = "0",
    ece: str | None = "0.02",
    forecasts: Sequence[tuple[float, bool]] | int = 200,
    types: dict[str, tuple[int, int]] | None = None,
    at: datetime = NOON,
    **more: Metric,
) -> Metrics:
    """`types` by name: wins, n. `forecasts` as a number: as many, without themselves. `streak` None: by the wins."""
    lost = next((k for k, win in enumerate(reversed(wins)) if win), len(wins)) if streak is None else streak
    n = forecasts if isinstance(forecasts, int) else len(forecasts)
    values: dict[str, Metric] = {name: Metric(Decimal(0), 0, sufficient=True) for name in METRICS}
    values["consecutive_losses"] = Metric(Decimal(lost), len(wins), sufficient=True)
    values["daily_pnl_share"] = Metric(None, 0, False, "equity is not known") if daily is None else _known(daily, 3)
    values["ece"] = Metric(None, n, False, f"{n} of 50") if ece is None else _known(ece, n)
    return Metrics(
        at,
        values | more,
        trades(wins, at)[-20:],
        () if isinstance(forecasts, int) else tuple(forecasts),
        {name: TypeRecord(n, won) for name, (won, n) in (types or {}).items()},
        tuple(wins[-50:]),
    )


def health(**states: State) -> Health:
    """Every part ok, unless named."""
    return Health(tuple(Reading(part, states.get(part, "ok"), "as told") for part in PARTS))


def regime(*ratios: str | None, stale: tuple[str, ...] = ()) -> Regime:
    """Ratios of as many coins."""
    return Regime({f"C{k}": None if ratio is None else Decimal(ratio) for k, ratio in enumerate(ratios)}, stale)


def _known(value: Any, n: int) -> Metric:
    return Metric(Decimal(value), n, sufficient=True)
