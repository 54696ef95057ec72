"""Postgres: tables, migrations, one repository a subject. Each write is one transaction."""
