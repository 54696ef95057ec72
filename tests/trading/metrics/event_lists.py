"""Lists of events for tests: written by hand in a line each, or any that hypothesis finds."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import strategies as st

from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown, Event, Realised
from xfg_pipeline.trading.metrics.ledger import Ledger
from xfg_pipeline.trading.metrics.metric import Metrics

MONDAY = datetime(2026, 6, 1, tzinfo=UTC)
"""Monday, and the first of a month."""


def equity(amount: str, at: datetime = MONDAY) -> EquityKnown:
    return EquityKnown(at, "a-equity", Decimal(amount))


def closing(pnl: str, at: datetime = MONDAY, name: str = "b-closing") -> Realised:
    return Realised(at, name, Decimal(pnl))


def trade(
    win: bool,
    at: datetime,
    *,
    pnl: str | None = None,
    r: str | None = None,
    kind: str | None = None,
    coin: str = "BTC",
    confidence: float | None = None,
    ensemble: str | None = None,
) -> ClosedTrade:
    amount = Decimal(pnl if pnl is not None else "1" if win else "-1")
    return ClosedTrade(at, "c-trade", coin, amount, None if r is None else Decimal(r), kind, confidence, ensemble)


def hours(count: float, since: datetime = MONDAY) -> datetime:
    return since + timedelta(hours=count)


def days(count: float, since: datetime = MONDAY) -> datetime:
    return since + timedelta(days=count)


def folded(*events: Event, ledger: Ledger | None = None) -> Ledger:
    made = ledger or Ledger()
    for event in events:
        made.add(event)
    return made


def read(*events: Event, at: datetime) -> Metrics:
    return folded(*events).at(at)


amounts = st.one_of(
    st.decimals(-500, 500, places=2),
    st.decimals(-3, 3, places=8),
    st.sampled_from([Decimal(0), Decimal("0.10"), Decimal("-0.10")]),
)
equities = st.decimals(-10, 20_000, places=4)
_gaps = st.one_of(
    st.integers(0, 600),
    st.sampled_from([0, 1, 1439, 1440, 1441, 3 * 1440, 7 * 1440, 40 * 1440]),
)


@st.composite
def event_lists(draw: st.DrawFn, most: int = 40) -> list[Event]:
    """In their order; times in whole minutes, so that midnights and whole days are hit."""
    at, made = datetime(2026, 2, 26, 20, 0, tzinfo=UTC), list[Event]()
    for number in range(draw(st.integers(0, most))):
        at += timedelta(minutes=draw(_gaps))
        name = f"{number:04}"
        what = draw(st.sampled_from(["closing", "trade", "both", "both", "equity"]))
        pnl = draw(amounts)
        if what == "equity":
            made.append(EquityKnown(at, name, draw(equities)))
        if what in {"closing", "both"}:
            made.append(Realised(at, name, pnl))
        if what in {"trade", "both"}:
            confidence = draw(st.one_of(st.none(), st.sampled_from([0.0, 0.3, 0.7, 1.0]), st.floats(0, 1)))
            r = draw(st.one_of(st.none(), st.decimals(-5, 5, places=6)))
            kind = draw(st.sampled_from([None, "breakout", "reversal"]))
            made.append(
                ClosedTrade(
                    at,
                    name,
                    draw(st.sampled_from(["BTC", "ETH"])),
                    pnl,
                    r,
                    kind,
                    confidence,
                    draw(st.sampled_from("AAB")),
                )
            )
    return made
