"""By which names the service may be called, and by which pages: no page of a stranger gets in.

A page on the web that a user opens may send requests to 127.0.0.1 (and, by rebinding a name of its
own to that address, read the answers). A browser says where a request comes from; that is checked.
"""

from __future__ import annotations

from collections.abc import Mapping
from ipaddress import ip_address

from textshot.service.problems import Problem

ANY = "*"
_LOCAL = "localhost"


def is_loopback(host: str) -> bool:
    """Tell whether a host to bind to is reached from this machine alone."""
    try:
        return ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host == _LOCAL


def check_host(header: bytes | None, allowed: tuple[str, ...]) -> None:
    """Refuse a name that is not ours; asked where no key protects.

    Raises:
        Problem: 421.
    """
    if header is None or ANY in allowed:
        return
    name = _without_port(header.decode("latin-1")).lower()
    if name == _LOCAL or name in allowed or is_loopback(name):
        return
    raise Problem(
        421,
        "unknown_host",
        "the service is not called by that name. Call it by 127.0.0.1, or start it with"
        " --allowed-host NAME",
    )


def check_origin(headers: Mapping[bytes, bytes]) -> None:
    """Refuse what a page of another site sends; programs send no origin.

    Raises:
        Problem: 403.
    """
    origin = headers.get(b"origin")
    same_site = headers.get(b"sec-fetch-site", b"none") in (b"none", b"same-origin")
    ours = origin is None or origin.partition(b"://")[2] == headers.get(b"host")
    if not (same_site and ours):
        raise Problem(
            403,
            "cross_origin",
            "the request comes from a page of another site, and those are not served. Call the"
            " service from your own server, or open its own page",
        )


def _without_port(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
