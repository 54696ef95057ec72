"""Logging of our processes: one line a record, and no secret in any of them, tracebacks included."""

from __future__ import annotations

import io
import logging
import re
import threading
from collections.abc import Iterable
from typing import TextIO
from urllib.parse import quote, unquote, urlsplit

from xfg_pipeline.settings import Settings

REDACTED = "***"

_PATTERNS = (
    # Telegram's bot token, also inside its URLs.
    (re.compile(r"(?<!\d)\d{8,10}:[\w-]{35}(?![\w-])"), REDACTED),
    # The password of a database or mail URL.
    (re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s:/@]+:)[^\s@/]+(@)", re.IGNORECASE), rf"\1{REDACTED}\2"),
    (re.compile(r"(\bpassword\s*=\s*)('[^']*'|\S+)", re.IGNORECASE), rf"\1{REDACTED}"),
    # What an exchange or our own API is authorised with.
    (
        re.compile(r"(X-BAPI-(?:API-KEY|SIGN)['\"]?\s*[:=]\s*['\"]?)[\w+/=-]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    (
        re.compile(r"(Authorization['\"]?\s*[:=]\s*['\"]?(?:Bearer|Basic)\s+)[^\s'\",]+", re.IGNORECASE),
        rf"\1{REDACTED}",
    ),
    (re.compile(r"(xfg_session['\"]?=)[^\s;'\"]+"), rf"\1{REDACTED}"),
)

# Their debug and info lines hold whole URLs, and Telegram's URL contains the token.
_CHATTY = ("httpx", "httpcore", "urllib3", "requests", "pybit", "telegram")


# What is shorter would be found in innocent words.
_SHORTEST = 6


class Redactor:
    """Replaces known secret values and things that look like one."""

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        parts = {part for secret in secrets for part in _parts(secret) if len(part) >= _SHORTEST}
        values = {spelling for part in parts for spelling in (part, quote(part, safe=""))}
        # Longest first: a secret may contain another.
        self._values = sorted(values, key=len, reverse=True)

    def __call__(self, text: str) -> str:
        """The text without secrets."""
        for value in self._values:
            text = text.replace(value, REDACTED)
        for pattern, replacement in _PATTERNS:
            text = pattern.sub(replacement, text)
        return text


def _parts(secret: str) -> list[str]:
    """A secret, and the password in it when it is a URL."""
    if "://" not in secret:
        return [secret]
    password = urlsplit(secret).password
    return [secret] if password is None else [secret, password, unquote(password)]


class RedactingStream(io.TextIOBase):
    """A text stream that passes whole lines on without secrets; what has no line end yet waits for it."""

    def __init__(self, stream: TextIO, redact: Redactor) -> None:
        super().__init__()
        self._stream = stream
        self._redact = redact
        self._begun = ""
        self._writing = threading.RLock()

    def write(self, text: str) -> int:
        with self._writing:
            lines, line_end, self._begun = (self._begun + text).rpartition("\n")
            if line_end:
                self._stream.write(self._redact(lines) + line_end)
                self._stream.flush()
        return len(text)

    def finish(self) -> None:
        """Pass on a last line without an end."""
        with self._writing:
            rest, self._begun = self._begun, ""
            self._stream.write(self._redact(rest))
            self._stream.flush()

    def fileno(self) -> int:
        return self._stream.fileno()

    def writable(self) -> bool:
        return True


class RedactingFormatter(logging.Formatter):
    """Formats first and redacts then, so that arguments, tracebacks and stack texts are covered."""

    def __init__(self, redact: Redactor) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        return self._redact(super().format(record))


def configure_logging(settings: Settings, *, level: int = logging.INFO) -> None:
    """Send all records of this process to standard error, redacted. Replaces what was configured before."""
    handler = logging.StreamHandler()
    handler.setFormatter(RedactingFormatter(Redactor(settings.secrets())))
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(True)
    quieten()


def quieten() -> None:
    """Only warnings of libraries that log the URLs they call."""
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
