"""The routes for uploaded files."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import PurePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse
from starlette.requests import ClientDisconnect

from textshot.batch.options import JobOptions
from textshot.errors import TableError
from textshot.io import Format
from textshot.io.formats import format_of
from textshot.service.files import FileRun
from textshot.service.problems import Problem
from textshot.service.requests import service_of
from textshot.service.schemas import FileProgress, errors
from textshot.service.served_index import Served
from textshot.types import Threshold

_SIMPLE = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_KINDS = {
    Format.CSV: "text/csv; charset=utf-8",
    Format.TSV: "text/tab-separated-values; charset=utf-8",
    Format.JSONL: "application/x-ndjson",
    Format.PARQUET: "application/vnd.apache.parquet",
    Format.EXCEL: "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}
_BODY = {
    "requestBody": {
        "required": True,
        "content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}},
    }
}
_ANSWER: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows with label, score and margin, as they are answered.",
        "content": {kind.partition(";")[0]: {} for kind in _KINDS.values()},
    }
}
OutputFormat = Literal["csv", "tsv", "jsonl", "parquet", "xlsx"]


def upload_routes(prefix: str, which: Callable[..., Served]) -> APIRouter:
    """Return the routes for the default index, or for one that the path names."""
    router = APIRouter(prefix=prefix, tags=["files"])

    @router.post(
        "/files",
        responses=_ANSWER | errors(400, 401, 403, 404, 413, 415, 421, 422, 429, 503),
        response_class=StreamingResponse,
        openapi_extra=_BODY,
    )
    async def categorize_file(
        request: Request,
        served: Served = Depends(which),
        name: Annotated[
            str, Query(max_length=255, description="Its ending tells the format.")
        ] = "",
        format: Annotated[Format | None, Query(description="Of what is sent.")] = None,
        output: Annotated[OutputFormat | None, Query(description="Of what comes back.")] = None,
        encoding: Annotated[
            str | None, Query(max_length=50, description="Of a text table.")
        ] = None,
        text_column: Annotated[list[str] | None, Query(max_length=100)] = None,
        threshold: Annotated[
            float | Literal["auto", "none"], Query(description="A cosine, auto or none.")
        ] = "auto",
    ) -> StreamingResponse:
        """Add label, score and margin to the rows of a table.

        The body is the file itself. How far it is, and which rows could not be used, is told by
        GET /v1/files/{request_id} under the X-Request-ID that the file was sent with. A failure
        after the answer has begun breaks it off.
        """
        settings = replace(
            _settings(name, format, output, threshold),
            text_columns=text_column or [],
            encoding=encoding or None,
        )
        return await _categorized(request, served, name, settings)

    @router.get("/files/{request_id}", responses=errors(400, 401, 403, 404, 421, 422, 429, 503))
    def file_progress(
        request: Request,
        request_id: Annotated[str, Path(max_length=64)],
        served: Served = Depends(which),
    ) -> FileProgress:
        """Tell how far a file is that was sent with this X-Request-ID."""
        found = vars(service_of(request).files.find(request_id))
        return FileProgress(**{k: v for k, v in found.items() if k != "ended"})

    return router


async def _categorized(
    request: Request, served: Served, name: str, settings: JobOptions
) -> StreamingResponse:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind in _SIMPLE:
        raise Problem(
            415,
            "wrong_content_type",
            "the body has to be the file itself. Send it with Content-Type:"
            " application/octet-stream",
        )
    service = service_of(request)
    snapshot = service.snapshot(served.name)
    job = service.files.begin(request.scope["state"]["request_id"])
    run = FileRun(job, settings, "".join(PurePath(_plain(name)).suffixes[-2:]))
    try:
        with run.path.open("wb") as file:
            async for part in request.stream():
                await asyncio.to_thread(file.write, part)
        parts = await run.begin(snapshot, service.batcher)
    except ClientDisconnect:
        run.discard()
        raise Problem(400, "cut_off", "the file was cut off") from None
    except BaseException:
        run.discard()
        raise
    wanted = Format(settings.output_format or Format.CSV)
    stem = PurePath(_plain(name) or "file").name.partition(".")[0]
    headers = {
        "Content-Disposition": f'attachment; filename="{stem}-categorised.{wanted}"',
        "X-Index-Generation": str(snapshot.generation),
    }
    return StreamingResponse(parts, media_type=_KINDS[wanted], headers=headers)


def _settings(
    name: str,
    format: Format | None,
    output: OutputFormat | None,
    threshold: float | str,
) -> JobOptions:
    try:
        kind = format_of(_plain(name) or "-", format, stdio=Format.CSV)
    except TableError:
        raise Problem(
            422,
            "unreadable_file",
            "the ending of the name does not tell the format. Name it by format=:"
            f" {', '.join(Format)}",
        ) from None
    if not isinstance(threshold, str) and not -1.0 <= threshold <= 1.0:  # NaN is neither
        raise Problem(422, "invalid_request", "threshold: a cosine lies in -1 to 1")
    back = Format(output) if output else (Format.CSV if kind is Format.TEXT else kind)
    limit: Threshold = None if threshold == "none" else threshold  # type: ignore[assignment]
    return JobOptions(threshold=limit, input_format=kind, output_format=back)


def _plain(name: str) -> str:
    """Return a file name that is safe in a header and in a folder; its ending stays."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name.replace("\\", "/")).name)[-100:]
