"""One step: an episode through the tower and the network, and the weights that it moves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext

import numpy as np
import torch
from torch import Tensor, nn

from textshot._arrays import FloatArray, IntArray
from textshot.evaluation.sampling import Episode, EpisodeSampler
from textshot.networks import EpisodeEmbeddings, Network
from textshot.training.config import TrainConfig
from textshot.training.data import NOWHERE, Part
from textshot.training.split_encoder import Tower

_NO_ROWS: IntArray = np.empty(0, np.int64)
_KEPT = 32  # of the texts that shall stay, in each step
_CHANGED = 0.3  # share of queries that are changed, with augmentation on


class Step:
    """Moves the weights by one episode; everything random is a function of the seed and the step.

    Args:
        tower: the encoder, all of whose texts are remembered.
        network: what scores, with the parameters that it starts from.
        part: the training texts.
        config: how.
        kept: int64 (m,), the tower's rows of texts whose vectors shall stay where they are.
    """

    def __init__(
        self,
        tower: Tower,
        network: Network,
        part: Part,
        config: TrainConfig,
        kept: IntArray = _NO_ROWS,
    ) -> None:
        self._tower, self._network, self._part, self._config = tower, network, part, config
        self._sampler = sampler_of(tower, part, config)
        dim = int(tower.embed(part.names[:1]).shape[1])
        start = network.initial_parameters(dim, len(part.corpus.names), config.seed)
        self.weights: dict[str, nn.Parameter] = {
            **{f"encoder.{n}": p for n, p in tower.parameters().items()},
            **{f"network.{n}": nn.Parameter(torch.from_numpy(a.copy())) for n, a in start.items()},
        }
        self.optimizer = _optimizer(self.weights, config)
        self._highest = [group["lr"] for group in self.optimizer.param_groups]
        self._half = use_bf16(config)
        if config.dropout is not None:
            _set_dropout(tower, config.dropout)
        self._kept = kept
        with self.half():
            self._before = torch.from_numpy(tower.embed(kept)) if len(kept) else torch.empty(0)

    def __call__(self, step: int, steps: int) -> float:
        """Do step number `step` of `steps`; return its loss. If not finite it moves nothing."""
        for group, highest in zip(self.optimizer.param_groups, self._highest, strict=True):
            group["lr"] = highest * _rate(step, steps, self._config.warmup)
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
        """Put the gradients of step number `step` on the weights; return its loss."""
        with seeded(self._config.seed, step), self._learning():
            losses = [self._network.loss(self._numbers, v) for v in self._views(step)]
            loss = torch.stack(losses).mean()
            if len(self._kept):
                loss = loss + self._config.keep_weight * self._moved(step)
            if torch.isfinite(loss):
                loss.backward()  # type: ignore[no-untyped-call]
        return float(loss.detach())

    def _moved(self, step: int) -> Tensor:
        """Return by how much some of the texts that shall stay have moved: 1 - cosine, mean."""
        rng = np.random.default_rng([self._config.seed, step, 3])
        some = rng.choice(len(self._kept), min(_KEPT, len(self._kept)), replace=False)
        with self.half():
            now = self._tower.vectors(self._kept[some])
        return (1.0 - (now * self._before[torch.from_numpy(some)]).sum(dim=1)).mean()

    @property
    def finite(self) -> bool:
        """Whether the weights are numbers: a step can lead out of them with a loss that is one."""
        return all(bool(torch.isfinite(weight).all()) for weight in self.weights.values())

    def parameters(self) -> dict[str, FloatArray]:
        """Return the network's parameters as they are now."""
        return {name: t.detach().numpy().copy() for name, t in self._numbers.items()}

    @property
    def _numbers(self) -> Mapping[str, Tensor]:
        start = "network."
        return {n[len(start) :]: p for n, p in self.weights.items() if n.startswith(start)}

    def half(self) -> AbstractContextManager[object]:
        """Compute in bfloat16 where that is wanted; the weights stay in float32."""
        return torch.autocast("cpu", torch.bfloat16) if self._half else nullcontext()

    @contextmanager
    def _learning(self) -> Iterator[None]:
        for module in self._tower.learning:
            module.train()
        try:
            yield
        finally:
            for module in self._tower.learning:
                module.eval()

    def _views(self, step: int) -> Iterator[EpisodeEmbeddings]:
        """Encode an episode once, and show it from each side where one text is left out in turn."""
        episode, part = self._sampler.episode(step), self._part
        rows, ways = self._rows(episode, step), len(episode.classes)
        described = part.descriptions[episode.classes]
        some = np.flatnonzero(described != NOWHERE)
        wanted = [rows.ravel(), part.names[episode.classes], described[some]]
        if self._network.needs_second_view:
            wanted.append(rows.ravel())
        with self.half():
            vectors = self._tower.vectors(np.concatenate(wanted))
        texts, names, described_vectors, *again = torch.split(vectors, [len(w) for w in wanted])
        texts = texts.view(*rows.shape, -1)
        second = again[0].view(texts.shape) if again else None
        descriptions = None
        if len(some):
            descriptions = names.new_zeros(names.shape).index_put(
                (torch.from_numpy(some),), described_vectors
            )
        classes = torch.from_numpy(episode.classes)
        for support, query in _sides(rows.shape[1], episode, self._config.leave_one_out):
            yield EpisodeEmbeddings(
                support=texts[:, support],
                query=texts[:, query].flatten(0, 1),
                truth=torch.arange(ways).repeat_interleave(len(query)),
                classes=classes,
                names=names,
                descriptions=descriptions,
                second_view=None if second is None else second[:, query].flatten(0, 1),
            )

    def _rows(self, episode: Episode, step: int) -> IntArray:
        """Return the tower's rows of an episode, (n_way, n_texts), some of them changed copies."""
        chosen = np.concatenate([episode.support, episode.query], axis=1)
        rows: IntArray = self._part.texts[chosen]
        if len(self._part.variants):
            rng = np.random.default_rng([self._config.seed, step, 1])
            kinds = rng.integers(len(self._part.variants), size=rows.shape)
            changed = rng.random(rows.shape) < _CHANGED
            rows = np.where(changed, self._part.variants[kinds, chosen], rows)
        return rows


