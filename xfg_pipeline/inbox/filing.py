"""Where a file goes after it was read: its folder, its name there, and the reason beside a refused one."""

import errno
import os
import re
import shutil
from dataclasses import dataclass
from datetime import date
from pathlib import Path

from xfg_pipeline.faults import point
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.inbox.sighting import Sighting, still_there
from xfg_pipeline.storage.file_imports import FileImport

PLAIN_NAME = re.compile(r"^[A-Za-z0-9@_][A-Za-z0-9@_ .+()-]{0,118}$")


@dataclass(frozen=True)
class Folders:
    """Where files are dropped, and where they go."""

    inbox: Path
    processed: Path
    errors: Path

    def make(self) -> None:
        """Create what is missing."""
        for folder in (self.inbox, self.processed, self.errors):
            folder.mkdir(parents=True, exist_ok=True)


def file_away(
    importer: Importer, folders: Folders, sighting: Sighting, entered: FileImport, content: bytes | None, today: date
) -> None:
    """Move a file to where it belongs; the ledger says where, or why it could not be moved."""
    point("inbox.before_filing")
    is_refused = entered.state == "refused"
    folder = folders.errors if is_refused else folders.processed / today.isoformat()
    target: Path | None = None
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = _intended(entered) or _free(folder / _safe_name(sighting.name, entered.sha256))
        if entered.state != "duplicate":
            # Said before it is done: after a kill in between, the ledger names a file that is not there, and the
            # next look finishes the move.
            importer.filed(entered.id, str(target))
        if is_refused:
            # The reason first: a file in errors/ is never without one.
            _reason_of(target).write_text(_reason_text(entered), encoding="utf-8")
        if content is None or still_there(folders.inbox, sighting):
            _move(folders.inbox / sighting.name, target)
        else:
            # The name is another file's by now, which stays for the next look, or nobody's.
            target.write_bytes(content)
    except FileNotFoundError:
        # Somebody took it away meanwhile: there is nothing left to move.
        importer.filed(entered.id, None)
    except OSError as failed:
        if is_refused and target is not None:
            # A reason without its file would tell of something that did not happen.
            _reason_of(target).unlink(missing_ok=True)
        importer.filed(entered.id, None, f"{failed.strerror or failed}: {failed.filename or folder}")
    else:
        point("inbox.after_filing")


def _move(source: Path, target: Path) -> None:
    try:
        source.rename(target)
    except OSError as failed:
        if failed.errno != errno.EXDEV:
            raise
        shutil.copy2(source, target, follow_symlinks=False)
        source.unlink()


def _safe_name(name: str, sha256: str | None) -> str:
    """The name itself when it is plain; else one of our own, so that no name reaches further than its folder."""
    if PLAIN_NAME.match(name) and not name.endswith("."):
        return name
    return f"export-{(sha256 or 'unread')[:8]}.csv"


def _intended(entered: FileImport) -> Path | None:
    """Where the file was about to go when the process ended."""
    if entered.state == "duplicate" or entered.filed_as is None or os.path.lexists(entered.filed_as):
        return None
    return Path(entered.filed_as)


def _free(target: Path) -> Path:
    """The name, or the first one after it with a number, whose own place and that of its reason are free."""
    candidate, number = target, 0
    while os.path.lexists(candidate) or os.path.lexists(_reason_of(candidate)):
        number += 1
        candidate = target.with_name(f"{target.stem}_{number}{target.suffix}")
    return candidate


def _reason_of(target: Path) -> Path:
    return target.with_name(f"{target.name}.txt")


def _reason_text(entered: FileImport) -> str:
    when = f"{entered.received_at:%Y-%m-%d %H:%M:%S} UTC"
    return f"{entered.reason.rstrip()}\n\nRefused {when}, import {entered.id}. Nothing of it was imported.\n"
