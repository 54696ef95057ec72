"""What the shell works with: plain objects, made from the settings and usable without Dagster."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

from xfg_pipeline.clock import Clock, SystemClock
from xfg_pipeline.inbox.filing import Folders
from xfg_pipeline.inbox.folder import Inbox
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.levels.rules import LevelRules
from xfg_pipeline.resources.level_book import LevelBook
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage.database import Database


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


@contextmanager
def open_pipeline(settings: Settings, database_url: str, clock: Clock | None = None) -> Iterator[Pipeline]:
    """The pipeline's objects on one database; its connections are closed at the end."""
    database = Database(database_url)
    try:
        yield Pipeline(settings, database, clock or SystemClock())
    finally:
        database.dispose()
