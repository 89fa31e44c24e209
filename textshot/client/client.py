"""A client of the HTTP service: `classify` as the library has it, over the wire."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from tempfile import NamedTemporaryFile
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from textshot.client.sending import AnswerError, Sender, checked
from textshot.client.wire import at, body_of, category_of, parts, prediction_of
from textshot.encoders.base import clean_texts
from textshot.types import Category, Prediction, Threshold

_PART = 1 << 20


class Client:
    """A service, as one object; several threads may share it.

    What is refused for want of time or room (429, 503) is tried again after the time that the
    service names; a connection that fails is tried again where the request only reads. Proxies of
    the environment are not used: texts go to the service and nowhere else.

    Args:
        url: of the service.
        api_key: where it wants one.
        index: the name of the index; None: the service's default.
        timeout: seconds for an answer.
        attempts: how often a request is tried.
        transport: of httpx, in place of a network.
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
        self._send = Sender(attempts, url)
        headers = {} if api_key is None else {"Authorization": f"Bearer {api_key}"}
        self._http = httpx.Client(
            base_url=url, headers=headers, timeout=timeout, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        """Use it in a `with` statement, which closes it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close its connections."""
        self._http.close()

    def classify(
        self, texts: Sequence[str], k: int = 3, *, threshold: Threshold = "auto"
    ) -> list[Prediction]:
        """Return one prediction for each text, in their order; as `Engine.classify`.

        Any number of texts: they are sent in parts as large as the service takes.

        Raises:
            TypeError: a bare string.
            InvalidTextsError: a member that is not a string.
            AnswerError: the service refuses them, or does not answer.
        """
        found: list[Prediction] = []
        cleaned = clean_texts(texts)
        for part in parts(cleaned, self._limits) if cleaned else ():
            body = {"texts": part, "k": k, "threshold": threshold}
            answer = self._ask("POST", f"{self._base}/classify", body, reads=True)
            found += [prediction_of(one) for one in answer["predictions"]]
        return found

    def categories(self) -> tuple[Category, ...]:
        """Return all categories, sorted by name."""
        found: list[Category] = []
        while True:
            query = {"offset": len(found)}
            answer = self._ask("GET", f"{self._base}/categories", reads=True, query=query)
            found += [category_of(one) for one in answer["categories"]]
            if not answer["categories"] or len(found) >= answer["total"]:
                return tuple(found)

    def add(self, category: Category, *, generation: int | None = None) -> int:
        """Add a category; return the generation. `generation`: refuse unless it is current."""
        return self._write(
            "POST", "/categories", {"name": category.name, **body_of(category)}, generation
        )

    def put(self, category: Category, *, generation: int | None = None) -> int:
        """Add a category, or put it in the place of the one of its name."""
        return self._write("PUT", at(category.name), body_of(category), generation)

    def remove(self, name: str, *, generation: int | None = None) -> int:
        """Remove a category."""
        return self._write("DELETE", at(name), None, generation)

    def correct(self, text: str, label: str | None) -> Prediction:
        """Say where a text belongs (None: nowhere); return the answer for it from now on."""
        return self.correct_all([text], [label])[0]

    def correct_all(self, texts: Sequence[str], labels: Sequence[str | None]) -> list[Prediction]:
        """Do as `correct` for several texts, as one change."""
        pairs = zip(clean_texts(texts), labels, strict=True)
        body = {"corrections": [{"text": text, "label": label} for text, label in pairs]}
        answer = self._ask("POST", f"{self._base}/corrections", body)
        return [prediction_of(one) for one in answer["predictions"]]

    def categorize(
        self,
        source: str | Path,
        target: str | Path,
        *,
        text_columns: Sequence[str] = (),
        output: str | None = None,
    ) -> None:
        """Send a table, and write its rows with label, score and margin to another.

        The target appears when it is complete; after any failure what was there before is there.

        Args:
            source: a file; its ending tells the format.
            target: a file; its ending tells the format unless `output` does.
            text_columns: the columns that hold the text.
            output: csv, tsv, jsonl, parquet or xlsx.
        """
        source, target = Path(source), Path(target)
        query = {
            "name": source.name,
            "output": output or target.suffix.lstrip("."),
            "text_column": list(text_columns),
        }
        with NamedTemporaryFile(dir=target.parent, prefix=f".{target.name}.", delete=False) as file:
            written = Path(file.name)
            try:
                self._send_file(source, query, file.write)
                file.flush()
                os.fsync(file.fileno())
                written.replace(target)
            except BaseException:
                written.unlink(missing_ok=True)
                raise

    def info(self) -> dict[str, Any]:
        """Return what the service says about itself: limits, indexes, generations."""
        found: dict[str, Any] = self._ask("GET", "/v1/info", reads=True)
        return found

    def ready(self) -> bool:
        """Tell whether the service answers requests now."""
        try:
            return self._http.get("/readyz").status_code == 200
        except httpx.TransportError:
            return False

    @cached_property
    def _limits(self) -> Mapping[str, Any]:
        limits: Mapping[str, Any] = self.info()["limits"]
        return limits

    def _write(self, method: str, path: str, body: Any, generation: int | None) -> int:
        query = {} if generation is None else {"generation": generation}
        answer = self._ask(method, self._base + path, body, query=query)
        written: int = answer["index_generation"]
        return written

    def _ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        reads: bool = False,
        query: Mapping[str, Any] | None = None,
    ) -> Any:
        def send() -> httpx.Response:
            return self._http.request(method, path, json=body, params=query)

        return checked(self._send(send, reads=reads)).json()

    def _send_file(
        self, source: Path, query: Mapping[str, Any], write: Callable[[bytes], int]
    ) -> None:
        def send() -> httpx.Response:
            with source.open("rb") as file:  # from its beginning, each time
                request = self._http.build_request(
                    "POST",
                    f"{self._base}/files",
                    params=query,
                    content=iter(lambda: file.read(_PART), b""),
                    headers={"Content-Type": "application/octet-stream"},
                    timeout=None,
                )
                return self._http.send(request, stream=True)

        answer = self._send(send, reads=False)
        try:
            if answer.is_error:
                answer.read()
            for part in checked(answer).iter_bytes():
                write(part)
        except httpx.TransportError as error:
            raise AnswerError(
                f"{self._send.where}: the answer broke off ({type(error).__name__}); nothing was"
                " written. The service's log tells why"
            ) from None
        finally:
            answer.close()
