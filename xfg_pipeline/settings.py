"""What a person may set, from `config.yaml`, `.env` and the environment, and the refusals when it cannot be meant.

The environment wins over `.env`, and that over the file. Nothing here reads anything until `load_settings` is called.
"""

import json
import os
import re
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal
from zoneinfo import available_timezones

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    SecretStr,
    ValidationError,
    model_validator,
)
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    YamlConfigSettingsSource,
)
from pydantic_settings.exceptions import SettingsError as UnreadableSettingsError
from yaml import YAMLError

from xfg_pipeline.levels.rules import LevelRules, SourceRule
from xfg_pipeline.signals.rules import SignalRules
from xfg_pipeline.trading.account_records import AccountName
from xfg_pipeline.trading.light.facts import Thresholds

PLACEHOLDER = re.compile(
    r"^(your[-_ ].*|<.*>|change[-_ ]?me|x{3,}|placeholder|todo|admin|password|secret|example)$", re.IGNORECASE
)
DEFAULT_CONFIG = "config.yaml"
PRACTICE_EQUITY = Decimal(10_000)


class SettingsError(Exception):
    """A setting cannot be used. The message names each key, what was found and what is allowed."""


def _zone(value: str) -> str:
    if value not in available_timezones():
        raise ValueError("is no time zone of the IANA list, such as America/New_York")
    return value


def _filled_in(value: SecretStr | None) -> SecretStr | None:
    if value is None or value.get_secret_value() == "":
        return None
    if PLACEHOLDER.match(value.get_secret_value().strip()):
        raise ValueError("is a placeholder: put the real value there, or remove the line")
    return value


def _words(value: Any) -> Any:
    """`BTC,ETH` and `["BTC","ETH"]` as a list; what is no text as it is."""
    if not isinstance(value, str):
        return value
    if value.lstrip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            raise ValueError('is no list: write BTC,ETH or ["BTC", "ETH"]') from None
    return tuple(word.strip() for word in value.split(",") if word.strip())


def _symbols(value: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(symbol.upper() for symbol in value))
    for symbol in named:
        if not re.fullmatch(r"[A-Z0-9]{1,10}", symbol):
            raise ValueError(f"{symbol!r} is no symbol: letters and digits, such as ES")
    if not named:
        raise ValueError("names no symbol; for example ES,NQ")
    return named


def _coins(value: tuple[str, ...]) -> tuple[str, ...]:
    named = tuple(dict.fromkeys(coin.upper() for coin in value))
    for coin in named:
        if not re.fullmatch(r"[A-Z0-9]{1,20}", coin) or coin.endswith("USDT"):
            raise ValueError(f"{coin!r} is no coin: the base asset alone, BTC for BTCUSDT")
    if not named:
        raise ValueError("names no coin; for example BTC,ETH")
    return named


TimeZone = Annotated[str, AfterValidator(_zone)]
Words = Annotated[tuple[str, ...], NoDecode, BeforeValidator(_words)]
Secret = Annotated[SecretStr | None, AfterValidator(_filled_in)]
Share = Annotated[Decimal, Field(gt=0, lt=1)]
Positive = Annotated[Decimal, Field(gt=0)]
Port = Annotated[int, Field(ge=1, le=65535)]


