"""What the service tells a person when it cannot go on: one line, with what to change."""


class ServiceError(Exception):
    """The service cannot start or go on; the text is one line for the person at the terminal."""


class PostgresError(ServiceError):
    """The embedded Postgres cannot be created, started or reached."""


class ClusterInUse(PostgresError):
    """Another process owns this data directory. Use its database, or stop it."""
