"""One training step: an episode through the encoder and the network, and an optimizer step."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from textshot._arrays import FloatArray, IntArray
from textshot.evaluation.episode_sampler import EpisodeSampler, class_neighbours
from textshot.networks import EpisodeEmbeddings, Network
from textshot.training.config import TrainConfig
from textshot.training.data import NO_ROW, EncodedSplit
from textshot.training.split_encoder import SplitEncoder

_NO_ROWS: IntArray = np.empty(0, np.int64)
_N_KEPT = 32  # texts of the regularisation in each step


class Step:
    """Updates the weights by one episode; all randomness is a function of the seed and the step.

    Args:
        encoder: with all texts stored.
        network: with its initial parameters.
        split: the training texts.
        config: the options.
        kept: int64 (m,), rows of texts whose embeddings should stay as they are.
    """

    def __init__(
        self,
        encoder: SplitEncoder,
        network: Network,
        split: EncodedSplit,
        config: TrainConfig,
        kept: IntArray = _NO_ROWS,
    ) -> None:
        self._encoder, self._network = encoder, network
        self._split, self._config = split, config
        self._sampler = make_sampler(encoder, split, config)
        dim = int(encoder.embed(split.names[:1]).shape[1])
        start = network.initial_parameters(dim, len(split.corpus.names), config.seed)
        self.weights: dict[str, nn.Parameter] = {
            **{f"encoder.{n}": p for n, p in encoder.parameters().items()},
            **{f"network.{n}": nn.Parameter(torch.from_numpy(a.copy())) for n, a in start.items()},
        }
        self.optimizer = _optimizer(self.weights, config)
        self._peak_rates = [group["lr"] for group in self.optimizer.param_groups]
        self.is_bf16 = use_bf16(config)
        if config.dropout is not None:
            _set_dropout(encoder, config.dropout)
        self._kept = kept
        with self.autocast():
            self._before = torch.from_numpy(encoder.embed(kept)) if len(kept) else torch.empty(0)

    def __call__(self, step: int, steps: int) -> float:
        """Do step number `step` of `steps`; return its loss. If not finite, no weight changes."""
        for group, peak in zip(self.optimizer.param_groups, self._peak_rates, strict=True):
            group["lr"] = peak * _rate(step, steps, self._config.warmup)
        loss = self.gradients(step)
        if math.isfinite(loss):
            encoder = [p for n, p in self.weights.items() if n.startswith("encoder.")]
            norm = nn.utils.clip_grad_norm_(encoder, self._config.clip)
            if math.isfinite(float(norm)):
                self.optimizer.step()
            else:
                loss = float("nan")
        self.optimizer.zero_grad(set_to_none=True)
        return loss

    def gradients(self, step: int) -> float:
        """Compute the gradients of step number `step` and return its loss."""
        with seeded(self._config.seed, step), self._training_mode():
            losses = [self._network.loss(self._parameters, e) for e in self._episodes(step)]
            loss = torch.stack(losses).mean()
            if len(self._kept):
                loss = loss + self._config.keep_weight * self._drift(step)
            if torch.isfinite(loss):
                loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _drift(self, step: int) -> Tensor:
        """Return how far a sample of the kept texts has moved: the mean of 1 - cosine."""
        rng = np.random.default_rng([self._config.seed, step, 3])
        sample = rng.choice(len(self._kept), min(_N_KEPT, len(self._kept)), replace=False)
        with self.autocast():
            now = self._encoder.vectors(self._kept[sample])
        return (1.0 - (now * self._before[torch.from_numpy(sample)]).sum(dim=1)).mean()

    @property
    def finite(self) -> bool:
        """Whether all weights are finite: a step with a finite loss can still break them."""
        return all(bool(torch.isfinite(weight).all()) for weight in self.weights.values())

    def parameters(self) -> dict[str, FloatArray]:
        """Return the network's parameters as they are now."""
        return {name: t.detach().numpy().copy() for name, t in self._parameters.items()}

    @property
    def _parameters(self) -> Mapping[str, Tensor]:
        prefix = "network."
        return {n.removeprefix(prefix): p for n, p in self.weights.items() if n.startswith(prefix)}

    def autocast(self) -> AbstractContextManager[object]:
        """Compute in bfloat16 where the options say so; the weights stay in float32."""
        return torch.autocast("cpu", torch.bfloat16) if self.is_bf16 else nullcontext()

    @contextmanager
    def _training_mode(self) -> Iterator[None]:
        modules = nn.ModuleList(self._encoder.trainable)
        modules.train()
        try:
            yield
        finally:
            modules.eval()

    def _episodes(self, step: int) -> Iterator[EpisodeEmbeddings]:
        """Encode an episode once, and yield it with each text left out in turn."""
        episode, split = self._sampler.episode(step), self._split
        rows = split.texts[np.concatenate([episode.support, episode.query], axis=1)]
        classes = torch.from_numpy(episode.classes)
        descriptions = split.descriptions[episode.classes]
        described = np.flatnonzero(descriptions != NO_ROW)
        parts = [rows.ravel(), split.names[episode.classes], descriptions[described]]
        if self._network.needs_second_view:
            parts.append(rows.ravel())
        with self.autocast():
            vectors = self._encoder.vectors(np.concatenate(parts))
        texts, names, described_vectors, *rest = torch.split(vectors, [len(p) for p in parts])
        texts = texts.view(*rows.shape, -1)
        second = rest[0].view(texts.shape) if rest else None
        padded = None
        if len(described):
            index = (torch.from_numpy(described),)
            padded = names.new_zeros(names.shape).index_put(index, described_vectors)
        for query in range(rows.shape[1]):
            yield EpisodeEmbeddings(
                support=texts[:, [i for i in range(rows.shape[1]) if i != query]],
                query=texts[:, query],
                truth=torch.arange(len(classes)),
                classes=classes,
                names=names,
                descriptions=padded,
                second_view=None if second is None else second[:, query],
            )


