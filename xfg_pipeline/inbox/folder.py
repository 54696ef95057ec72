"""The watched folder: one look takes what is there, whole and still, and leaves the rest for the next."""

import stat
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from xfg_pipeline.clock import Clock
from xfg_pipeline.faults import point
from xfg_pipeline.inbox.examples import NAMES
from xfg_pipeline.inbox.filing import Folders, file_away
from xfg_pipeline.inbox.importer import Importer
from xfg_pipeline.inbox.sighting import Sighting, look, private_copy
from xfg_pipeline.levels.issues import ExportUnfinished
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import DatabaseUnavailable, try_lock, without_hurry
from xfg_pipeline.storage.file_imports import PRACTICE, FileImport

SETTLED = 3.0
"""Seconds over which size and time of a file must not change before it is read."""
PATIENCE = timedelta(minutes=5)
"""How long a file whose last row is cut may stand still before it is refused."""


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
        first = look(self.folders.inbox)
        caught_up = service_marks.read(self.importer.database, service_marks.CAUGHT_UP)
        done: list[FileImport] = []
        waiting: list[Waiting] = []
        if first:
            self.pause(self._until_settled(first))
            settled = set(look(self.folders.inbox))
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
            done.append(self._filed(sighting, entered, None))
            return
        try:
            content = private_copy(self.folders.inbox, sighting)
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
            done.append(self._filed(sighting, known, content))
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
        done.append(self._filed(sighting, entered, content))

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

    def _filed(self, sighting: Sighting, entered: FileImport, content: bytes | None) -> FileImport:
        file_away(self.importer, self.folders, sighting, entered, content, self.clock.now().date())
        return entered


def _left_behind(known: FileImport, sighting: Sighting) -> bool:
    """Whether this very file was entered and not moved: a file that somebody put back is another one."""
    return known.filing_error is not None or known.seen_as == sighting.stamp
