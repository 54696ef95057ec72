"""The account under which Postgres runs: it refuses root, so root hands it to an ordinary account."""

from __future__ import annotations

import os
import pwd
import sys
from dataclasses import dataclass
from pathlib import Path

from xfg_pipeline.service.errors import PostgresError


@dataclass(frozen=True)
class Account:
    """An account of this machine, by number: `name` is for messages."""

    name: str
    uid: int
    gid: int


def account_for(data: Path) -> Account | None:
    """The account to drop to for the data directory `data` (which may not exist yet); None: stay as we are.

    Data that exists keeps its owner. Raises `PostgresError` where this user cannot work with it.
    """
    owner = data.stat().st_uid if data.exists() else None
    if os.geteuid() != 0:
        if owner is not None and owner != os.geteuid():
            raise PostgresError(
                f"{data} belongs to {_name(owner)}: run as that user, or set XFG_HOME to an own folder."
            )
        return None
    if not sys.platform.startswith("linux"):
        raise PostgresError("Postgres does not run as root: start xfg as an ordinary user, or set DATABASE_URL.")
    if owner:
        return Account(_name(owner), owner, _group(owner))
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        if entry.pw_uid != 0:
            return Account(name, entry.pw_uid, entry.pw_gid)
    raise PostgresError(
        "Postgres does not run as root, and there is no account postgres or nobody to run it:"
        " start xfg as an ordinary user, or set DATABASE_URL."
    )


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"user {uid}"


def _group(uid: int) -> int:
    try:
        return pwd.getpwuid(uid).pw_gid
    except KeyError:
        return uid
