"""Under which name rows are kept: whoever reads them by the settings and whoever writes them say the same."""

from pathlib import Path
from typing import Any

import pytest

from tests.conftest import FixedClock
from tests.slots.conftest import DAY
from xfg_pipeline.exchange.bybit import BybitMarket
from xfg_pipeline.exchange.simulated import SimulatedMarket
from xfg_pipeline.resources.markets import open_market
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.tables.common import market


@pytest.mark.parametrize(
    ("given", "name"),
    [
        ({}, "simulated"),
        ({"market": {"provider": "bybit"}}, "bybit"),
        ({"market": {"provider": "bybit"}, "bybit": {"testnet": True}}, "bybit_testnet"),
        ({"market": {"provider": "bybit"}, "bybit": {"demo": True}}, "bybit"),
        ({"bybit": {"testnet": True}}, "simulated"),
        ({"market": {"provider": "replay", "replay": {"folder": "/recordings"}}}, "replay"),
    ],
)
def test_the_market_is_called_as_the_settings_call_it(
    given: dict[str, Any], name: str, database: Database, tmp_path: Path
) -> None:
    settings = Settings(xfg_home=tmp_path, **given, _env_file=None)
    assert open_market(settings, database, FixedClock(DAY)).name == settings.market_name == name
    assert f"'{name}'" in str(market().sqltext)


def test_prices_of_the_testnet_never_meet_those_of_the_exchange() -> None:
    names = [BybitMarket().name, BybitMarket(testnet=True).name, BybitMarket(demo=True).name, SimulatedMarket().name]
    assert names == ["bybit", "bybit_testnet", "bybit", "simulated"]
