"""Both lights over recorded paper trades that won far less than was stated."""

from decimal import Decimal
from pathlib import Path

import pandas as pd
import pytest

from tests.trading.light.situations import CALM, health
from xfg_pipeline.trading.light.decide import decide
from xfg_pipeline.trading.light.facts import Evidence, Thresholds
from xfg_pipeline.trading.metrics.events import ClosedTrade, EquityKnown
from xfg_pipeline.trading.metrics.ledger import Ledger


@pytest.mark.parametrize("evidence", ["literal", "gated"])
def test_the_recorded_paper_trades_are_red_in_both_lights_by_several_rules(
    shared_data: Path, evidence: Evidence
) -> None:
    rows = pd.read_csv(shared_data / "trades" / "btc_liquidation_paper_trades.csv", dtype={"pnl_pct": str})
    closed = pd.to_datetime(rows["closed_at"], format="ISO8601")
    ledger, red_at = Ledger(), None
    ledger.add(EquityKnown(closed.min().to_pydatetime(), "", Decimal(1_000_000)))
    for number, row in enumerate(rows.assign(closed=closed).sort_values("closed", kind="stable").itertuples()):
        at = row.closed.to_pydatetime()
        ledger.add(ClosedTrade(at, f"{number:04}", "BTC", Decimal(row.pnl_pct), None, row.signal, row.prob, "one"))
        decision = decide(ledger.at(at), health(), CALM, Thresholds(evidence=evidence))
        if decision.status == "red" and red_at is None:
            red_at = number + 1
    assert (decision.status, decision.multiplier) == ("red", 0)
    by_rule = {trigger.rule: trigger for trigger in decision.triggers}
    assert by_rule["calibration"].status == "red"
    assert round(by_rule["calibration"].value or Decimal(0), 3) == Decimal("0.575")
    assert (by_rule["calibration"].n, by_rule["win_rate"].status) == (134, "red")
    assert red_at is not None
    assert red_at <= 25
