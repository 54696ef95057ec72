"""Settings: where they come from, which one wins, and how a wrong one is refused."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from xfg_pipeline.settings import Settings, SettingsError, load_settings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def config(text: str) -> None:
    Path("config.yaml").write_text(text)


def test_with_nothing_set_it_is_practice_with_the_defaults_of_the_design() -> None:
    settings = load_settings()
    assert (settings.trading_mode, settings.port, settings.dagster_port) == ("practice", 5002, 3000)
    assert (settings.allowed_symbols, settings.csv_check_interval, settings.csv_max_age_hours) == (
        ("ES", "NQ"),
        5,
        24,
    )
    assert settings.home == Path.cwd() / "var"
    assert settings.inbox == Path.cwd() / "var/inbox"
    assert (settings.timezone, settings.web_username) == ("America/New_York", "admin")


def test_the_environment_wins_over_dotenv_and_that_over_the_file(monkeypatch: pytest.MonkeyPatch) -> None:
    config("port: 6001\ndagster_port: 6002\ncsv_check_interval: 7\n")
    Path(".env").write_text("PORT=6003\nDAGSTER_PORT=6004\n")
    monkeypatch.setenv("PORT", "6005")
    settings = load_settings()
    assert (settings.port, settings.dagster_port, settings.csv_check_interval) == (6005, 6004, 7)


def test_nested_names_are_joined_by_two_underscores(monkeypatch: pytest.MonkeyPatch) -> None:
    config("levels:\n  price_band: 0.1\n  column_aliases: {My Study: my_level}\n")
    monkeypatch.setenv("LEVELS__REQUIRED", "mgi")
    rules = load_settings().level_rules()
    assert (str(rules.price_band), rules.required, dict(rules.aliases)) == (
        "0.1",
        "mgi",
        {"My Study": "my_level"},
    )


def test_symbols_come_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALLOWED_SYMBOLS", "es, nq,MES")
    assert load_settings().allowed_symbols == ("ES", "NQ", "MES")


def test_bybit_keys_make_it_live(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("BYBIT__API_KEY", "k" * 18)
    monkeypatch.setenv("BYBIT__API_SECRET", "s" * 36)
    assert load_settings().trading_mode == "live"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("prot: 5002\n", "prot: no such setting"),
        ("port: 99999\n", "PORT"),
        ("port: three\n", "PORT"),
        ("port: 3000\n", "PORT and DAGSTER_PORT must differ"),
        ("timezone: EST5\n", "TIMEZONE"),
        ("allowed_symbols: ''\n", "ALLOWED_SYMBOLS"),
        ("levels: {price_bnad: 0.2}\n", "levels.price_bnad: no such setting"),
        ("levels: {price_band: 20}\n", "levels.price_band"),
        ("levels: {price_band: .nan}\n", "levels.price_band"),
        ("levels: {required: [vwpa]}\n", "vwpa"),
        ("levels: {date_order: european}\n", "levels.date_order"),
        ("levels: {time_zone: Frankfurt}\n", "levels.time_zone"),
        ("trading: {min_confidence: 77}\n", "trading.min_confidence"),
        ("controller: {red_wr_threshold: 0.8}\n", "yellow_wr_threshold must not be below"),
        ("email: {security: none, smtp_server: mail.example.com}\n", "starttls"),
        ("bybit: {api_key: abcdefgh12345}\n", "belong together"),
        ("database_url: mysql://localhost/x\n", "postgresql://"),
        ("port: [\n", "settings cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(text: str, said: str) -> None:
    config(text)
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert said in str(refused.value)


@pytest.mark.parametrize("placeholder", ["YOUR_API_KEY", "your-password", "<token>", "changeme", "admin", "password"])
@pytest.mark.parametrize("name", ["WEB_PASSWORD", "SECRET_KEY", "XFG_API_TOKEN", "TELEGRAM__BOT_TOKEN"])
def test_a_placeholder_is_refused_and_named(name: str, placeholder: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, placeholder)
    with pytest.raises(SettingsError, match="placeholder") as refused:
        load_settings()
    assert name.rsplit("__", maxsplit=1)[-1].lower() in str(refused.value).lower()


def test_a_refusal_never_shows_a_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PASSWORD", "s3cr3t!")
    with pytest.raises(SettingsError) as refused:
        load_settings()
    assert "shorter than 8" in str(refused.value)
    assert "s3cr3t!" not in str(refused.value)


def test_a_file_that_is_named_must_be_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XFG_CONFIG", "elsewhere.yaml")
    with pytest.raises(SettingsError, match=r"elsewhere\.yaml"):
        load_settings()


def test_an_empty_value_is_no_value(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_URL", "")
    monkeypatch.setenv("PORT", "")
    assert (load_settings().database_url, load_settings().port) == (None, 5002)


def test_all_secrets_are_known_to_the_filter_of_the_logs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WEB_PASSWORD", "a good password")
    monkeypatch.setenv("EMAIL__PASSWORD", "of the mail box")
    assert set(load_settings().secrets()) == {"a good password", "of the mail box"}
    assert "a good password" not in repr(load_settings())


def test_settings_do_not_change(monkeypatch: pytest.MonkeyPatch) -> None:
    from pydantic import ValidationError

    with pytest.raises(ValidationError):
        Settings(_env_file=None).port = 1  # type: ignore[misc]


@pytest.mark.parametrize("written", ["btc, ETH,BTC", '["btc", "ETH"]'])
def test_coins_come_as_words_or_as_a_list(written: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("MARKET__COINS", written)
    assert load_settings().market.coins == ("BTC", "ETH")
    monkeypatch.delenv("MARKET__COINS")
    (tmp_path / "coins.yaml").write_text(f"market:\n  coins: {written}\n")
    monkeypatch.setenv("XFG_CONFIG", str(tmp_path / "coins.yaml"))
    assert load_settings().market.coins == ("BTC", "ETH")


@pytest.mark.parametrize("written", ["BTCUSDT", "BTC/USDT", "BTC ETH", "[BTC", ","])
def test_what_is_no_coin_is_refused_by_name(written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARKET__COINS", written)
    with pytest.raises(SettingsError, match=r"^market\.coins: "):
        load_settings()


def test_models_come_as_words(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODELS__ENSEMBLE_MODELS", "xgboost,lightgbm")
    assert load_settings().models.ensemble_models == ("xgboost", "lightgbm")


def test_the_example_settings_are_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XFG_CONFIG", str(ROOT / "examples" / "config.yaml"))
    assert load_settings().market.coins == ("BTC", "ETH", "SOL", "XRP", "DOGE")
