"""An encoder with frozen lower layers, run once per text, and trainable upper layers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
import torch
from sentence_transformers import SentenceTransformer
from sentence_transformers.sentence_transformer.modules import Dense
from torch import Tensor, nn

from textshot._arrays import FloatArray, IntArray
from textshot.errors import EncoderError
from textshot.training.config import OnProgress

_BATCH = 64
_MAX_BYTES = 1 << 30  # of hidden states in memory
_LENGTHS = 8  # padded lengths are multiples of this
_CHUNK = 48  # texts of like length that are padded to one length together
_BELOW = ("embeddings", "embeddings_project")  # the second one in ELECTRA


class _ReachedTrainable(Exception):
    """No error: the output of the frozen layers."""

    def __init__(self, states: Tensor) -> None:
        self.states = states


class _Passthrough(nn.Module):
    """In place of the token embeddings: returns its input, the output of the frozen layers."""

    def forward(self, *args: Any, **kwargs: Any) -> Tensor:
        # DistilBERT names no arguments.
        states: Tensor = (
            kwargs["inputs_embeds"] if kwargs else next(a for a in args if a is not None)
        )
        return states


class SplitEncoder:
    """Embeddings of stored texts while the upper layers of the encoder are trained.

    The hidden states below the lowest trainable layer are stored for every text, so that a step
    runs the upper layers only.

    Args:
        model: trained in place.
        layers: how many transformer layers are trained, from the top; "all" of them (the token
            embeddings are never trained); or "projector", a new linear module behind the frozen
            model.
        prompt: put before each text.
        scratch: a folder for hidden states that need too much memory; None: always in memory.

    Raises:
        EncoderError: more layers than the model has, or a model of an unsupported structure.
    """

    def __init__(
        self,
        model: SentenceTransformer,
        layers: int | str,
        prompt: str = "",
        scratch: Path | None = None,
    ) -> None:
        self.model, self._prompt = model.eval(), prompt
        for parameter in model.parameters():
            parameter.requires_grad_(False)
        self._layers = _transformer_layers(model) if layers != "projector" else None
        if self._layers is None:
            _append_projector(model)
            self.trainable: list[nn.Module] = [model[-2]]
            self._cut = -1
        else:
            holder, name = self._layers
            blocks = getattr(holder, name)
            count = len(blocks) if layers == "all" else int(layers)
            if not 1 <= count <= len(blocks):
                raise EncoderError(
                    f"{layers} layers cannot be trained: the encoder has {len(blocks)}. Choose 1 to"
                    f" {len(blocks)}, all, or projector"
                )
            self._cut = len(blocks) - count
            self.trainable = list(blocks[self._cut :])
        for module in self.trainable:
            module.requires_grad_(True)
        self._scratch = scratch
        self._states = torch.empty(0)
        self._ends = np.zeros(1, np.int64)

    def parameters(self) -> dict[str, nn.Parameter]:
        """Return the trainable parameters, by their names in the model."""
        return {n: p for n, p in self.model.named_parameters() if p.requires_grad}

    @torch.no_grad()
    def store(
        self, texts: Sequence[str], on_progress: OnProgress = lambda done, share: None
    ) -> None:
        """Run all texts through the frozen layers and store the result, a row for each text."""
        done = 0
        order = np.argsort([len(t) for t in texts], kind="stable")
        batches = [order[i : i + _BATCH] for i in range(0, len(texts), _BATCH)]
        self._ends = np.concatenate([[0], np.cumsum(self._lengths(texts, batches))])
        for rows in batches:
            for row, states in zip(rows, self._lower([texts[i] for i in rows]), strict=True):
                if not len(self._states):
                    self._states = self._allocate(states.shape[1])
                self._states[self._ends[row] : self._ends[row + 1]] = states
            done += len(rows)
            on_progress(len(rows), done / len(texts))

    def vectors(self, rows: IntArray) -> Tensor:
        """Return the embeddings (n, dim) of stored texts, unit rows, with gradients."""
        lengths = self._ends[rows + 1] - self._ends[rows]
        order = np.argsort(lengths, kind="stable")
        parts = []
        with self._upper_layers_only():
            for start in range(0, len(rows), _CHUNK):
                some = order[start : start + _CHUNK]
                parts.append(self._upper(self._ends[rows[some]], lengths[some]))
        back = np.empty(len(rows), np.int64)
        back[order] = np.arange(len(rows))
        return torch.cat(parts)[torch.from_numpy(back)]

    @torch.no_grad()
    def embed(self, rows: IntArray) -> FloatArray:
        """Return the embeddings of stored texts without gradients, float32 (n, dim)."""
        parts = [self.vectors(rows[i : i + 256]) for i in range(0, len(rows), 256)]
        return np.asarray(torch.cat(parts).float().numpy())

    def _lengths(self, texts: Sequence[str], batches: Sequence[IntArray]) -> IntArray:
        """Return how many states each text has, int64 (n,)."""
        lengths = np.ones(len(texts), np.int64)
        for rows in batches if self._layers is not None else ():
            features = self.model.preprocess([self._prompt + texts[i] for i in rows])
            lengths[rows] = features["attention_mask"].sum(1).numpy()
        return lengths

    def _allocate(self, dim: int) -> Tensor:
        """Return a tensor for all states: in memory, or in float16 in a file if they are many."""
        shape = (int(self._ends[-1]), dim)
        if self._scratch is None or 4 * shape[0] * dim <= _MAX_BYTES:
            return torch.empty(shape)
        self._scratch.mkdir(exist_ok=True)
        path = self._scratch / "states.f16"
        states = np.memmap(path, np.float16, "w+", shape=shape)
        with suppress(OSError):  # Windows keeps the name of an open file; else it is gone already
            path.unlink()
        return torch.from_numpy(states)

    def _upper(self, starts: IntArray, lengths: IntArray) -> Tensor:
        # Few different shapes: oneDNN compiles a kernel for each.
        steps = np.arange(-(-int(lengths.max()) // _LENGTHS) * _LENGTHS)
        mask = torch.from_numpy((steps[None, :] < lengths[:, None]).astype(np.int64))
        rows = np.minimum(starts[:, None] + steps[None, :], len(self._states) - 1)
        states = self._states[torch.from_numpy(rows)].float()
        if self._layers is None:
            features = {"sentence_embedding": states[:, 0]}
            modules: list[Any] = [self.model[-2], self.model[-1]]
        else:
            transformer: Any = self.model[0]
            out = transformer.model(inputs_embeds=states, attention_mask=mask)
            features = {"token_embeddings": out.last_hidden_state, "attention_mask": mask}
            modules = list(self.model)[1:]
        for module in modules:
            features = module(features)
        return nn.functional.normalize(features["sentence_embedding"].float(), dim=1)

    def _lower(self, texts: Sequence[str]) -> Iterator[Tensor]:
        features = self.model.preprocess([self._prompt + text for text in texts])
        if self._layers is None:
            for module in list(self.model)[:-2]:
                features = module(features)
            yield from features["sentence_embedding"][:, None, :]
            return
        holder, name = self._layers
        hook = getattr(holder, name)[self._cut].register_forward_pre_hook(_stop_forward)
        try:
            self.model[0](features)
        except _ReachedTrainable as reached:
            lengths = features["attention_mask"].sum(1)
            for states, length in zip(reached.states, lengths, strict=True):
                yield states[: int(length)]
        finally:
            hook.remove()

    @contextmanager
    def _upper_layers_only(self) -> Iterator[None]:
        if self._layers is None:
            yield
            return
        holder, name = self._layers
        inner: Any = self.model[0].model
        blocks = getattr(holder, name)
        below = {n: m for n in _BELOW if isinstance(m := getattr(inner, n, None), nn.Module)}
        setattr(holder, name, blocks[self._cut :])
        for part in below:
            setattr(inner, part, _Passthrough() if part == "embeddings" else nn.Identity())
        try:
            yield
        finally:
            setattr(holder, name, blocks)
            for part, module in below.items():
                setattr(inner, part, module)


def _stop_forward(module: nn.Module, args: tuple[Any, ...]) -> None:
    raise _ReachedTrainable(args[0])


def _transformer_layers(model: SentenceTransformer) -> tuple[nn.Module, str]:
    """Return the module that holds the transformer layers, and its attribute's name."""
    inner: Any = getattr(model[0], "model", None)
    for part in ("encoder", "transformer"):
        holder = getattr(inner, part, None)
        if isinstance(holder, nn.Module) and isinstance(
            getattr(holder, "layer", None), nn.ModuleList
        ):
            return holder, "layer"
    raise EncoderError(
        f"textshot does not know where a {type(inner or model[0]).__name__} keeps its layers. Use"
        " --layers projector, which works with every encoder"
    )


def _append_projector(model: SentenceTransformer) -> None:
    """Insert a linear module, initially the identity, before a final Normalize."""
    from sentence_transformers.sentence_transformer.modules import Normalize

    dim = int(model.get_embedding_dimension() or 0)
    last = list(model)[-1]
    if not isinstance(last, Normalize):
        model.append(Normalize())
    dense = Dense(
        dim, dim, bias=False, activation_function=nn.Identity(), init_weight=torch.eye(dim)
    )
    model.insert(len(model) - 1, dense)
