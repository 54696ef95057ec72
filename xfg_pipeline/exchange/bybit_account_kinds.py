"""The three kinds of records that an account's past is made of, and how Bybit gives each."""

from xfg_pipeline.exchange.bybit_account_pages import Kind
from xfg_pipeline.exchange.bybit_account_records import closing_of, execution_of, order_of
from xfg_pipeline.trading.account_records import Closing, Execution, OrderRecord

# A closing order's P&L grows with its fills; the documentation does not say which of its times the bounds are of.
CLOSINGS: Kind[Closing] = Kind(
    what="closed P&L",
    call="get_closed_pnl",
    limit=100,
    told=closing_of,
    name=lambda one: one.order_id,
    span=lambda one: (min(one.created_at, one.updated_at), max(one.created_at, one.updated_at)),
    version=lambda one: (one.updated_at, one.quantity),
)
EXECUTIONS: Kind[Execution] = Kind(
    what="executions",
    call="get_executions",
    limit=100,
    told=execution_of,
    name=lambda one: one.exec_id,
    span=lambda one: (one.at, one.at),
    version=lambda one: one.at,
)
ORDERS: Kind[OrderRecord] = Kind(
    what="orders",
    call="get_order_history",
    limit=50,
    told=order_of,
    name=lambda one: one.order_id,
    span=lambda one: (min(one.created_at, one.updated_at), max(one.created_at, one.updated_at)),
    version=lambda one: (one.updated_at, one.filled_quantity),
)
