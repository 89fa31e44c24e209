"""Routes for uploaded files."""

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
from textshot.service.errors import APIError, error_responses
from textshot.service.file_job import FileRun
from textshot.service.requests import service_of
from textshot.service.schemas import FileProgress
from textshot.service.served_index import ServedIndex
from textshot.types import Threshold

# Content types that a form on another site can send without asking.
_FORM_TYPES = ("application/x-www-form-urlencoded", "multipart/form-data", "text/plain")
_MEDIA_TYPES = {
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
_OUTPUT: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "The rows with label, score and margin, streamed.",
        "content": {media_type.partition(";")[0]: {} for media_type in _MEDIA_TYPES.values()},
    }
}
OutputFormat = Literal["csv", "tsv", "jsonl", "parquet", "xlsx"]


def file_routes(prefix: str, index_of: Callable[..., ServedIndex]) -> APIRouter:
    """Return the routes for the default index, or for the one that the path names."""
    router = APIRouter(prefix=prefix, tags=["files"])
    _add_upload(router, index_of)
    _add_progress(router, index_of)
    return router


def _add_upload(router: APIRouter, index_of: Callable[..., ServedIndex]) -> None:
    @router.post(
        "/files",
        responses=_OUTPUT | error_responses(400, 401, 403, 404, 413, 415, 421, 422, 429, 503),
        response_class=StreamingResponse,
        openapi_extra=_BODY,
    )
    async def categorize_file(
        request: Request,
        served: ServedIndex = Depends(index_of),
        name: Annotated[str, Query(max_length=255, description="Tells the format.")] = "",
        format: Annotated[Format | None, Query(description="Format of the file.")] = None,
        output: Annotated[OutputFormat | None, Query(description="Format of the output.")] = None,
        encoding: Annotated[
            str | None, Query(max_length=50, description="Of a text table.")
        ] = None,
        sheet: Annotated[
            str | None, Query(max_length=100, description="Name or number of a sheet.")
        ] = None,
        header_row: Annotated[
            int | None, Query(ge=1, description="Row of a sheet, or line of CSV, of the names.")
        ] = None,
        text_column: Annotated[list[str] | None, Query(max_length=100)] = None,
        threshold: Annotated[
            float | Literal["auto", "none"], Query(description="A cosine, auto or none.")
        ] = "auto",
        allow_rejected: Annotated[
            bool, Query(description="Answer the other rows even if most are invalid.")
        ] = False,
    ) -> StreamingResponse:
        """Add label, score and margin to the rows of a table.

        The body is the file itself. GET /v1/files/{request_id} tells the progress and the invalid
        rows; the id is the X-Request-ID that the file was sent with. A failure after the response
        has started breaks it off, after a last line that says why.
        """
        options = replace(
            _job_options(name, format, output, threshold),
            text_columns=text_column or [],
            encoding=encoding or None,
            sheet=sheet or None,
            header_row=header_row,
        )
        return await _categorize(request, served, name, options, allow_rejected=allow_rejected)


def _add_progress(router: APIRouter, index_of: Callable[..., ServedIndex]) -> None:
    @router.get(
        "/files/{request_id}", responses=error_responses(400, 401, 403, 404, 421, 422, 429, 503)
    )
    def file_progress(
        request: Request,
        request_id: Annotated[str, Path(max_length=64)],
        served: ServedIndex = Depends(index_of),
    ) -> FileProgress:
        """Return the progress of the file that was sent with this X-Request-ID."""
        job = vars(service_of(request).files.find(request_id))
        return FileProgress(**{name: value for name, value in job.items() if name != "ended"})


async def _categorize(
    request: Request, served: ServedIndex, name: str, options: JobOptions, *, allow_rejected: bool
) -> StreamingResponse:
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type in _FORM_TYPES:
        message = "the body must be the file. Send Content-Type: application/octet-stream"
        raise APIError(415, "wrong_content_type", message)
    service, file_name = service_of(request), _safe_name(name)
    snapshot = served.snapshot()
    request_id = request.scope["state"]["request_id"]
    run = FileRun(
        service.files.start(request_id),
        options,
        "".join(PurePath(file_name).suffixes[-2:]),
        request_id,
        allow_rejected=allow_rejected,
    )
    try:
        with run.path.open("wb") as file:
            async for chunk in request.stream():
                await asyncio.to_thread(file.write, chunk)
        chunks = await run.start(snapshot, service.batcher)
    except ClientDisconnect:
        run.discard()
        raise APIError(400, "cut_off", "the upload was interrupted. Send the file again") from None
    except BaseException:
        run.discard()
        raise
    output = Format(options.output_format or Format.CSV)
    stem = (file_name or "file").partition(".")[0]
    headers = {
        "Content-Disposition": f'attachment; filename="{stem}-categorised.{output}"',
        "X-Index-Generation": str(snapshot.generation),
    }
    return StreamingResponse(chunks, media_type=_MEDIA_TYPES[output], headers=headers)


def _job_options(
    name: str, format: Format | None, output: OutputFormat | None, threshold: float | str
) -> JobOptions:
    try:
        source = format_of(_safe_name(name) or "-", format, stdio=Format.CSV)
    except TableError:
        message = f"the file name does not tell the format. Add format=: {', '.join(Format)}"
        raise APIError(422, "unreadable_file", message) from None
    if not isinstance(threshold, str) and not -1.0 <= threshold <= 1.0:  # refuses NaN, too
        raise APIError(422, "invalid_request", "threshold: use a cosine from -1 to 1")
    target = Format(output) if output else (Format.CSV if source is Format.TEXT else source)
    limit: Threshold = None if threshold == "none" else threshold  # type: ignore[assignment]
    return JobOptions(threshold=limit, input_format=source, output_format=target)


def _safe_name(name: str) -> str:
    """Return a file name that is safe in a header and in a folder, with its extension."""
    return re.sub(r"[^A-Za-z0-9._-]", "_", PurePath(name.replace("\\", "/")).name)[-100:]
