"""The reference encoder: a sentence-transformers folder, run by torch in float32."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from textshot._arrays import FloatArray, unit_rows
from textshot.encoders.adapter import Adapter, read_adapter
from textshot.encoders.base import ADAPTER_KEY, Shown, Spec, clean_texts, with_direction
from textshot.encoders.fingerprint import effective_max_length, model_fingerprint
from textshot.encoders.model_folder import read_modules
from textshot.encoders.quiet import no_telemetry, quiet_libraries
from textshot.encoders.text_stats import TruncationCounter, TruncationStats
from textshot.encoders.windows import CUT, WINDOWS, Windows, pooled
from textshot.errors import EncoderError

if TYPE_CHECKING:
    from sentence_transformers import SentenceTransformer


class SentenceTransformerEncoder(Shown):
    """A model from a folder; it never downloads, and runs no code that comes with the model.

    The vector of a text does not depend on the texts beside it (to 1e-5). It is safe to share
    between threads; they take turns.

    Args:
        folder: a sentence-transformers folder with safetensors weights.
        name: what the user asked for.
        source: where the folder comes from, for people.
        revision: the revision of the hub model that was asked for.
        prompt: put in front of each text, such as "query: " for the E5 models. The prompts that
            a model brings along are not used: which one fits is the user's knowledge.
        max_length: tokens after which a text is cut; None keeps the model's.
        long_texts: "windows": texts that are longer than that are read in windows that overlap,
            and their vectors pooled; "cut": what is longer is not read.
        adapter: the name of an adapter that changes the model (`textshot.encoders.adapter`), or its
            file.
        device: such as "cpu" or "cuda"; None takes the best that is there.

    Attributes:
        kind: what computes, and how precisely.

    Raises:
        EncoderError: a folder that is refused, or that cannot be loaded.
    """

    kind = "torch-fp32"

    def __init__(
        self,
        folder: Path,
        *,
        name: str,
        source: str,
        revision: str | None = None,
        prompt: str = "",
        max_length: int | None = None,
        long_texts: str = CUT,
        adapter: str | None = None,
        device: str | None = None,
    ) -> None:
        [self._prompt] = clean_texts([prompt])
        # First of all, as it refuses unsafe folders before anything of them is loaded.
        self._adapter = None if adapter is None else read_adapter(adapter)
        self.fingerprint = model_fingerprint(
            folder,
            prompt=self._prompt,
            max_length=max_length,
            long_texts=long_texts,
            adapter=None if self._adapter is None else (self._adapter.sha256, self._adapter.base),
        )
        self.name = name
        self.source = source
        self.spec: Spec = {
            "name": name,
            "revision": revision,
            "prompt": self._prompt,
            "max_length": max_length,
        }
        # What is left out is told as before there was any of it, so old indexes stay what they are.
        if self._adapter is not None:
            self.spec = {**self.spec, ADAPTER_KEY: self._adapter.name}
        if long_texts != CUT:
            self.spec = {**self.spec, "long_texts": long_texts}
        self.folder, self._device, self._max_length = folder, device, max_length
        self._lock = threading.Lock()
        self._model = _load(folder, max_length, device, self._adapter)
        self.dim = int(self._encode(["probe"], 1).shape[1])
        tokenizer, limit = self._model.tokenizer, self._model.max_seq_length
        fast = getattr(tokenizer, "is_fast", False)  # a static model's is of its own
        self._windows = (
            Windows(tokenizer, limit, self._prompt)
            if fast and limit is not None and long_texts == WINDOWS
            else None
        )
        self._reader = TruncationCounter(tokenizer, limit, self._windows) if fast else None

    def encode(self, texts: Sequence[str], *, batch_size: int = 32) -> FloatArray:
        """Return the vectors of texts.

        Args:
            texts: a list of n strings.
            batch_size: how many texts the model reads at once.

        Returns:
            float32 of shape (n, dim), unit rows.

        Raises:
            TypeError: a single string in place of a list.
            InvalidTextsError: a member that is not a string.
        """
        clean = clean_texts(texts)
        if not clean:
            return np.empty((0, self.dim), dtype=np.float32)
        if self._windows is None:
            return unit_rows(with_direction(self._encode(clean, batch_size)))
        with self._lock:  # encoding changes how the tokenizer truncates
            parts, owners = self._windows(clean)
        rows = with_direction(self._encode(parts, batch_size))
        return unit_rows(with_direction(pooled(rows, owners, len(clean))))

    def truncation_stats(self, texts: Sequence[str]) -> TruncationStats:
        """Tell how many texts are longer than what is read of them, and how familiar they are."""
        with self._lock:
            if self._reader is None:
                return TruncationStats(len(texts))
            prompt = self._prompt if self._windows is None else ""  # windows leave room for it
            return self._reader([prompt + text for text in clean_texts(texts)])

    @property
    def transformer(self) -> SentenceTransformer:
        """The model, for reading only."""
        return self._model

    def fresh_model(self) -> SentenceTransformer:
        """Return the model loaded once more, on the CPU and in float32, for training to change."""
        return _load(self.folder, self._max_length, "cpu", self._adapter)

    def __deepcopy__(self, memo: dict[int, object]) -> Self:
        """Return itself: it never changes, and scikit-learn copies what an estimator is given."""
        return self

    def __reduce__(self) -> tuple[object, ...]:
        """Travel to another process by name: the model is loaded again there."""
        return _again, (self.folder, self.source, self._device, self.spec)

    def _encode(self, texts: list[str], batch_size: int) -> FloatArray:
        with self._lock:
            found = self._model.encode(
                [self._prompt + text for text in texts],
                prompt="",  # keeps a default prompt of the model away
                batch_size=batch_size,
                show_progress_bar=False,
                convert_to_numpy=True,
                normalize_embeddings=True,
            )
        return np.array(found, dtype=np.float32)


def _again(
    folder: Path, source: str, device: str | None, spec: Mapping[str, Any]
) -> SentenceTransformerEncoder:
    options = {"adapter" if key == ADAPTER_KEY else key: value for key, value in spec.items()}
    return SentenceTransformerEncoder(folder, source=source, device=device, **options)


def _check_device(device: str | None) -> None:
    import torch

    try:
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError):  # a name that is not known, a device that is not here
        raise EncoderError(
            f"device {device!r} is not there. Say cpu, or leave it out to take the best there is"
        ) from None


def _load(
    folder: Path, max_length: int | None, device: str | None, adapter: Adapter | None
) -> SentenceTransformer:
    no_telemetry()
    from sentence_transformers import SentenceTransformer

    first = read_modules(folder)[0]
    _check_device(device)
    try:
        with quiet_libraries():
            model = SentenceTransformer(
                str(folder.resolve()),
                device=device,
                local_files_only=True,
                trust_remote_code=False,
                # Half precision on disk would make a vector depend on its neighbours.
                model_kwargs={"use_safetensors": True, "dtype": "float32"},
            )
    except Exception as error:  # three libraries, each with its own kinds
        reason = str(error).strip().partition("\n")[0] or type(error).__name__
        raise EncoderError(f"{folder} cannot be loaded: {reason}") from error
    limit = effective_max_length(first, max_length)
    if first.kind == "Transformer" and limit is not None:
        model.max_seq_length = limit  # so that the fingerprint tells what is done
    if adapter is not None:
        _apply(adapter, model[0])
    return model.eval()


def _apply(adapter: Adapter, transformer: Any) -> None:
    """Change the weights of what transformers made, in place."""
    import torch

    weights = dict(transformer.model.named_parameters())
    for name, change in adapter.changes.items():
        if name not in weights or tuple(weights[name].shape) != change.shape:
            raise EncoderError(
                f"the adapter {adapter.name!r} changes {name} {change.shape}, which this model does"
                " not have"
            )
        with torch.no_grad():
            weights[name].add_(torch.from_numpy(change).to(weights[name].device))
