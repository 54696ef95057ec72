"""What every page shares: templates with autoescape, the mode strip, the addresses in the navigation."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from fastapi import Request
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette.responses import HTMLResponse, Response

from xfg_pipeline.desk import formats
from xfg_pipeline.desk.access import Identity
from xfg_pipeline.desk.desk_room import Room
from xfg_pipeline.desk.light_view import Lamp, lamp_of
from xfg_pipeline.desk.origin import host_name
from xfg_pipeline.exchange.market import MarketError
from xfg_pipeline.trading.light.reading import not_evaluated

HERE = Path(__file__).parent
STATIC = HERE / "static"

ZONE_WORDS = {"America/New_York": "New York", "America/Chicago": "Chicago", "UTC": "UTC"}

PRACTICE_MARKETS = {"simulated": "Simulated market", "replay": "Recorded market", "bybit": "Prices of Bybit"}


def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(HERE / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        long_date=formats.long_date, short_date=formats.short_date, middle_date=formats.middle_date
    )
    return environment


def zone_of(room: Room) -> ZoneInfo:
    """The user's time zone."""
    return ZoneInfo(room.settings.timezone)


def page(
    request: Request,
    room: Room,
    identity: Identity | None,
    template: str,
    values: Mapping[str, Any],
    *,
    status: int = 200,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """Render a template for somebody (or for nobody, before the login)."""
    environment = getattr(request.app.state, "templates", None)
    if environment is None:
        environment = request.app.state.templates = _environment()
    now = room.local_now()
    zone = room.settings.timezone
    shared = {
        "identity": identity,
        "practice": room.settings.trading_mode == "practice",
        "practice_market": PRACTICE_MARKETS[room.settings.market_provider],
        "path": request.url.path,
        "now": now,
        "zone": ZONE_WORDS.get(zone, zone.rpartition("/")[2].replace("_", " ")),
        "refresh_seconds": room.settings.dashboard.refresh_interval,
        "dagster_address": dagster_address(request, room),
        "bar": None if identity is None else bar_light(room),
    }
    return HTMLResponse(environment.get_template(template).render({**shared, **values}), status, dict(headers or {}))


def bar_light(room: Room) -> Lamp:
    """The light in the header of every page. A market whose time cannot be read is red."""
    try:
        return lamp_of(room.light_book.now(room.light_book.moment()).decision)
    except MarketError as error:
        return lamp_of(not_evaluated(f"the market's time is not known: {error}"))


def dagster_address(request: Request, room: Room) -> str | None:
    """The Dagster UI has its own port on the same host; behind a proxy its address is not ours to guess."""
    if room.settings.public_https:
        return None
    return f"http://{host_name(request.headers.get('host', ''))}:{room.settings.dagster_port}/"