class Section(BaseModel):
    """A group of settings; a key that it does not know is refused."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class ExportSource(Section):
    """What is known of the exports whose file name matches (wildcards * and ?)."""

    match: str
    date_order: Literal["day_first", "month_first"] | None = None
    time_zone: TimeZone | None = None


class LevelSettings(Section):
    """How level exports are read and judged. Defaults and their reasons: docs/levels.md."""

    column_aliases: dict[str, str] = {}
    required: Literal["readme", "mgi"] | tuple[str, ...] = "readme"
    critical: tuple[str, ...] = ()
    tick_sizes: dict[str, Positive] = {}
    price_band: Share = Decimal("0.20")
    date_order: Literal["auto", "day_first", "month_first"] = "auto"
    time_zone: Literal["auto"] | TimeZone = "auto"
    sources: tuple[ExportSource, ...] = ()
    manual_on_tick: bool = True
    max_file_megabytes: Annotated[int, Field(ge=1, le=1024)] = 64


class ReplaySettings(Section):
    """Recorded candles: files named with coin and interval, such as BTC_USDT-15m.feather."""

    folder: Path | None = None
    speed: Positive = Decimal(1)


class MarketSettings(Section):
    """Where candles come from."""

    provider: Literal["simulated", "bybit", "replay"] | None = None
    coins: Annotated[Words, AfterValidator(_coins)] = ("BTC", "ETH", "SOL", "XRP", "DOGE")
    replay: ReplaySettings = ReplaySettings()


class ModelSettings(Section):
    """Which ensemble makes the signals; nothing set means the bundled practice ensemble."""

    path: Path | None = None
    ensemble_models: Words = ()
    meta_learner: str | None = None


class BybitSettings(Section):
    """The exchange account. Without keys the pipeline runs in practice."""

    api_key: Secret = None
    api_secret: Secret = None
    testnet: bool = False
    demo: bool = False
    base_url: Annotated[str, Field(pattern=r"^https?://[^/?#@\s]+/?$")] | None = None

    @model_validator(mode="after")
    def _both_or_none(self) -> "BybitSettings":
        if (self.api_key is None) != (self.api_secret is None):
            raise ValueError("api_key and api_secret belong together: set both or none")
        return self


class TelegramSettings(Section):
    """The chat that alerts go to."""

    bot_token: Secret = None
    chat_id: str | None = None
    base_url: str = "https://api.telegram.org"


class EmailSettings(Section):
    """The mail server that alerts go through."""

    smtp_server: str | None = None
    smtp_port: Port = 587
    from_email: str | None = None
    password: Secret = None
    to_email: str | None = None
    security: Literal["starttls", "ssl", "none"] = "starttls"

    @model_validator(mode="after")
    def _plain_only_at_home(self) -> "EmailSettings":
        if self.security == "none" and self.smtp_server not in (None, "localhost", "127.0.0.1", "::1"):
            raise ValueError("security: none is allowed for a server on this machine only; use starttls or ssl")
        return self


class TradingSettings(Section):
    """The gates and the size of a signal."""

    max_signals_per_day: Annotated[int, Field(ge=0)] = 12
    min_confidence: Share = Decimal("0.77")
    min_volume_ratio: Positive = Decimal("2.0")
    min_risk_reward: Positive = Decimal("2.0")
    base_risk_per_trade: Annotated[Decimal, Field(gt=0, le=Decimal("0.1"))] = Decimal("0.015")
    # Until the order of one slot is dealt with the next one comes: more than a day is no signal any more.
    signal_ttl_minutes: Annotated[int, Field(ge=1, le=1440)] = 30
    # What positions are sized by; in practice that of the paper account.
    equity: Annotated[Decimal, Field(gt=0, le=Decimal("1e12"))] | None = None
    # In practice an invented hand trades what is signalled on the paper account.
    practice_hand: bool = True


class ControllerSettings(Section):
    """The thresholds of the traffic light."""

    red_wr_threshold: Share = Decimal("0.65")
    yellow_wr_threshold: Share = Decimal("0.70")
    red_daily_loss: Share = Decimal("0.04")
    yellow_daily_loss: Share = Decimal("0.03")
    red_consecutive_losses: Annotated[int, Field(ge=1)] = 5
    red_ece_threshold: Share = Decimal("0.08")
    yellow_ece_threshold: Share = Decimal("0.06")
    volatility_ratio: Positive = Decimal(5)
    evidence: Literal["literal", "gated"] = "literal"
    # How unlikely a fall must be as luck before the gated light is red.
    evidence_level: Annotated[Decimal, Field(gt=0, le=Decimal("0.2"))] = Decimal("0.03")
    ece_window: Annotated[int, Field(ge=20, le=2000)] = 200
    ece_min_n: Annotated[int, Field(ge=1)] = 50
    # Below ece_window trades a calibration error must lie above this quantile of luck to be red; off: at once.
    ece_gate: Literal["off"] | Share = Decimal("0.99")
    # How long it must have been better before the light follows.
    hold_minutes: Annotated[int, Field(ge=0, le=1440)] = 15
    probation_trades: Annotated[int, Field(ge=1, le=200)] = 20
    shadow_outcomes: Annotated[int, Field(ge=1, le=200)] = 20
    # Where a day, a week and a month of P&L begin.
    day_timezone: TimeZone = "UTC"

    @model_validator(mode="after")
    def _yellow_before_red(self) -> "ControllerSettings":
        if self.yellow_wr_threshold < self.red_wr_threshold:
            raise ValueError("yellow_wr_threshold must not be below red_wr_threshold")
        if self.yellow_daily_loss > self.red_daily_loss:
            raise ValueError("yellow_daily_loss must not be above red_daily_loss")
        if self.yellow_ece_threshold > self.red_ece_threshold:
            raise ValueError("yellow_ece_threshold must not be above red_ece_threshold")
        if self.ece_min_n > self.ece_window:
            raise ValueError("ece_min_n must not be above ece_window")
        return self


class DashboardSettings(Section):
    """The desk's own."""

    refresh_interval: Annotated[int, Field(ge=5, le=3600)] = 60


