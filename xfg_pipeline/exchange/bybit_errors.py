"""What went wrong with a call to Bybit, in the words of `exchange/market.py`, and whether it passes by itself.

Nothing of a request, a URL or a body reaches a message: only codes, and Bybit's own words without what may be a key.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta

import requests
from pybit.exceptions import FailedRequestError, InvalidRequestError

from xfg_pipeline.exchange.account import KeyRefused
from xfg_pipeline.exchange.market import MarketError, MarketMalformed, MarketUnavailable

TOO_OFTEN = frozenset({10006, 429})
SHUT_OUT = frozenset({403, 10009, 10018})
# A timeout or an error inside Bybit, at its gateway, or on the way to it. A question may be asked again.
TROUBLE_THERE = frozenset({10000, 10016, 408, 500, 502, 503, 504})
NOT_UNDERSTOOD = frozenset({10001, 10017, 10029})
KEY_REFUSED = frozenset({401, 10003, 10004, 10005, 10007, 10010, 33004})
CLOCK_OFF = 10002
# "Access too frequent" asks for ten minutes of silence; a longer wait than that is never taken from a header.
LONGEST_HOLD = timedelta(minutes=10)
RESET_HEADER = "X-Bapi-Limit-Reset-Timestamp"
# Bybit's clock and ours differ by some milliseconds.
RESET_MARGIN = timedelta(milliseconds=100)

_LIKE_A_KEY = re.compile(r"[A-Za-z0-9+/=_-]{16,}")


class BybitUnavailable(MarketUnavailable):
    """No answer from Bybit. `again`: it may pass within the same call. `hold`: seconds in which nobody should ask."""

    def __init__(self, message: str, *, again: bool = False, hold: float = 0.0) -> None:
        super().__init__(message)
        self.again = again
        self.hold = hold


class BybitKeyRefused(BybitUnavailable, KeyRefused):
    """The key is not accepted: asked once, and not again within the call."""


def explain(error: Exception, now: datetime) -> MarketError:
    """The market's error for whatever a call of pybit raised. `now` is what the reset of a rate limit counts from."""
    if isinstance(error, MarketError):
        return error
    if isinstance(error, InvalidRequestError):
        return _of_code(error.status_code, error.message, error.resp_headers, now)
    if isinstance(error, FailedRequestError):
        if error.resp_headers is None:
            return BybitUnavailable("Bybit answered with something that is not JSON", again=True)
        return _of_code(error.status_code, f"HTTP {error.status_code}", error.resp_headers, now)
    if isinstance(error, OSError):
        return BybitUnavailable(f"Bybit cannot be reached: {_network(error)}", again=True)
    # pybit looks into an answer before it knows what it is, and trips over lists, nulls and nesting.
    return MarketMalformed(f"Bybit's answer has not the shape of an answer ({type(error).__name__})")


def scrubbed(text: object) -> str:
    """Words of a stranger in one short printable line, without anything that looks like a key."""
    line = "".join(char if char.isprintable() else " " for char in str(text)[:500])
    return without_keys(line)[:160].strip()


def without_keys(text: str) -> str:
    """The text, with stars for whatever looks like a key."""
    return _LIKE_A_KEY.sub("***", text)


def _of_code(code: object, words: object, headers: Mapping[str, str], now: datetime) -> MarketError:
    if type(code) is not int:
        return MarketMalformed(f"Bybit's answer has a retCode that is no number: {scrubbed(repr(code))}")
    if code in TOO_OFTEN:
        return _too_often(code, headers, now)
    if code in SHUT_OUT:
        return _shut_out(code, now)
    said = f"code {code}: {scrubbed(words)}"
    if code in NOT_UNDERSTOOD:
        remedy = "look at bybit.base_url, and report it"
        if "symbol" in said.lower():
            remedy = "a coin without a USDT perpetual leaves market.coins"
        return MarketMalformed(f"Bybit does not know what it was asked for ({said}); {remedy}")
    if code in KEY_REFUSED:
        return BybitKeyRefused(
            f"Bybit refuses the API key (code {code}): look at bybit.api_key and api_secret, at what the key may do, "
            "at the addresses that may use it, and whether it belongs to testnet or demo"
        )
    if code == CLOCK_OFF:
        said = f"the time of this machine's clock (code {code}): let it be set by NTP"
    elif code in TROUBLE_THERE:
        said = f"for a trouble of its own ({said})"
    elif 0 < code < 1000:
        said = f"with HTTP {code}; if that stays, look at bybit.base_url"
    return BybitUnavailable(f"Bybit refuses {said}", again=code in TROUBLE_THERE)


def _shut_out(code: int, now: datetime) -> BybitUnavailable:
    return BybitUnavailable(
        f"Bybit shuts this address out (code {code}): it was asked too often, or from a country that it does not "
        f"serve. Nothing is asked before {now + LONGEST_HOLD:%H:%M:%S} UTC. Against the second helps only "
        "bybit.base_url of your own region",
        hold=LONGEST_HOLD.total_seconds(),
    )


def _too_often(code: int, headers: Mapping[str, str], now: datetime) -> BybitUnavailable:
    told = headers.get(RESET_HEADER, "")
    wait = timedelta(0)
    if told.isascii() and told.isdigit() and len(told) <= 15:
        wait = timedelta(milliseconds=int(told) - int(now.timestamp() * 1000)) + RESET_MARGIN
    elif (after := headers.get("Retry-After", "")).isascii() and after.isdigit() and len(after) <= 9:
        wait = timedelta(seconds=int(after))
    wait = min(max(wait, timedelta(0)), LONGEST_HOLD)
    when = f"ask again after {now + wait:%H:%M:%S} UTC" if wait else "it does not say until when"
    return BybitUnavailable(f"Bybit was asked too often (code {code}): {when}", again=True, hold=wait.total_seconds())


def _network(error: OSError) -> str:
    if isinstance(error, requests.exceptions.SSLError):
        return "its certificate is not accepted; look at the machine's clock and at what stands between"
    if isinstance(error, requests.exceptions.Timeout | TimeoutError):
        return "no answer in time"
    if isinstance(error, requests.exceptions.ChunkedEncodingError | requests.exceptions.ContentDecodingError):
        return "its answer broke off"
    told = repr(error)
    for sign, meaning in (
        ("NameResolutionError", "its name is not found; look at the network, or at bybit.base_url"),
        ("refused", "the connection was refused; look at bybit.base_url"),
        ("reset", "the connection was cut"),
        ("RemoteDisconnected", "the connection was cut"),
        ("aborted", "the connection was cut"),
    ):
        if sign in told:
            return meaning
    return f"the connection failed ({type(error).__name__})"
