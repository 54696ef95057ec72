"""Named places at which tests may kill the process: the promises of a crash are tried, not argued.

In service each `point` is a dictionary look-up and nothing else.
"""

import os
import signal

POINTS = (
    "import.before_commit",
    "import.after_commit",
    "inbox.after_staging",
    "inbox.before_filing",
    "inbox.after_filing",
    "manual.before_commit",
    "manual.after_commit",
    "derive.before_commit",
    "derive.after_commit",
    "close.before_commit",
    "close.after_commit",
    "candles.before_commit",
    "candles.after_commit",
    "predictions.before_commit",
    "predictions.after_commit",
    "signals.before_commit",
    "signals.after_commit",
    "outcomes.before_commit",
    "outcomes.after_commit",
    "paper.before_commit",
    "paper.after_commit",
    "practice.before_begun",
    "account.read",
    "account.before_commit",
    "account.after_commit",
    "trades.before_commit",
    "trades.after_commit",
    "snapshots.before_commit",
    "snapshots.after_commit",
    "controller.before_commit",
    "controller.after_commit",
    "migrate.before_commit",
    "migrate.after_commit",
)
"""Every point that the code declares, in the order in which a day meets them."""

CRASH_AT = "XFG_CRASH_AT"


def point(name: str) -> None:
    """Die here by SIGKILL if the environment says so.

    Raises KeyError for a name that is not in POINTS, so that none can be forgotten by the tests.
    """
    if name not in POINTS:
        raise KeyError(name)
    if os.environ.get(CRASH_AT) == name:
        os.kill(os.getpid(), signal.SIGKILL)
