"""What decides about a signal, as values: made from the settings, hashed into each signal's lineage."""

import hashlib
import json
from dataclasses import asdict, dataclass
from datetime import timedelta
from decimal import Decimal


@dataclass(frozen=True)
class SignalRules:
    """The gates and the size of a signal (settings `trading`)."""

    max_signals_per_day: int = 12
    min_confidence: Decimal = Decimal("0.77")
    min_volume_ratio: Decimal = Decimal("2.0")
    min_risk_reward: Decimal = Decimal("2.0")
    base_risk_per_trade: Decimal = Decimal("0.015")
    signal_ttl_minutes: int = 30

    @property
    def ttl(self) -> timedelta:
        """How long a signal can be acted on, from its slot."""
        return timedelta(minutes=self.signal_ttl_minutes)

    @property
    def hash(self) -> str:
        """SHA-256 of all of them: two signals with the same hash were made by the same rules."""
        text = json.dumps(asdict(self), sort_keys=True, default=str)
        return hashlib.sha256(text.encode()).hexdigest()