def make_sampler(encoder: SplitEncoder, split: EncodedSplit, config: TrainConfig) -> EpisodeSampler:
    """Return the episode sampler of a run."""
    corpus, neighbours = split.corpus, None
    if config.hard:
        vectors = encoder.embed(split.texts)
        sums = np.zeros((len(corpus.names), vectors.shape[1]), np.float32)
        np.add.at(sums, corpus.labels, vectors)
        neighbours = class_neighbours(sums, min(config.n_way, len(corpus.names) - 1))
    return EpisodeSampler(
        corpus.labels,
        n_way=min(config.n_way, len(corpus.names)),
        n_shot=config.n_shot,
        n_query=config.n_query,
        seed=config.seed,
        neighbours=neighbours,
        hard=config.hard,
        domains=corpus.domains,
    )


def use_bf16(config: TrainConfig) -> bool:
    """Return whether to compute in bfloat16: as configured, or "auto" on a CPU that supports it."""
    if config.precision != "auto":
        return config.precision == "bf16"
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported is not None and supported())


@contextmanager
def seeded(seed: int, step: int) -> Iterator[None]:
    """Seed torch for one step, and restore the caller's random state afterwards."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.default_rng([seed, step, 2]).integers(1 << 62)))
        yield


def _rate(step: int, steps: int, warmup: float) -> float:
    """Return the learning rate relative to its peak: linear warm-up, then cosine decay."""
    up = warmup * steps
    if step < up:
        return (step + 1) / (up + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - up) / max(1.0, steps - up)))


def _optimizer(weights: Mapping[str, nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    groups = []
    for name, weight in weights.items():
        of_network = name.startswith("network.")
        decay = 0.0 if of_network or weight.ndim < 2 else config.weight_decay
        rate = config.lr_network if of_network else config.lr
        groups.append({"params": [weight], "lr": rate, "weight_decay": decay})
    return torch.optim.AdamW(groups)


def _set_dropout(encoder: SplitEncoder, rate: float) -> None:
    for part in nn.ModuleList(encoder.trainable).modules():
        if isinstance(part, nn.Dropout):
            part.p = rate
