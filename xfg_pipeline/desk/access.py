"""Who is asking: sessions, HTTP Basic and the API token, for the desk and for the guard of the Dagster UI.

Works on the raw headers of an ASGI scope and knows no web framework. All calls may block (Postgres, argon2):
from asynchronous code, call them in a thread.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import logging
import secrets
import time
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from xfg_pipeline.clock import Clock
from xfg_pipeline.desk.passwords import (
    MAX_PASSWORD,
    MAX_USERNAME,
    Guesses,
    hash_password,
    password_matches,
)
from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.web_access import WebAccessRepository, WebUser

log = logging.getLogger(__name__)

RawHeaders = Iterable[tuple[bytes, bytes]]

IDLE = timedelta(hours=12)
ABSOLUTE = timedelta(days=7)
# A session's last use is written at most this often: reading a page must not cost a write each time.
SEEN_EVERY = timedelta(minutes=1)
BASIC_REMEMBERED_SECONDS = 60
ROLES = frozenset({"viewer", "trader", "admin"})
WRITERS = frozenset({"trader", "admin"})


@dataclass(frozen=True)
class Identity:
    """Somebody who may use the desk. `via` tells how: only a session can be forged by another web page."""

    username: str
    role: str
    via: Literal["session", "basic", "bearer"]

    @property
    def may_write(self) -> bool:
        """A viewer looks, and changes nothing."""
        return self.role in WRITERS


@dataclass(frozen=True)
class Denied:
    """Why not, as an HTTP status, a code for programs and a sentence; `retry_after` in seconds with 429."""

    status: Literal[401, 403, 429, 503]
    code: str
    message: str
    retry_after: int | None = None


@dataclass(frozen=True)
class LoggedIn:
    """A new session. `token` goes into the cookie and is stored nowhere."""

    token: str
    identity: Identity
    expires_at: datetime


WRONG = Denied(401, "wrong_credentials", "Name or password is wrong.")
NO_PASSWORD = Denied(503, "no_password", "No password is set. Run `xfg password`, or set WEB_PASSWORD and restart.")
NO_ROLE = Denied(403, "unknown_role", "This user has no role that the desk knows.")


class Access:
    """Passwords, sessions, HTTP Basic and the API token; DatabaseUnavailable when Postgres does not answer.

    `https` says that browsers reach the desk over https: the cookie is then Secure and bound to the host.
    """

    def __init__(
        self, database: Database, secret_key: str, api_token: str | None, clock: Clock, *, https: bool = False
    ) -> None:
        if not secret_key:
            raise ValueError("SECRET_KEY is empty: sessions would be stored without a key")
        self._repository = WebAccessRepository(database)
        self._secret = secret_key.encode()
        self._api_token = api_token.encode() if api_token else None
        self._clock = clock
        self._guesses = Guesses()
        self._basic_until: dict[bytes, float] = {}
        self._basic_key = secrets.token_bytes(32)
        self._set_up = False
        self.cookie_name = "__Host-xfg_session" if https else "xfg_session"
        self._https = https

    # ---- set up ----

    def set_password(self, username: str, password: str) -> None:
        """Create the user or change the password, and end every session of that user."""
        if not 1 <= len(username) <= MAX_USERNAME or not 1 <= len(password) <= MAX_PASSWORD:
            raise ValueError(f"a name has 1 to {MAX_USERNAME} characters, a password 1 to {MAX_PASSWORD}")
        self._repository.save_user(username, hash_password(password), "admin", self._clock.now())

    def ensure_password(self, username: str, password: str) -> None:
        """Like `set_password`, but leaves user and sessions alone when that is the password already."""
        user = self._repository.user(username)
        if user is None or not password_matches(user.password_hash, password):
            self.set_password(username, password)

    def is_set_up(self) -> bool:
        """False until there is somebody who could log in; until then nothing is served."""
        self._set_up = self._set_up or self._repository.has_user()
        return self._set_up

    # ---- who is asking ----

    def identify(self, headers: RawHeaders, client_ip: str) -> Identity | Denied | None:
        """The caller behind these headers; None when there are no credentials, or none that are known.

        Denied tells 429 (too many wrong guesses), 403 (unknown role) or 503 (no password was ever set).
        An Authorization header is judged alone: a wrong one is not rescued by a cookie.
        """
        if not self.is_set_up():
            return NO_PASSWORD
        cookies: list[str] = []
        authorization: str | None = None
        for name, value in headers:
            if name.lower() == b"cookie":
                cookies.append(value.decode("latin-1"))
            elif name.lower() == b"authorization":
                authorization = value.decode("latin-1")
        if authorization is not None:
            scheme, _, credentials = authorization.strip().partition(" ")
            if scheme.lower() == "bearer":
                return self._by_token(credentials.strip(), client_ip)
            if scheme.lower() == "basic":
                return self._by_basic(credentials.strip(), client_ip)
            return None
        token = self.session_token("; ".join(cookies))
        return None if token is None else self._by_session(token)

    def session_token(self, cookie_header: str) -> str | None:
        """The session token in a Cookie header, or None."""
        for part in cookie_header.split(";"):
            name, _, value = part.strip().partition("=")
            if name == self.cookie_name and value:
                return value.strip('"')
        return None

    def _by_token(self, token: str, ip: str) -> Identity | Denied | None:
        given = token.encode("utf-8", "surrogateescape")
        if self._api_token is not None and hmac.compare_digest(given, self._api_token):
            return Identity("api", "admin", "bearer")
        return self._wrong(None, ip)

    def _by_basic(self, credentials: str, ip: str) -> Identity | Denied | None:
        try:
            username, colon, password = base64.b64decode(credentials, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError, ValueError):
            return self._wrong(None, ip)
        if not colon or not _plausible(username, password):
            return self._wrong(None, ip)
        user = self._repository.user(username)
        if user is not None and self._remembered(user, password):
            return _identity(user, "basic")
        verified = self._verify(username, password, ip)
        if isinstance(verified, Denied):
            return None if verified is WRONG else verified
        self._remember(verified, password)
        return _identity(verified, "basic")

    def _by_session(self, token: str) -> Identity | Denied | None:
        now = self._clock.now()
        session = self._repository.session(self._digest(token), now)
        if session is None or now - session.last_seen_at > IDLE:
            return None
        if now - session.last_seen_at >= SEEN_EVERY:
            self._repository.touch_session(session.token_sha256, now)
        return _identity(session.user, "session")

    # ---- login and logout ----

    def login(
        self, username: str, password: str, *, ip: str, user_agent: str = "", cookie_header: str = ""
    ) -> LoggedIn | Denied:
        """Verify and open a session under a new token; the session that the browser came with ends."""
        if not self.is_set_up():
            return NO_PASSWORD
        if not _plausible(username, password):
            return self._wrong(None, ip) or WRONG
        verified = self._verify(username, password, ip)
        if isinstance(verified, Denied):
            return verified
        identity = _identity(verified, "session")
        if isinstance(identity, Denied):
            return identity
        now = self._clock.now()
        token = secrets.token_urlsafe(32)
        old = self.session_token(cookie_header)
        self._repository.open_session(
            self._digest(token),
            verified.username,
            now=now,
            expires_at=now + ABSOLUTE,
            ip=ip[:64],
            user_agent=user_agent.replace("\x00", "")[:256],
            replaces=None if old is None else self._digest(old),
        )
        log.info("%s logged in from %s", verified.username, ip)
        return LoggedIn(token, identity, now + ABSOLUTE)

    def logout(self, cookie_header: str) -> None:
        """End the session on the server: the old cookie is worth nothing afterwards."""
        token = self.session_token(cookie_header)
        if token is not None:
            self._repository.revoke_session(self._digest(token), self._clock.now())

    def cookie(self, logged_in: LoggedIn) -> str:
        """The Set-Cookie value of a new session. It has no port: it opens the Dagster UI as well."""
        return self._cookie(logged_in.token, int(ABSOLUTE.total_seconds()))

    def dead_cookie(self) -> str:
        """The Set-Cookie value that makes the browser forget its session."""
        return self._cookie("", 0)

    # ---- inside ----

    def _cookie(self, value: str, max_age: int) -> str:
        secure = "; Secure" if self._https else ""
        return f"{self.cookie_name}={value}; Max-Age={max_age}; Path=/; HttpOnly; SameSite=Lax{secure}"

    def _digest(self, token: str) -> str:
        return hmac.new(self._secret, token.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()

    def _verify(self, username: str, password: str, ip: str) -> WebUser | Denied:
        limited = self._limited(username, ip)
        if limited is not None:
            return limited
        with self._guesses.turn:
            limited = self._limited(username, ip)
            if limited is not None:
                return limited
            user = self._repository.user(username)
            if password_matches(user.password_hash if user else None, password) and user is not None:
                self._guesses.forget(username)
                return user
            self._guesses.failed(username, ip)
        # The name is not logged: people type passwords into the wrong field.
        log.warning("wrong password from %s for %s", ip, user.username if user else "an unknown name")
        return WRONG

    def _limited(self, username: str | None, ip: str) -> Denied | None:
        wait = self._guesses.wait_seconds(username, ip)
        if wait is None:
            return None
        return Denied(429, "too_many_attempts", f"Too many wrong attempts. Try again in {_spoken(wait)}.", wait)

    def _wrong(self, username: str | None, ip: str) -> Denied | None:
        """Count a failure that needs no argon2; None (unauthenticated) until the limit is reached."""
        with self._guesses.turn:
            limited = self._limited(username, ip)
            if limited is None:
                self._guesses.failed(username, ip)
        return limited

    def _basic_mark(self, user: WebUser, password: str) -> bytes:
        # The stored hash is part of the key: a changed password is forgotten at once.
        text = f"{user.username}\0{user.password_hash}\0{password}"
        return hmac.new(self._basic_key, text.encode("utf-8", "surrogateescape"), hashlib.sha256).digest()

    def _remembered(self, user: WebUser, password: str) -> bool:
        return self._basic_until.get(self._basic_mark(user, password), 0.0) > time.monotonic()

    def _remember(self, user: WebUser, password: str) -> None:
        now = time.monotonic()
        self._basic_until = {mark: until for mark, until in self._basic_until.items() if until > now}
        self._basic_until[self._basic_mark(user, password)] = now + BASIC_REMEMBERED_SECONDS


def _identity(user: WebUser, via: Literal["session", "basic"]) -> Identity | Denied:
    return Identity(user.username, user.role, via) if user.role in ROLES else NO_ROLE


def _plausible(username: str, password: str) -> bool:
    """Postgres text holds no NUL, and argon2 should not chew a megabyte."""
    return (
        0 < len(username) <= MAX_USERNAME
        and 0 < len(password) <= MAX_PASSWORD
        and "\x00" not in username
        and username.isprintable()
    )


def _spoken(seconds: int) -> str:
    return f"{seconds} s" if seconds < 120 else f"{-(-seconds // 60)} minutes"
