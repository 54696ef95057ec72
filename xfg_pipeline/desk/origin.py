"""Is this request addressed to us, and does it come from our own page? Pure decisions on headers.

Hosts defend against DNS rebinding, the same-origin rule against requests that another web page sends.
"""

from __future__ import annotations

from collections.abc import Iterable

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
OWN_HOSTS = frozenset({"127.0.0.1", "localhost", "[::1]"})


def host_name(host: str) -> str:
    """The name in a Host header without its port, in lower case: `[::1]:5002` is `[::1]`."""
    text = host.strip().lower()
    if text.startswith("["):
        return text[: text.find("]") + 1]
    return text.partition(":")[0].rstrip(".")


def is_known_host(hosts: list[str], extra: Iterable[str] = ()) -> bool:
    """True for exactly one Host header that names this machine or a configured name."""
    if len(hosts) != 1:
        return False
    return host_name(hosts[0]) in OWN_HOSTS | {host_name(name) for name in extra}


def is_own_request(
    *,
    method: str,
    own_origin: str,
    sec_fetch_site: str | None,
    origin: str | None,
    authorization: str | None,
    has_cookie: bool,
    logs_in: bool,
) -> bool:
    """May this request change something?

    Browsers say where a request comes from, and that decides. A Bearer token is never sent by a browser by
    itself; HTTP Basic is, once a person typed it into the browser's box, so there it must come from us too.
    Without a word about its origin the sender is a program: taken when it brings an Authorization header, or
    nothing that a browser would have added (`logs_in`: a login must not be forged either).
    """
    if method in SAFE_METHODS:
        return True
    if authorization is not None and authorization.lower().startswith("bearer ") and not has_cookie:
        return True
    if sec_fetch_site is not None:
        return sec_fetch_site in {"same-origin", "none"}
    if origin is not None:
        return origin == own_origin
    return not has_cookie and (authorization is not None or not logs_in)
