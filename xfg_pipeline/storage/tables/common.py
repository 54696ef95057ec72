"""What tables are declared with: names of constraints, types, and the rules that several columns share."""

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, MetaData, text

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

PRICE = sa.Numeric(18, 8)
TIME = sa.DateTime(timezone=True)
NOW = text("now()")


def price(column: str) -> CheckConstraint:
    # NaN passes "> 0" in Postgres, and is greater than every number: it fails the upper bound.
    return CheckConstraint(f"{column} > 0 AND {column} < 'Infinity'::numeric", name=f"{column}_is_a_price")


def one_of(column: str, *allowed: str) -> CheckConstraint:
    words = ", ".join(f"'{word}'" for word in allowed)
    return CheckConstraint(f"{column} IN ({words})", name=f"{column}_known")


def symbol() -> CheckConstraint:
    return CheckConstraint("symbol ~ '^[A-Z0-9]{1,10}$'", name="symbol_is_a_symbol")


def coin() -> CheckConstraint:
    return CheckConstraint("coin ~ '^[A-Z0-9]{1,20}$'", name="coin_is_a_coin")


def market() -> CheckConstraint:
    return one_of("market", "simulated", "bybit", "bybit_testnet", "replay")


def finite(column: str, rule: str = "") -> CheckConstraint:
    """A double that is neither NaN nor infinite; `rule` says more, such as `> 0`."""
    more = f" AND {column} {rule}" if rule else ""
    return CheckConstraint(
        f"{column} > '-Infinity'::float8 AND {column} < 'Infinity'::float8{more}", name=f"{column}_is_finite"
    )


def on_the_grid(column: str) -> CheckConstraint:
    """A multiple of 15 minutes."""
    return CheckConstraint(f"mod(extract(epoch FROM {column}), 900) = 0", name=f"{column}_on_the_grid")
