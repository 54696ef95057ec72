"""The light of now, as a ticket is made by."""

from dataclasses import dataclass
from datetime import datetime

from xfg_pipeline.resources.light_book import LightBook
from xfg_pipeline.signals.light import Light


@dataclass(frozen=True)
class CurrentLight:
    """The light as it is shown at a moment: red where it is old, paused, or was never evaluated."""

    book: LightBook

    def at(self, slot: datetime) -> Light:
        """As of a moment. Raises DatabaseUnavailable: then nothing may be traded either."""
        shown = self.book.now(slot)
        decision = shown.decision
        evaluated = None if shown.row is None else shown.row["evaluated_at"]
        return Light(decision.status, decision.multiplier, decision.message, evaluated)
