"""Files as they are seen in a folder: which of them are meant, whether they stand still, and their content."""

import errno
import fcntl
import os
import re
import signal
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

# Names that programs give to what they are still writing, syncing or locking.
UNFINISHED = re.compile(r"^\.|^~|\.(tmp|part|partial|crdownload|download|swp|lock)$|~$", re.IGNORECASE)
WANTED = re.compile(r"\.(csv|txt|tsv)$", re.IGNORECASE)


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


def look(folder: Path) -> list[Sighting]:
    """The files of a folder that are meant for us, finished or not."""
    found = []
    with os.scandir(folder) as entries:
        for entry in entries:
            if UNFINISHED.search(entry.name) or not WANTED.search(entry.name):
                continue
            try:
                found.append(Sighting.of(entry.name, entry.stat(follow_symlinks=False)))
            except FileNotFoundError:
                continue
    return found


def still_there(folder: Path, sighting: Sighting) -> bool:
    """Whether the name is still that of this file, unchanged."""
    try:
        return Sighting.of(sighting.name, (folder / sighting.name).lstat()) == sighting
    except FileNotFoundError:
        return False


def private_copy(folder: Path, sighting: Sighting) -> bytes | None:
    """The content; None if the file changed meanwhile or somebody is writing it. Raises OSError."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
    descriptor = os.open(folder / sighting.name, flags)
    with os.fdopen(descriptor, "rb") as file:
        if Sighting.of(sighting.name, os.fstat(descriptor)) != sighting or _is_written(descriptor):
            return None
        content = file.read(sighting.size + 1)
        unchanged = Sighting.of(sighting.name, os.fstat(descriptor)) == sighting
    return content if unchanged and len(content) == sighting.size else None


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
