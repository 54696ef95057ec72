"""What accounts said: their records as they came, how far they were read, and the paper account's own books."""

from typing import get_args

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, Index, Table, UniqueConstraint
from sqlalchemy.dialects.postgresql import JSONB

from xfg_pipeline.storage.tables.common import TIME, coin, metadata, one_of, price
from xfg_pipeline.trading.account_records import AccountName

ACCOUNTS: tuple[str, ...] = get_args(AccountName)


def account() -> CheckConstraint:
    return one_of("account", *ACCOUNTS)


def amount(column: str, rule: str = "") -> CheckConstraint:
    """A numeric that is neither NaN nor infinite; `rule` says more, such as `>= 0`."""
    more = f" AND {column} {rule}" if rule else ""
    return CheckConstraint(
        f"{column} > '-Infinity'::numeric AND {column} < 'Infinity'::numeric{more}", name=f"{column}_is_finite"
    )


def side() -> CheckConstraint:
    return one_of("side", "Buy", "Sell")


account_closings = Table(
    "account_closings",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("order_id", sa.Text, primary_key=True),
    Column("coin", sa.Text, nullable=False),
    Column("side", sa.Text, nullable=False),
    Column("quantity", sa.Numeric, nullable=False),
    Column("entry_price", sa.Numeric, nullable=False),
    Column("exit_price", sa.Numeric, nullable=False),
    Column("entry_value", sa.Numeric, nullable=False),
    Column("exit_value", sa.Numeric, nullable=False),
    Column("pnl", sa.Numeric, nullable=False),
    Column("open_fee", sa.Numeric),
    Column("close_fee", sa.Numeric),
    Column("leverage", sa.Numeric),
    Column("exec_type", sa.Text, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    # When the money came, by its last fill; null until a trade was made of it.
    Column("realised_at", TIME),
    Column("recorded_at", TIME, nullable=False, server_default=sa.text("clock_timestamp()")),
    account(),
    coin(),
    side(),
    amount("quantity", "> 0"),
    price("entry_price"),
    price("exit_price"),
    amount("entry_value", ">= 0"),
    amount("exit_value", ">= 0"),
    amount("pnl"),
    amount("open_fee"),
    amount("close_fee"),
    Index(None, "account", "coin", "updated_at"),
    Index(None, "account", "updated_at"),
    Index(None, "account", "realised_at"),
    Index(None, "account", "recorded_at"),
)

account_executions = Table(
    "account_executions",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("exec_id", sa.Text, primary_key=True),
    Column("order_id", sa.Text, nullable=False),
    Column("link_id", sa.Text, nullable=False),
    Column("coin", sa.Text, nullable=False),
    Column("side", sa.Text, nullable=False),
    Column("kind", sa.Text, nullable=False),
    Column("price", sa.Numeric, nullable=False),
    Column("quantity", sa.Numeric, nullable=False),
    Column("value", sa.Numeric, nullable=False),
    Column("fee", sa.Numeric, nullable=False),
    Column("closed_quantity", sa.Numeric, nullable=False),
    Column("create_type", sa.Text, nullable=False),
    Column("stop_order_type", sa.Text, nullable=False),
    Column("is_maker", sa.Boolean, nullable=False),
    Column("at", TIME, nullable=False),
    Column("seq", sa.BigInteger, nullable=False),
    Column("recorded_at", TIME, nullable=False, server_default=sa.text("clock_timestamp()")),
    account(),
    coin(),
    side(),
    price("price"),
    amount("quantity", "> 0"),
    amount("fee"),
    amount("closed_quantity", ">= 0"),
    CheckConstraint("closed_quantity <= quantity", name="closes_at_most_itself"),
    Index(None, "account", "coin", "at"),
    Index(None, "account", "order_id"),
    Index(None, "account", "recorded_at"),
)

account_orders = Table(
    "account_orders",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("order_id", sa.Text, primary_key=True),
    Column("link_id", sa.Text, nullable=False),
    Column("parent_link_id", sa.Text, nullable=False),
    Column("coin", sa.Text, nullable=False),
    Column("side", sa.Text, nullable=False),
    Column("status", sa.Text, nullable=False),
    Column("order_type", sa.Text, nullable=False),
    Column("price", sa.Numeric),
    Column("quantity", sa.Numeric, nullable=False),
    Column("average_price", sa.Numeric),
    Column("filled_quantity", sa.Numeric, nullable=False),
    Column("create_type", sa.Text, nullable=False),
    Column("stop_order_type", sa.Text, nullable=False),
    Column("cancel_type", sa.Text, nullable=False),
    Column("reject_reason", sa.Text, nullable=False),
    Column("take_profit", sa.Numeric),
    Column("stop_loss", sa.Numeric),
    Column("trigger_price", sa.Numeric),
    Column("reduce_only", sa.Boolean, nullable=False),
    Column("close_on_trigger", sa.Boolean, nullable=False),
    Column("position_index", sa.SmallInteger, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    Column("recorded_at", TIME, nullable=False, server_default=sa.text("clock_timestamp()")),
    account(),
    coin(),
    side(),
    amount("quantity", ">= 0"),
    amount("filled_quantity", ">= 0"),
    Index(None, "account", "link_id"),
    Index(None, "account", "coin", "created_at"),
    Index(None, "account", "recorded_at"),
)

account_positions = Table(
    "account_positions",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("coin", sa.Text, primary_key=True),
    Column("side", sa.Text, primary_key=True),
    Column("position_index", sa.SmallInteger, nullable=False),
    Column("quantity", sa.Numeric, nullable=False),
    Column("entry_price", sa.Numeric, nullable=False),
    Column("mark_price", sa.Numeric),
    Column("liquidation_price", sa.Numeric),
    Column("leverage", sa.Numeric),
    Column("take_profit", sa.Numeric),
    Column("stop_loss", sa.Numeric),
    Column("unrealised_pnl", sa.Numeric),
    Column("recorded_at", TIME, nullable=False),
    account(),
    coin(),
    side(),
    amount("quantity", "> 0"),
    price("entry_price"),
)

account_equity = Table(
    "account_equity",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("at", TIME, primary_key=True),
    Column("equity", sa.Numeric, nullable=False),
    Column("wallet_balance", sa.Numeric, nullable=False),
    Column("available", sa.Numeric),
    Column("unrealised", sa.Numeric),
    # `opening`: reckoned back over the closings that were there before the account was first asked.
    Column("source", sa.Text, nullable=False),
    account(),
    one_of("source", "account", "opening"),
    amount("equity"),
    amount("wallet_balance"),
)

# One row a kind of record (closings, executions, orders), and one for the state of the account (`state`: equity,
# positions, key, clock). A problem stands until the next answer.
account_sync = Table(
    "account_sync",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("kind", sa.Text, primary_key=True),
    Column("complete_until", TIME),
    Column("tried_at", TIME, nullable=False),
    Column("succeeded_at", TIME),
    Column("problem", sa.Text),
    Column("problem_kind", sa.Text),
    Column("facts", JSONB, nullable=False, server_default=sa.text("'{}'::jsonb")),
    account(),
    one_of("kind", "closings", "executions", "orders", "state"),
    one_of("problem_kind", "unavailable", "malformed", "key", "incomplete"),
)

# Records that could not be meant: kept to be looked at, never used.
account_refusals = Table(
    "account_refusals",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("digest", sa.Text, primary_key=True),
    Column("kind", sa.Text, nullable=False),
    Column("record", JSONB, nullable=False),
    Column("why", sa.Text, nullable=False),
    Column("first_seen_at", TIME, nullable=False),
    account(),
    one_of("kind", "closings", "executions", "orders"),
)

paper_accounts = Table(
    "paper_accounts",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("opened_at", TIME, nullable=False),
    Column("starting_equity", sa.Numeric, nullable=False),
    Column("advanced_to", TIME, nullable=False),
    account(),
    amount("starting_equity", "> 0"),
)

paper_orders = Table(
    "paper_orders",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("order_id", sa.Text, primary_key=True),
    Column("link_id", sa.Text, nullable=False),
    Column("record", JSONB, nullable=False),
    # Waiting for its fill, or filled with a position that is open.
    Column("is_working", sa.Boolean, nullable=False),
    Column("created_at", TIME, nullable=False),
    Column("updated_at", TIME, nullable=False),
    account(),
    UniqueConstraint("account", "link_id"),
    Index(None, "account", "created_at"),
    Index("ix_paper_orders_working", "account", postgresql_where=sa.text("is_working")),
)

paper_executions = Table(
    "paper_executions",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("exec_id", sa.Text, primary_key=True),
    Column("record", JSONB, nullable=False),
    Column("at", TIME, nullable=False),
    account(),
    Index(None, "account", "at"),
)

paper_closings = Table(
    "paper_closings",
    metadata,
    Column("account", sa.Text, primary_key=True),
    Column("order_id", sa.Text, primary_key=True),
    Column("record", JSONB, nullable=False),
    Column("updated_at", TIME, nullable=False),
    account(),
    Index(None, "account", "updated_at"),
)
