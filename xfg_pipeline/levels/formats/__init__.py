"""Exports of MotiveWave and its like, from bytes to levels and bars: what can be proved, nothing guessed."""

from xfg_pipeline.levels.formats.export import BarSeries, Export, ExportDay, LevelCell
from xfg_pipeline.levels.formats.reader import read_export
from xfg_pipeline.levels.formats.symbols import symbol_of_name

__all__ = ["BarSeries", "Export", "ExportDay", "LevelCell", "read_export", "symbol_of_name"]
