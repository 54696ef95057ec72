"""What would have become of plans while a light was red: what it watches, so that red can end by itself.

Which plans these are depends on the market and the models alone, never on the light: a backfill that is repeated sees
the same ones. Of a coin one counts until it would have expired, as with signals.
"""

from collections.abc import Mapping
from datetime import datetime

from sqlalchemy import Connection

from xfg_pipeline.resources.pipeline import Pipeline
from xfg_pipeline.storage.controller import passed_plans
from xfg_pipeline.trading.light.facts import Evidence, ShadowOutcome
from xfg_pipeline.trading.light.memory import LightMemory


class ShadowPlans:
    """Plans of a range of slots, with their ends."""

    def __init__(self, connection: Connection, pipeline: Pipeline, start: datetime, until: datetime) -> None:
        self._ttl = pipeline.signal_rules.ttl
        self._plans = passed_plans(connection, pipeline.settings.market_name, start, until)

    def ended(self, memories: Mapping[Evidence, LightMemory], at: datetime) -> list[ShadowOutcome]:
        """Those of slots since a light turned red whose end was known at a moment."""
        begun = [memory.red_since for memory in memories.values() if memory.red_since is not None]
        if not begun:
            return []
        open_until: dict[str, datetime] = {}
        found = []
        for plan in self._plans:
            if plan.slot < min(begun) or plan.slot > at or plan.slot < open_until.get(plan.coin, plan.slot):
                continue
            open_until[plan.coin] = plan.slot + self._ttl
            if plan.ended_at is not None and plan.ended_at <= at:
                found.append(ShadowOutcome(plan.ended_at, plan.win, f"{plan.coin} {plan.slot.isoformat()}"))
        return found
