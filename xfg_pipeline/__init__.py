"""A trader's day as a Dagster pipeline. From Python: `LevelsManager` and `import_motivewave_csv`."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xfg_pipeline.resources.levels_manager import LevelsManager, import_motivewave_csv

__all__ = ["LevelsManager", "import_motivewave_csv"]
__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # Not imported with the package: a command that prints its help must not load SQLAlchemy.
    if name in __all__:
        from xfg_pipeline.resources import levels_manager

        return getattr(levels_manager, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