class Settings(BaseSettings):
    """Everything that can be set, checked. Made by `load_settings`."""

    model_config = SettingsConfigDict(
        extra="forbid",
        frozen=True,
        env_nested_delimiter="__",
        env_file=".env",
        env_file_encoding="utf-8",
        env_ignore_empty=True,
        nested_model_default_partial_update=True,
        hide_input_in_errors=True,
        allow_inf_nan=False,
        arbitrary_types_allowed=True,
    )
    config_file: ClassVar[Path | None] = None

    mode: Literal["practice", "live"] | None = None
    database_url: Secret = None
    xfg_home: Path = Path("./var")
    host: str = "127.0.0.1"
    port: Port = 5002
    dagster_port: Port = 3000
    trusted_hosts: Annotated[tuple[str, ...], NoDecode, Field(default=())]
    public_https: bool = False
    secret_key: Secret = None
    web_username: Annotated[str, Field(pattern=r"^[A-Za-z0-9._@-]{1,64}$")] = "admin"
    web_password: Secret = None
    xfg_api_token: Secret = None
    timezone: TimeZone = "America/New_York"
    csv_watch_folder: Path | None = None
    csv_check_interval: Annotated[int, Field(ge=1, le=3600)] = 5
    csv_max_age_hours: Annotated[float, Field(gt=0)] = 24
    allowed_symbols: Annotated[tuple[str, ...], NoDecode, AfterValidator(_symbols)] = ("ES", "NQ")
    levels: LevelSettings = LevelSettings()
    market: MarketSettings = MarketSettings()
    models: ModelSettings = ModelSettings()
    bybit: BybitSettings = BybitSettings()
    telegram: TelegramSettings = TelegramSettings()
    email: EmailSettings = EmailSettings()
    trading: TradingSettings = TradingSettings()
    controller: ControllerSettings = ControllerSettings()
    dashboard: DashboardSettings = DashboardSettings()

    @model_validator(mode="before")
    @classmethod
    def _lists_as_words(cls, values: dict[str, Any]) -> dict[str, Any]:
        return {k: _words(v) if k in ("trusted_hosts", "allowed_symbols") else v for k, v in values.items()}

    @model_validator(mode="after")
    def _belong_together(self) -> "Settings":
        if self.port == self.dagster_port:
            raise ValueError("PORT and DAGSTER_PORT must differ")
        if self.web_password is not None and len(self.web_password.get_secret_value()) < 8:
            raise ValueError("WEB_PASSWORD is shorter than 8 characters")
        if self.secret_key is not None and len(self.secret_key.get_secret_value()) < 16:
            raise ValueError("SECRET_KEY is shorter than 16 characters; remove it to have one made")
        if self.xfg_api_token is not None and len(self.xfg_api_token.get_secret_value()) < 16:
            raise ValueError("XFG_API_TOKEN is shorter than 16 characters")
        if self.market_provider == "replay" and self.market.replay.folder is None:
            raise ValueError("market.provider: replay needs market.replay.folder, where the recorded candles are")
        if self.trading_mode == "live" and self.market.provider == "simulated":
            raise ValueError("market.provider: simulated is for practice; live takes bybit or replay")
        if self.database_url is not None and not self.database_url.get_secret_value().startswith(
            ("postgresql://", "postgres://", "postgresql+psycopg://", "postgresql+psycopg2://")
        ):
            raise ValueError("DATABASE_URL must start with postgresql://")
        # What the domain refuses is refused at the start, not at the first file.
        self.level_rules()
        return self

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """What was passed, then the environment, then `.env`, then the file."""
        del file_secret_settings
        sources = (init_settings, env_settings, dotenv_settings)
        if cls.config_file is None:
            return sources
        return (*sources, YamlConfigSettingsSource(settings_cls, yaml_file=cls.config_file))

    @property
    def trading_mode(self) -> Literal["practice", "live"]:
        """`live` when it is set or Bybit keys are there, else `practice`."""
        return self.mode or ("live" if self.bybit.api_key else "practice")

    @property
    def market_provider(self) -> Literal["simulated", "bybit", "replay"]:
        """Where candles come from: as set, else simulated in practice and Bybit live."""
        return self.market.provider or ("simulated" if self.trading_mode == "practice" else "bybit")

    @property
    def market_name(self) -> Literal["simulated", "bybit", "bybit_testnet", "replay"]:
        """What rows of the market are kept under: prices of a test exchange never meet real ones."""
        testing = self.market_provider == "bybit" and self.bybit.testnet
        return "bybit_testnet" if testing else self.market_provider

    @property
    def account_name(self) -> AccountName:
        """What rows of the account are kept under: paper in practice, one for each market; live that of the keys."""
        if self.trading_mode == "practice":
            return f"paper_{self.market_name}"  # type: ignore[return-value]
        if self.bybit.demo:
            return "bybit_demo"
        return "bybit_testnet" if self.bybit.testnet else "bybit"

    @property
    def equity(self) -> Decimal | None:
        """What positions are sized by; None while it is not known."""
        if self.trading.equity is None and self.trading_mode == "practice":
            return PRACTICE_EQUITY
        return self.trading.equity

    @property
    def home(self) -> Path:
        """XFG_HOME, absolute."""
        return self.xfg_home.expanduser().absolute()

    @property
    def inbox(self) -> Path:
        """The watched folder, absolute."""
        return (self.csv_watch_folder or self.home / "inbox").expanduser().absolute()

    @property
    def look_overdue_after(self) -> timedelta:
        """From when on nobody can be said to read the inbox."""
        return max(timedelta(minutes=1), timedelta(seconds=4 * self.csv_check_interval))

    def level_rules(self) -> LevelRules:
        """The rules by which levels are read and judged."""
        own = self.levels
        defaults = LevelRules()
        return LevelRules(
            allowed_symbols=self.allowed_symbols,
            aliases=own.column_aliases,
            required=own.required,
            critical=own.critical,
            tick_sizes={**defaults.tick_sizes, **{k.upper(): v for k, v in own.tick_sizes.items()}},
            price_band=own.price_band,
            date_order=own.date_order,
            time_zone=own.time_zone,
            sources=tuple(SourceRule(s.match, s.date_order, s.time_zone) for s in own.sources),
            manual_on_tick=own.manual_on_tick,
            max_file_bytes=own.max_file_megabytes * 1024 * 1024,
        )

    def signal_rules(self) -> SignalRules:
        """The gates and the size of a signal."""
        own = self.trading
        return SignalRules(
            max_signals_per_day=own.max_signals_per_day,
            min_confidence=own.min_confidence,
            min_volume_ratio=own.min_volume_ratio,
            min_risk_reward=own.min_risk_reward,
            base_risk_per_trade=own.base_risk_per_trade,
            signal_ttl_minutes=own.signal_ttl_minutes,
        )

    def thresholds(self) -> Thresholds:
        """What the traffic light is decided by."""
        own = self.controller.model_dump(exclude={"day_timezone"})
        return Thresholds(**own | {"ece_gate": None if own["ece_gate"] == "off" else own["ece_gate"]})

    def secrets(self) -> list[str]:
        """Every secret value that is set, for the filter that keeps them out of logs."""
        return [value for value in _secret_values(self) if value]


