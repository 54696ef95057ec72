"""Which market the settings mean."""

from xfg_pipeline.clock import Clock
from xfg_pipeline.exchange.market import Market
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import Database

PLAYED_SINCE = "replay.played_since"


def open_market(settings: Settings, database: Database, clock: Clock) -> Market:
    """The market of the settings. Nothing is asked of it yet."""
    provider = settings.market_provider
    if provider == "simulated":
        from xfg_pipeline.exchange.simulated import SimulatedMarket

        return SimulatedMarket()
    if provider == "replay":
        from xfg_pipeline.exchange.replay import ReplayMarket

        folder = settings.market.replay.folder
        # Every process reckons a recording's time from the same moment.
        since = service_marks.first(database, PLAYED_SINCE, clock.now())
        assert folder is not None, "settings refuse a replay without a folder"
        return ReplayMarket(folder, settings.market.replay.speed, started_at=since)
    from xfg_pipeline.exchange.bybit import BybitMarket

    own = settings.bybit
    return BybitMarket(testnet=own.testnet, demo=own.demo, base_url=own.base_url)
