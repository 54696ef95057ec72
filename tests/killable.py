"""Processes that tests kill: forked from one that has imported everything and started no thread."""

import multiprocessing
from collections.abc import Callable
from typing import Any

KILLABLE = multiprocessing.get_context("forkserver")
# One list for all: the server is started by the first that needs it.
KILLABLE.set_forkserver_preload(
    ["tests.slots.conftest", "tests.account.conftest", "tests.inbox.one_morning", "tests.exchange.paper_trials"]
)


def apart(work: Callable[..., None], *words: Any) -> int | None:
    """Do the work in a process of its own; how that ended, -9 where it was killed."""
    process = KILLABLE.Process(target=work, args=words)
    process.start()
    process.join(60)
    return process.exitcode
