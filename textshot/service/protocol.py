"""HTTP as uvicorn reads it, with our one shape for what is no HTTP."""

from __future__ import annotations

import secrets

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from textshot.service.problems import Problem

_HEAD = (
    "HTTP/1.1 400 Bad Request\r\ncontent-type: application/json\r\ncontent-length: {}\r\n"
    "connection: close\r\n\r\n"
)


class Protocol(HttpToolsProtocol):
    """Answers what cannot be parsed as all other errors are answered."""

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP, and close the connection."""
        problem = Problem(400, "invalid_http", "this is no HTTP request. Send one by HTTP/1.1")
        body = problem.body(secrets.token_hex(8))
        self.transport.write(_HEAD.format(len(body)).encode() + body)
        self.transport.close()
