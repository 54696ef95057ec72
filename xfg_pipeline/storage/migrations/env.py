"""How alembic reaches the database: on the connection, and in the transaction, that `storage.migrate` opened."""

from alembic import context

from xfg_pipeline.storage.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, compare_server_default=False)
with context.begin_transaction():
    context.run_migrations()
