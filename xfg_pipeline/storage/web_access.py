"""Who may use the desk, and who is logged in: the tables web_users and web_sessions.

No hashing, no cookie, no clock here: the desk decides, this module remembers. Each write is one transaction.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import delete, insert, select, update
from sqlalchemy.dialects import postgresql

from xfg_pipeline.storage.database import Database
from xfg_pipeline.storage.tables import web_sessions, web_users


@dataclass(frozen=True)
class WebUser:
    """A person who may log in. `password_hash` is an encoded argon2id hash."""

    username: str
    password_hash: str
    role: str


@dataclass(frozen=True)
class WebSession:
    """A login that is neither revoked nor past its absolute end; times are aware."""

    token_sha256: str
    user: WebUser
    created_at: datetime
    expires_at: datetime
    last_seen_at: datetime


class WebAccessRepository:
    """Reads and writes users and sessions; raises DatabaseUnavailable when Postgres does not answer."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def user(self, username: str) -> WebUser | None:
        query = select(web_users.c.username, web_users.c.password_hash, web_users.c.role).where(
            web_users.c.username == username
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        return None if row is None else WebUser(row.username, row.password_hash, row.role)

    def has_user(self) -> bool:
        """True when somebody could log in at all."""
        with self._database.read() as connection:
            return connection.execute(select(web_users.c.username).limit(1)).first() is not None

    def save_user(self, username: str, password_hash: str, role: str, now: datetime) -> None:
        """Create the user or change the password; every session of that user ends with it."""
        values = {
            "username": username,
            "password_hash": password_hash,
            "role": role,
            "created_at": now,
            "updated_at": now,
        }
        upsert = (
            postgresql.insert(web_users)
            .values(values)
            .on_conflict_do_update(
                index_elements=["username"],
                set_={"password_hash": password_hash, "role": role, "updated_at": now},
            )
        )
        with self._database.begin() as connection:
            connection.execute(upsert)
            connection.execute(
                update(web_sessions)
                .where(web_sessions.c.username == username, web_sessions.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )

    def open_session(
        self,
        token_sha256: str,
        username: str,
        *,
        now: datetime,
        expires_at: datetime,
        ip: str,
        user_agent: str,
        replaces: str | None,
    ) -> None:
        """Store a new session, revoke the one that it replaces, and forget those that ended long ago."""
        with self._database.begin() as connection:
            if replaces is not None:
                connection.execute(
                    update(web_sessions)
                    .where(web_sessions.c.token_sha256 == replaces, web_sessions.c.revoked_at.is_(None))
                    .values(revoked_at=now)
                )
            connection.execute(delete(web_sessions).where(web_sessions.c.expires_at < now))
            connection.execute(
                insert(web_sessions).values(
                    token_sha256=token_sha256,
                    username=username,
                    created_at=now,
                    expires_at=expires_at,
                    last_seen_at=now,
                    ip=ip,
                    user_agent=user_agent,
                )
            )

    def session(self, token_sha256: str, now: datetime) -> WebSession | None:
        query = (
            select(
                web_sessions.c.created_at,
                web_sessions.c.expires_at,
                web_sessions.c.last_seen_at,
                web_users.c.username,
                web_users.c.password_hash,
                web_users.c.role,
            )
            .join(web_users, web_users.c.username == web_sessions.c.username)
            .where(
                web_sessions.c.token_sha256 == token_sha256,
                web_sessions.c.revoked_at.is_(None),
                web_sessions.c.expires_at > now,
            )
        )
        with self._database.read() as connection:
            row = connection.execute(query).one_or_none()
        if row is None:
            return None
        return WebSession(
            token_sha256=token_sha256,
            user=WebUser(row.username, row.password_hash, row.role),
            created_at=row.created_at,
            expires_at=row.expires_at,
            last_seen_at=row.last_seen_at,
        )

    def touch_session(self, token_sha256: str, now: datetime) -> None:
        with self._database.begin() as connection:
            connection.execute(
                update(web_sessions).where(web_sessions.c.token_sha256 == token_sha256).values(last_seen_at=now)
            )

    def revoke_session(self, token_sha256: str, now: datetime) -> None:
        with self._database.begin() as connection:
            connection.execute(
                update(web_sessions)
                .where(web_sessions.c.token_sha256 == token_sha256, web_sessions.c.revoked_at.is_(None))
                .values(revoked_at=now)
            )
