"""The tables, with the constraints that make their bad rows impossible. Meaning of each: docs/data.md."""

from xfg_pipeline.storage.tables.common import metadata
from xfg_pipeline.storage.tables.levels import (
    file_import_days,
    file_imports,
    level_audit,
    level_completeness,
    manual_level_outbox,
    price_bars,
    structural_levels,
)
from xfg_pipeline.storage.tables.market import candles, instruments, positioning
from xfg_pipeline.storage.tables.signals import ensembles, predictions, signal_candidates, signal_outcomes, signals
from xfg_pipeline.storage.tables.web import idempotency_keys, service_marks, web_sessions, web_users

__all__ = [
    "candles",
    "ensembles",
    "file_import_days",
    "file_imports",
    "idempotency_keys",
    "instruments",
    "level_audit",
    "level_completeness",
    "manual_level_outbox",
    "metadata",
    "positioning",
    "predictions",
    "price_bars",
    "service_marks",
    "signal_candidates",
    "signal_outcomes",
    "signals",
    "structural_levels",
    "web_sessions",
    "web_users",
]
