"""A service in this process, asked over ASGI: no socket, no thread but the encoder's."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from pathlib import Path
from typing import Any

import httpx

from textshot.service import APIKeys, Service, ServiceOptions, make_app

Body = Callable[[httpx.AsyncClient, Service], Coroutine[Any, Any, Any]]


def ask(
    indexes: Mapping[str, Path], body: Body, *, keys: APIKeys | None = None, **settings: Any
) -> Any:
    """Begin a service, let `body` ask it, and end it."""

    async def main() -> Any:
        service = Service(indexes, ServiceOptions(**settings), keys)
        transport = httpx.ASGITransport(make_app(service), raise_app_exceptions=False)
        await service.start()
        try:
            async with httpx.AsyncClient(
                transport=transport, base_url="http://127.0.0.1"
            ) as client:
                return await body(client, service)
        finally:
            await service.stop()

    return asyncio.run(main())
