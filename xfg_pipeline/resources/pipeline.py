"""What the shell works with: plain objects, made from the settings and usable without Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from xfg_pipeline.clock import Clock, SystemClock
from xfg_pipeline.exchange.account import Account
from xfg_pipeline.exchange.market import Market
from xfg_pipeline.inbox.filing import Folders
from xfg_pipeline.inbox.folder import Inbox
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.resources.accounts import open_account
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.resources.markets import open_market
from xfg_pipeline.settings import Settings
from xfg_pipeline.signals.light import LightSource
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.storage.database import Database

# What needs TA-Lib and onnxruntime is imported where it is made: the desk and most commands do without.
if TYPE_CHECKING:
    from xfg_pipeline.resources.feature_book import FeatureBook
    from xfg_pipeline.resources.light_book import LightBook
    from xfg_pipeline.resources.market_feed import MarketFeed
    from xfg_pipeline.resources.performance_book import PerformanceBook
    from xfg_pipeline.resources.signal_book import SignalBook
    from xfg_pipeline.signals.ensemble import Ensemble

PRACTICE_ENSEMBLE = Path(__file__).parent.parent / "models" / "practice"


@dataclass(frozen=True)
class Pipeline:
    """Everything that assets, sensors, the desk and the command line share."""

    settings: Settings
    database: Database
    clock: Clock

    @cached_property
    def rules(self) -> LevelRules:
        """How levels are read and judged."""
        return self.settings.level_rules()

    @cached_property
    def importer(self) -> Importer:
        """Files into levels."""
        return Importer(self.database, self.rules, self.clock)

    @cached_property
    def folders(self) -> Folders:
        """Where files are dropped and where they go."""
        home = self.settings.home
        return Folders(self.settings.inbox, home / "processed", home / "errors")

    @cached_property
    def inbox(self) -> Inbox:
        """The watched folder."""
        return Inbox(self.importer, self.folders, self.clock, max_age_hours=self.settings.csv_max_age_hours)

    @cached_property
    def book(self) -> LevelBook:
        """Reading levels and typing pivots."""
        return LevelBook(self.database, self.rules, self.clock)

    @cached_property
    def market(self) -> Market:
        """Where candles come from."""
        return open_market(self.settings, self.database, self.clock)

    def market_now(self) -> datetime:
        """The market's own time: the present, but for a recording that is played fast."""
        return self.market.time(self.clock.now())

    @cached_property
    def account(self) -> Account | None:
        """Where orders are placed and trades come from: paper in practice; None live without a key."""
        return open_account(self.settings, self.database, self.clock, self.market)

    @cached_property
    def feed(self) -> "MarketFeed":
        """From the market into Postgres."""
        from xfg_pipeline.resources.market_feed import MarketFeed

        return MarketFeed(self.database, self.market, self.settings.market.coins, self.clock)

    @cached_property
    def features(self) -> "FeatureBook":
        """Kept candles with their features."""
        from xfg_pipeline.resources.feature_book import FeatureBook

        return FeatureBook(self.database, self.market.name, self.settings.market.coins)

    @cached_property
    def ensemble(self) -> "Ensemble":
        """The models. Raises EnsembleRefused, by name, when they cannot be trusted."""
        from xfg_pipeline.signals.ensemble import Ensemble
        from xfg_pipeline.signals.features import FEATURES

        models = self.settings.models
        return Ensemble.load(
            models.path or PRACTICE_ENSEMBLE,
            market=self.market.name,
            members=models.ensemble_models,
            meta_learner=models.meta_learner,
            known_features=FEATURES,
        )

    @cached_property
    def signal_rules(self) -> SignalRules:
        """The gates and the size of a signal."""
        return self.settings.signal_rules()

    @cached_property
    def signals(self) -> "SignalBook":
        """Reading signals, tickets and reasons."""
        from xfg_pipeline.resources.signal_book import signal_book_of

        return signal_book_of(self)

    @cached_property
    def light(self) -> LightSource:
        """The traffic light as it is to be read at a moment: what is old, or not there, is red."""
        from xfg_pipeline.resources.current_light import CurrentLight

        return CurrentLight(self.light_book)

    @cached_property
    def light_book(self) -> "LightBook":
        """Reading the light, pausing, acknowledging."""
        from xfg_pipeline.resources.light_book import light_book_of

        return light_book_of(self)

    @cached_property
    def performance_book(self) -> "PerformanceBook":
        """Reading trades and metrics."""
        from xfg_pipeline.resources.performance_book import performance_book_of

        return performance_book_of(self)


@contextmanager
def open_pipeline(settings: Settings, database_url: str, clock: Clock | None = None) -> Iterator[Pipeline]:
    """The pipeline's objects on one database; its connections are closed at the end."""
    database = Database(database_url)
    try:
        yield Pipeline(settings, database, clock or SystemClock())
    finally:
        database.dispose()
