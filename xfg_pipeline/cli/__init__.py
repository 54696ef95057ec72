"""`xfg`: the words a person types, and what each does.

Exit codes: 0, 1 (it failed: one clear line), 2 (wrong words). Heavy libraries are imported inside the commands, so that
the command line answers at once.
"""

from xfg_pipeline.cli.entry import app, main

__all__ = ["app", "main"]
