"""The watched folder: which files are there, whole and still, and where each of them goes afterwards."""

import errno
import fcntl
import os
import re
import shutil
import signal
import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from xfg_pipeline.clock import Clock
from xfg_pipeline.faults import point
from xfg_pipeline.inbox.examples import NAMES
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.levels.issues import ExportUnfinished
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import DatabaseUnavailable, try_lock, without_hurry
from xfg_pipeline.storage.file_imports import PRACTICE, FileImport

# Names that programs give to what they are still writing, syncing or locking.
UNFINISHED = re.compile(r"^\.|^~|\.(tmp|part|partial|crdownload|download|swp|lock)$|~$", re.IGNORECASE)
WANTED = re.compile(r"\.(csv|txt|tsv)$", re.IGNORECASE)
PLAIN_NAME = re.compile(r"^[A-Za-z0-9@_][A-Za-z0-9@_ .+()-]{0,118}$")
SETTLED = 3.0
"""Seconds over which size and time of a file must not change before it is read."""
PATIENCE = timedelta(minutes=5)
"""How long a file whose last row is cut may stand still before it is refused."""


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


@dataclass(frozen=True)
class Sighting:
    """A file as it was seen: what must not change while it is read, and until it is moved."""

    name: str
    inode: int
    size: int
    changed_ns: int
    touched_ns: int
    mode: int

    @classmethod
    def of(cls, name: str, status: os.stat_result) -> "Sighting":
        """From what the file system says."""
        return cls(name, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_mode)

    @property
    def stamp(self) -> str:
        """This file and no other, not even itself after it was moved away and back."""
        return f"{self.inode}:{self.touched_ns}"

    @property
    def changed_at(self) -> datetime:
        """When the content was last written."""
        return datetime.fromtimestamp(self.changed_ns / 1e9, UTC)


