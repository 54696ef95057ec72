"""What `xfg up` says of signals before there are any."""

from pathlib import Path
from typing import Any

import pytest

from xfg_pipeline.service.first_start import signals_line
from xfg_pipeline.settings import Settings


def settings(**chosen: Any) -> Settings:
    return Settings(_env_file=None, **chosen)


def test_practice_computes_a_month_of_its_own_market_first() -> None:
    assert "simulated" in signals_line(settings(), fresh=True)
    assert "last 30 days" in signals_line(settings(), fresh=True)
    assert "last 30 days" not in signals_line(settings(), fresh=False)


@pytest.mark.parametrize("market", [{"provider": "bybit"}, {"provider": "replay", "replay": {"folder": "recorded"}}])
def test_a_real_market_without_models_says_that_no_signal_will_come_and_what_to_set(market: dict[str, Any]) -> None:
    said = signals_line(settings(market=market), fresh=True)
    assert said.startswith("none: models.path")
    assert market["provider"] in said


def test_live_without_a_key_or_equity_says_that_nothing_can_be_sized() -> None:
    live = {"mode": "live", "models": {"path": Path("mine")}}
    key = {"api_key": "a-key-of-an-account", "api_secret": "a-secret-of-an-account-0123456789"}
    assert "trading.equity" in signals_line(settings(**live), fresh=False)
    assert "trading.equity" not in signals_line(settings(**live, bybit=key), fresh=False)
    assert "trading.equity" not in signals_line(settings(**live, trading={"equity": "5000"}), fresh=False)
