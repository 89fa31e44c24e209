"""The HTTP service: one or several indexes in one process (extra `serve`)."""

from textshot.service.access import APIKeys
from textshot.service.app import make_app
from textshot.service.options import ServiceOptions
from textshot.service.server import serve
from textshot.service.service import Service

__all__ = ["APIKeys", "Service", "ServiceOptions", "make_app", "serve"]
