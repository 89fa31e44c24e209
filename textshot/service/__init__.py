"""The HTTP service: one or several indexes in one process (extra `serve`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textshot.service.access import APIKeys
    from textshot.service.app import make_app
    from textshot.service.options import ServiceOptions
    from textshot.service.server import serve
    from textshot.service.service import Service

__all__ = ["APIKeys", "Service", "ServiceOptions", "make_app", "serve"]

_MODULES = {
    "APIKeys": "access",
    "Service": "service",
    "ServiceOptions": "options",
    "make_app": "app",
    "serve": "server",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
