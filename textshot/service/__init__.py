"""The HTTP service: an index, or several, behind one process (extra `serve`)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from textshot.service.app import make_app
    from textshot.service.keys import Keys
    from textshot.service.run import serve
    from textshot.service.service import Service
    from textshot.service.settings import Settings

__all__ = ["Keys", "Service", "Settings", "make_app", "serve"]

_WHERE = {
    "Keys": "keys",
    "Service": "service",
    "Settings": "settings",
    "make_app": "app",
    "serve": "run",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_WHERE[name]}"), name)
