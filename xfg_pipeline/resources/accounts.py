"""Which account the settings mean."""

from datetime import datetime
from typing import TYPE_CHECKING

from xfg_pipeline.clock import Clock
from xfg_pipeline.exchange.account import Account
from xfg_pipeline.exchange.market import Market
from xfg_pipeline.settings import Settings
from xfg_pipeline.storage import service_marks
from xfg_pipeline.storage.database import Database

if TYPE_CHECKING:
    from xfg_pipeline.resources.pipeline import Pipeline


def begun_mark(account: str) -> str:
    """The mark of the moment at which the past of a paper account was whole."""
    return f"account.{account}.begun"


def open_account(settings: Settings, database: Database, clock: Clock, market: Market) -> Account | None:
    """The account of the settings; None live without a key. Nothing is asked of it yet."""
    if settings.trading_mode == "practice":
        from xfg_pipeline.resources.paper_account import open_paper_account

        def now() -> datetime:
            return market.time(clock.now())

        return open_paper_account(database, settings.account_name, market, now)
    own = settings.bybit
    if own.api_key is None or own.api_secret is None:
        return None
    from xfg_pipeline.exchange.bybit_account import BybitAccount

    return BybitAccount(
        api_key=own.api_key.get_secret_value(),
        api_secret=own.api_secret.get_secret_value(),
        testnet=own.testnet,
        demo=own.demo,
        base_url=own.base_url,
        clock=clock,
    )


def is_ready(pipeline: "Pipeline") -> bool:
    """Whether there is an account to ask: that of practice only when its past is whole.

    Read before that, it would seem complete without it.
    """
    account = pipeline.account
    if account is None or pipeline.settings.trading_mode == "live":
        return account is not None
    return service_marks.read(pipeline.database, begun_mark(account.name)) is not None
