"""The client of the HTTP service."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote

import httpx

from textshot._files import AtomicFile, is_same_file
from textshot._fork import mend_after_fork
from textshot.client import wire
from textshot.encoders.texts import clean_texts, clean_truths
from textshot.errors import TableError
from textshot.types import Category, Prediction, Threshold

_CHUNK = 1 << 20


class Client:
    """A client of a textshot service; threads may share it.

    A refusal for lack of capacity (429, 503) is retried after the time that the service asks for; a
    failed connection is retried if the request changes nothing. Proxies from the environment are
    ignored: texts go to the service only.

    Args:
        url: the URL of the service.
        api_key: an API key, if the service needs one.
        index: the name of an index; None: the default index of the service.
        timeout: seconds to wait for a response.
        attempts: maximum number of attempts for a request.
        transport: an httpx transport to use instead of the network.
    """

    def __init__(
        self,
        url: str = "http://127.0.0.1:8000",
        *,
        api_key: str | None = None,
        index: str | None = None,
        timeout: float = 30.0,
        attempts: int = 8,
        transport: httpx.BaseTransport | None = None,
    ) -> None:
        self._base = "/v1" if index is None else f"/v1/indexes/{quote(index, safe='')}"
        self._send = wire.Sender(attempts, url)
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._connect = partial(
            httpx.Client,
            base_url=url,
            headers=headers,
            timeout=timeout,
            transport=transport,
            trust_env=False,
        )
        self._http, self._is_child = self._connect(), False
        mend_after_fork(self)

    def __enter__(self) -> Self:
        """Use the client in a `with` statement, which closes it."""
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def after_fork(self) -> None:
        """Note that the connections belong to the parent: answers would go to either process."""
        self._is_child = True

    def close(self) -> None:
        """Close all connections."""
        self._http.close()

    def classify(
        self, texts: Sequence[str], k: int = 3, *, threshold: Threshold = "auto"
    ) -> list[Prediction]:
        """Return one prediction for each text, in order, as `Engine.classify` does.

        Any number of texts: they are split into as many requests as the limits of the service need.

        Raises:
            TypeError: `texts` is a single string.
            InvalidTextsError: an element is not a string.
            AnswerError: the service refuses a request, or does not answer.
        """
        predictions: list[Prediction] = []
        cleaned = clean_texts(texts)
        for chunk in wire.split_texts(cleaned, self._limits) if cleaned else ():
            body = {"texts": chunk, "k": k, "threshold": threshold}
            answer = self._request("POST", f"{self._base}/classify", body, idempotent=True)
            predictions += [wire.parse_prediction(one) for one in answer["predictions"]]
        return predictions

    def categories(self) -> tuple[Category, ...]:
        """Return all categories, sorted by name."""
        categories: list[Category] = []
        while True:
            query = {"offset": len(categories)}
            path = f"{self._base}/categories"
            answer = self._request("GET", path, query=query, idempotent=True)
            categories += [wire.parse_category(one) for one in answer["categories"]]
            if not answer["categories"] or len(categories) >= answer["total"]:
                return tuple(categories)

    def add(
        self, category: Category, *, allow_similar: bool = False, generation: int | None = None
    ) -> int:
        """Add a category and return the new generation of the index.

        Args:
            category: the category.
            allow_similar: allow a name that differs from another one only in case, blanks or form.
            generation: refuse the change unless this generation is current.
        """
        body = {"name": category.name, **wire.category_body(category, allow_similar)}
        return self._change("POST", "/categories", body, generation)

    def put(
        self, category: Category, *, allow_similar: bool = False, generation: int | None = None
    ) -> int:
        """Add a category or replace the one of the same name; see `add`."""
        path = wire.category_path(category.name)
        return self._change("PUT", path, wire.category_body(category, allow_similar), generation)

    def remove(self, name: str, *, generation: int | None = None) -> int:
        """Remove a category; see `add`."""
        return self._change("DELETE", wire.category_path(name), None, generation)

    def correct(self, text: str, label: str | None) -> Prediction:
        """Set the right category of a text (None: it fits none); return its new prediction."""
        return self.correct_all([text], [label])[0]

    def correct_all(self, texts: Sequence[str], labels: Sequence[str | None]) -> list[Prediction]:
        """Correct several texts in one change; see `correct`."""
        cleaned = clean_texts(texts)
        pairs = zip(cleaned, clean_truths(labels, len(cleaned), "labels"), strict=True)
        body = {"corrections": [{"text": text, "label": label} for text, label in pairs]}
        answer = self._request("POST", f"{self._base}/corrections", body)
        return [wire.parse_prediction(one) for one in answer["predictions"]]

    def categorize(
        self,
        source: str | Path,
        target: str | Path,
        *,
        text_columns: Sequence[str] = (),
        output: str | None = None,
        sheet: str | int | None = None,
        header_row: int | None = None,
        allow_rejected: bool = False,
    ) -> dict[str, Any]:
        """Upload a table, and write its rows with label, score and margin to another file, whole.

        Args:
            source: a file; its extension tells the format.
            target: a file; its extension tells the format unless `output` does.
            text_columns: the columns that hold the text.
            output: csv, tsv, jsonl, parquet or xlsx.
            sheet: the sheet of a workbook, by name or by number from 1.
            header_row: the row of a sheet, or line of CSV, with the names of the columns.
            allow_rejected: accept a table most of whose rows are invalid.

        Returns:
            What `GET /v1/files/{request_id}` gives: the numbers of rows, rejected rows and unknown
            answers, and the first rejected rows; empty if the service does not know them any more.

        Raises:
            AnswerError: the service refuses the file, or its answer is not complete.
            TableError: the target is the source.
        """
        source, target = Path(source), Path(target)
        if is_same_file(source, target):
            raise TableError(f"{target}: is the file to send, which would be replaced")
        query = {
            "name": source.name,
            "sheet": [] if sheet is None else sheet,  # an empty list is left out
            "header_row": header_row or [],
            "output": output or target.suffix.lstrip("."),
            "text_column": list(text_columns),
            "allow_rejected": allow_rejected,
        }
        request_id = secrets.token_hex(16)
        with AtomicFile(target) as file:
            self._upload(source, query, request_id, file.stream.write)
        try:
            path = f"{self._base}/files/{request_id}"
            return dict(self._request("GET", path, idempotent=True))
        except wire.AnswerError:  # another process of the service has it, say
            return {}

    def info(self) -> dict[str, Any]:
        """Return the description of the service: limits, indexes, generations, encoders."""
        info: dict[str, Any] = self._request("GET", "/v1/info", idempotent=True)
        return info

    def ready(self) -> bool:
        """Tell whether the service accepts requests now."""
        try:
            return self._connected().get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    def _connected(self) -> httpx.Client:
        if self._is_child:
            self._http, self._is_child = self._connect(), False
        return self._http

    @cached_property
    def _limits(self) -> Mapping[str, Any]:
        limits: Mapping[str, Any] = self.info()["limits"]
        return limits

    def _change(self, method: str, path: str, body: Any, generation: int | None) -> int:
        query = {} if generation is None else {"generation": generation}
        answer = self._request(method, self._base + path, body, query=query)
        changed: int = answer["index_generation"]
        return changed

    def _request(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        idempotent: bool = False,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        def send() -> httpx.Response:
            return self._connected().request(method, path, json=body, params=query)

        return wire.check_response(self._send(send, idempotent=idempotent)).json()

    def _upload(
        self,
        source: Path,
        query: Mapping[str, Any],
        request_id: str,
        write: Callable[[bytes], int],
    ) -> None:
        def send() -> httpx.Response:
            with source.open("rb") as file:  # every attempt reads it from the start
                http = self._connected()
                request = http.build_request(
                    "POST",
                    f"{self._base}/files",
                    params=query,
                    content=iter(lambda: file.read(_CHUNK), b""),
                    headers={
                        "Content-Type": "application/octet-stream",
                        "X-Request-ID": request_id,
                    },
                    timeout=None,
                )
                return http.send(request, stream=True)

        response, end, broken = self._send(send, idempotent=False), b"", ""
        try:
            if response.is_error:
                response.read()
            for chunk in wire.check_response(response).iter_bytes():
                write(chunk)
                end = (end + chunk)[-wire.MAX_LAST_LINE :]
        except httpx.TransportError as error:
            broken = f"{type(error).__name__}. See the log of the service"
        finally:
            response.close()
        # The line is there even where a proxy makes the answer look complete.
        reason = wire.reason_of_last_line(end) or broken
        if reason:
            raise wire.AnswerError(
                f"{self._send.url}: the response broke off, and nothing was written: {reason}"
            )