def _sides(
    n_texts: int, episode: Episode, leave_one_out: bool
) -> Iterator[tuple[list[int], list[int]]]:
    """Yield which columns of an episode are support and which query."""
    if not leave_one_out:
        n_shot = episode.support.shape[1]
        yield list(range(n_shot)), list(range(n_shot, n_texts))
        return
    for left_out in range(n_texts):
        yield [i for i in range(n_texts) if i != left_out], [left_out]


def sampler_of(tower: Tower, part: Part, config: TrainConfig) -> EpisodeSampler:
    """Return what draws the episodes of a run."""
    corpus, neighbours = part.corpus, None
    if config.hard:
        from textshot.evaluation.sampling import class_neighbours

        sums = np.zeros((len(corpus.names), tower.embed(part.names[:1]).shape[1]), np.float32)
        np.add.at(sums, corpus.labels, tower.embed(part.texts))
        neighbours = class_neighbours(sums, min(config.n_way, len(corpus.names) - 1))
    return EpisodeSampler(
        corpus.labels,
        n_way=min(config.n_way, len(corpus.names)),
        n_shot=config.n_shot,
        n_query=config.n_query,
        seed=config.seed,
        leave_one_out=config.leave_one_out,
        neighbours=neighbours,
        hard=config.hard,
        domains=corpus.domains,
    )


def use_bf16(config: TrainConfig) -> bool:
    """Tell whether to compute in bfloat16: asked for, or "auto" on a CPU that is quick at it."""
    if config.precision != "auto":
        return config.precision == "bf16"
    supported = getattr(torch.cpu, "_is_avx512_bf16_supported", None)
    return bool(supported is not None and supported())


@contextmanager
def seeded(seed: int, step: int) -> Iterator[None]:
    """Seed torch for one step, and leave the caller's source of chance as it was."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(int(np.random.default_rng([seed, step, 2]).integers(1 << 62)))
        yield


def _rate(step: int, steps: int, warmup: float) -> float:
    """Return the share of the highest rate: a line up, then half a cosine down."""
    up = warmup * steps
    if step < up:
        return (step + 1) / (up + 1)
    return 0.5 * (1 + math.cos(math.pi * (step - up) / max(1.0, steps - up)))


def _optimizer(weights: Mapping[str, nn.Parameter], config: TrainConfig) -> torch.optim.Optimizer:
    groups = []
    for name, weight in weights.items():
        own = name.startswith("network.")
        decay = 0.0 if own or weight.ndim < 2 else config.weight_decay
        rate = config.lr_network if own else config.lr
        groups.append({"params": [weight], "lr": rate, "weight_decay": decay})
    if config.optimizer == "sgd":
        return torch.optim.SGD(groups, momentum=0.9)
    return torch.optim.AdamW(groups)


def _set_dropout(tower: Tower, share: float) -> None:
    for module in tower.learning:
        for part in module.modules():
            if isinstance(part, nn.Dropout):
                part.p = share
