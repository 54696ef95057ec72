"""The entry point of the code location."""

from xfg_pipeline.build import build_definitions
from xfg_pipeline.settings import load_settings

defs = build_definitions(load_settings())
