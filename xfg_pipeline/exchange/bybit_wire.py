"""The HTTP client below pybit: held to a deadline and a size, the same whatever the machine's proxies, no redirects."""

import io
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import requests
import urllib3.exceptions

from xfg_pipeline.exchange.market import MarketMalformed
from xfg_pipeline.exchange.pace import Deadline

# The longest honest answer, all instruments, is about one megabyte.
MOST_BYTES = 32 * 1024 * 1024
PIECE = 64 * 1024


class BoundedSession(requests.Session):
    """A session for several threads, each of which says `within` which deadline it asks.

    The timeout of requests counts from byte to byte: an answer that drips would never end. Here the body is read as
    it comes, and given up at the deadline; a call may be late by the timeout of one read. What comes before the body
    (the name's address, the headers) is held to the timeout of each step alone.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trust_env = False
        self._thread = threading.local()

    @contextmanager
    def within(self, deadline: Deadline) -> Iterator[None]:
        """All that this thread asks in the block must be answered by then."""
        self._thread.deadline = deadline
        try:
            yield
        finally:
            del self._thread.deadline

    def get_redirect_target(self, resp: requests.Response) -> str | None:
        """None: an exchange does not send one elsewhere, and what does is not the exchange."""
        del resp
        return None

    def send(self, request: requests.PreparedRequest, **kwargs: Any) -> requests.Response:
        """The response with its whole body read. Raises requests' exceptions, and MarketMalformed for a flood."""
        deadline: Deadline = self._thread.deadline
        timeout = max(min(kwargs["timeout"], deadline.remaining()), 0.001)
        response = super().send(request, **{**kwargs, "timeout": timeout, "stream": True})
        try:
            body = _body(response, deadline)
        except (OSError, MarketMalformed, urllib3.exceptions.HTTPError) as broken:
            response.close()
            raise _as_requests_says(broken) from None
        response.raw = io.BytesIO(body)
        return response


def _body(response: requests.Response, deadline: Deadline) -> bytes:
    body = bytearray()
    while piece := response.raw.read1(PIECE, decode_content=True):
        body += piece
        if len(body) > MOST_BYTES:
            raise MarketMalformed(f"Bybit's answer is longer than {MOST_BYTES:,} bytes")
        if deadline.remaining() <= 0:
            raise requests.exceptions.ReadTimeout
    return bytes(body)


def _as_requests_says(broken: Exception) -> Exception:
    if isinstance(broken, urllib3.exceptions.ReadTimeoutError):
        return requests.exceptions.ReadTimeout()
    if isinstance(broken, urllib3.exceptions.DecodeError):
        return requests.exceptions.ContentDecodingError()
    if isinstance(broken, urllib3.exceptions.HTTPError):
        return requests.exceptions.ChunkedEncodingError()
    return broken