def _secret_values(model: BaseModel) -> Iterator[str]:
    for name in type(model).model_fields:
        value = getattr(model, name)
        if isinstance(value, SecretStr):
            yield value.get_secret_value()
        elif isinstance(value, BaseModel):
            yield from _secret_values(value)


def load_settings(**overrides: Any) -> Settings:
    """The settings in force.

    Raises SettingsError, one line a key, when one cannot be used.
    """
    named = os.environ.get("XFG_CONFIG")
    path = Path(named or DEFAULT_CONFIG)
    if named and not path.is_file():
        raise SettingsError(f"XFG_CONFIG names {named}, and there is no such file")

    class FromFile(Settings):
        config_file: ClassVar[Path | None] = path if path.is_file() else None

    try:
        return FromFile(**overrides)
    except ValidationError as invalid:
        raise SettingsError("\n".join(_line(error) for error in invalid.errors(include_input=False))) from None
    except (UnreadableSettingsError, YAMLError, UnicodeDecodeError, OSError) as unreadable:
        # A YAML that does not parse, or an environment value that is no JSON where a list is meant.
        raise SettingsError(f"settings cannot be read: {unreadable}") from None


def _line(error: Any) -> str:
    key = ".".join(str(part) for part in error["loc"] if not str(part).startswith("function-"))
    message = str(error["msg"]).removeprefix("Value error, ")
    if error["type"] == "extra_forbidden":
        return f"{key}: no such setting. The settings are listed in docs/settings.md"
    if not key:
        return message
    shown = key.upper() if "." not in key else key
    return f"{shown}: {message}"