@dataclass(frozen=True)
class Waiting:
    """A file that stays in the inbox for now, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class Scan:
    """What one look at the folder did."""

    done: tuple[FileImport, ...]
    waiting: tuple[Waiting, ...]


class Inbox:
    """The watched folder. One scan takes every file that has settled; the others wait for the next."""

    def __init__(
        self,
        importer: Importer,
        folders: Folders,
        clock: Clock,
        *,
        max_age_hours: float,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.importer = importer
        self.folders = folders
        self.clock = clock
        self.max_age = timedelta(hours=max_age_hours)
        self.pause = pause

    def waiting(self) -> list[str]:
        """Names of the files in the inbox that a scan would look at."""
        return [sighting.name for sighting in self._look()]

    def scan(self, *, seconds: float = 30.0) -> Scan:
        """Look once, wait until what is there has settled, and take it, for about `seconds` at most.

        One monitor looks at a time; while another does, this one has nothing to do. Raises DatabaseUnavailable when
        nothing can be recorded; every file then stays where it is.
        """
        with self.importer.database.begin() as connection:
            if not try_lock(connection, "inbox"):
                return Scan((), ())
            without_hurry(connection)
            return self._scan(seconds)

    def _scan(self, seconds: float) -> Scan:
        first = self._look()
        caught_up = service_marks.read(self.importer.database, service_marks.CAUGHT_UP)
        done: list[FileImport] = []
        waiting: list[Waiting] = []
        if first:
            self.pause(self._until_settled(first))
            settled = set(self._look())
            until = time.monotonic() + seconds
            for sighting in sorted(first, key=lambda seen: (seen.changed_ns, seen.name)):
                if time.monotonic() > until:
                    waiting.append(Waiting(sighting.name, "the next look takes it"))
                elif sighting not in settled:
                    waiting.append(Waiting(sighting.name, "still being written"))
                else:
                    self._take(sighting, caught_up, done, waiting)
        service_marks.write(self.importer.database, service_marks.LAST_LOOK, self.clock.now())
        if not waiting:
            service_marks.write(self.importer.database, service_marks.CAUGHT_UP, self.clock.now())
        return Scan(tuple(done), tuple(waiting))

    def _look(self) -> list[Sighting]:
        found = []
        with os.scandir(self.folders.inbox) as entries:
            for entry in entries:
                if UNFINISHED.search(entry.name) or not WANTED.search(entry.name):
                    continue
                try:
                    found.append(Sighting.of(entry.name, entry.stat(follow_symlinks=False)))
                except FileNotFoundError:
                    continue
        return found

    def _until_settled(self, seen: list[Sighting]) -> float:
        """Seconds until the youngest file has stood still long enough, by the file system's own stamps."""
        now = self.clock.now().timestamp()
        # Nobody can set the time of the last change of an inode: a copy that keeps the old time of its file is young.
        ages = [now - max(one.changed_ns, one.touched_ns) / 1e9 for one in seen]
        # A stamp in the future is another machine's clock, and proves nothing.
        return max(0.0, *(SETTLED - age if age >= 0 else SETTLED for age in ages))

    def _take(
        self,
        sighting: Sighting,
        caught_up: datetime | None,
        done: list[FileImport],
        waiting: list[Waiting],
    ) -> None:
        refusal = self._unreadable(sighting, caught_up)
        if refusal is not None:
            entered = self.importer.refuse_unread(
                sighting.name, refusal, sighting.size, by="inbox", seen_as=sighting.stamp
            )
            done.append(self._file(sighting, entered, content=None))
            return
        try:
            content = self._staged(sighting)
        except (PermissionError, FileNotFoundError, BlockingIOError) as locked:
            waiting.append(Waiting(sighting.name, f"cannot be read yet: {locked.strerror}"))
            return
        if content is None:
            waiting.append(Waiting(sighting.name, "still being written"))
            return
        point("inbox.after_staging")
        known = self.importer.known(content)
        if known is not None and _left_behind(known, sighting):
            # It was imported or refused, and could not be moved, or the process ended before that.
            done.append(self._file(sighting, known, content))
            return
        try:
            by = PRACTICE if sighting.name in NAMES else "inbox"
            entered = self.importer.import_bytes(content, sighting.name, by=by, seen_as=sighting.stamp)
        except ExportUnfinished as unfinished:
            if self.clock.now() - sighting.changed_at < PATIENCE:
                waiting.append(Waiting(sighting.name, unfinished.issues[0].message))
                return
            entered = self.importer.refuse(content, sighting.name, unfinished, by="inbox", seen_as=sighting.stamp)
        except (DatabaseUnavailable, OSError, MemoryError) as unable:
            # If Postgres is away the look ends here. Else it is this file alone, and the others must not wait for it.
            self.importer.database.ping()
            waiting.append(Waiting(sighting.name, f"cannot be imported yet: {unable}"))
            return
        done.append(self._file(sighting, entered, content))

    def _unreadable(self, sighting: Sighting, caught_up: datetime | None) -> str | None:
        """Why this is not even opened; None if it may be."""
        if stat.S_ISLNK(sighting.mode):
            return f"{sighting.name} is a link; drop the file itself. Nothing was read."
        if not stat.S_ISREG(sighting.mode):
            return f"{sighting.name} is no ordinary file (a folder or a device). Nothing was read."
        limit = self.importer.rules.max_file_bytes
        if sighting.size > limit:
            return (
                f"{sighting.name} is {sighting.size:,} bytes, more than the {limit:,} allowed. Export fewer days, "
                "or raise levels.max_file_megabytes. Nothing was read."
            )
        # The time during which nobody looked does not make a file old.
        asked_at = min(self.clock.now(), caught_up) if caught_up else self.clock.now()
        if asked_at - sighting.changed_at > self.max_age:
            return (
                f"{sighting.name} was last written {sighting.changed_at:%Y-%m-%d %H:%M} UTC, more than "
                f"{self.max_age.total_seconds() / 3600:g} hours ago. Export it again, or raise CSV_MAX_AGE_HOURS. "
                "Nothing was read."
            )
        return None

    def _staged(self, sighting: Sighting) -> bytes | None:
        """A private copy of the content; None if the file changed meanwhile."""
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
        descriptor = os.open(self.folders.inbox / sighting.name, flags)
        with os.fdopen(descriptor, "rb") as file:
            if Sighting.of(sighting.name, os.fstat(descriptor)) != sighting:
                return None
            if _is_written(descriptor):
                return None
            content = file.read(sighting.size + 1)
            unchanged = Sighting.of(sighting.name, os.fstat(descriptor)) == sighting
        return content if unchanged and len(content) == sighting.size else None

    def _file(self, sighting: Sighting, entered: FileImport, content: bytes | None) -> FileImport:
        """Move the file to where it belongs; the ledger says where, or why it could not be moved."""
        point("inbox.before_filing")
        is_refused = entered.state == "refused"
        folder = self.folders.errors if is_refused else self.folders.processed / self._today().isoformat()
        source = self.folders.inbox / sighting.name
        own = entered.state != "duplicate"
        target: Path | None = None
        try:
            folder.mkdir(parents=True, exist_ok=True)
            target = _intended(entered) or _free(folder / _safe_name(sighting.name, entered.sha256))
            if own:
                # Said before it is done: after a kill in between, the ledger names a file that is not there, and
                # the next look finishes the move.
                self.importer.filed(entered.id, str(target))
            if is_refused:
                # The reason first: a file in errors/ is never without one.
                _reason_of(target).write_text(_reason_text(entered), encoding="utf-8")
            if content is None or _still(source, sighting):
                _move(source, target)
            else:
                # The name is another file's by now, which stays for the next look, or nobody's.
                target.write_bytes(content)
        except FileNotFoundError:
            # Somebody took it away meanwhile: there is nothing left to move.
            self.importer.filed(entered.id, None)
            return entered
        except OSError as failed:
            if is_refused and target is not None:
                # A reason without its file would tell of something that did not happen.
                _reason_of(target).unlink(missing_ok=True)
            self.importer.filed(entered.id, None, f"{failed.strerror or failed}: {failed.filename or folder}")
            return entered
        point("inbox.after_filing")
        return entered

    def _today(self) -> date:
        return self.clock.now().date()


def _left_behind(known: FileImport, sighting: Sighting) -> bool:
    """Whether this very file was entered and not moved: a file that somebody put back is another one."""
    return known.filing_error is not None or known.seen_as == sighting.stamp


def _is_written(descriptor: int) -> bool:
    """Whether a process of this machine has the file open for writing, however long it pauses.

    A lease tells, on Linux and for local files; elsewhere standing still has to do.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    try:
        # The signal of a broken lease would end this process; SIGURG is ignored.
        fcntl.fcntl(descriptor, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as failed:
        return failed.errno == errno.EAGAIN
    return False


def _still(source: Path, sighting: Sighting) -> bool:
    try:
        return Sighting.of(sighting.name, source.lstat()) == sighting
    except FileNotFoundError:
        return False


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
