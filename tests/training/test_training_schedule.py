"""Learning rates, clipping, precision, dropout and the episodes of a step."""

import math

import numpy as np
import pytest
import torch

from textshot.networks import Matching
from textshot.training.data import prepare
from textshot.training.split_encoder import SplitEncoder
from textshot.training.step import Step, _rate, seeded, use_bf16


@pytest.fixture
def step_of(learner, split, quick):
    """Return a step over the easy texts, and what it moves."""

    def made(layers=1, network=None, **changes):
        config = quick(layers=layers, **changes)
        split_encoder = SplitEncoder(learner.fresh_model(), layers)
        data = prepare(split_encoder, split(), n_eval=config.n_eval)
        return Step(split_encoder, network or config.make_network(), data.train, config)

    return made


def test_the_learning_rate_by_hand():
    # 20 steps, a tenth of them up: 1/3, 2/3, then half a cosine over 18 steps.
    found = [_rate(step, 20, 0.1) for step in range(20)]
    assert found[:3] == pytest.approx([1 / 3, 2 / 3, 1.0])
    assert found[11] == pytest.approx(0.5)  # half of the way down
    assert found[8] == pytest.approx(0.5 * (1 + math.cos(math.pi / 3)))
    assert found[19] == pytest.approx(0.5 * (1 + math.cos(math.pi * 17 / 18)))
    assert found[2:] == sorted(found[2:], reverse=True)
    assert min(found) > 0


def test_the_rate_without_a_warm_up_and_with_nothing_else():
    assert _rate(0, 20, 0.0) == 1.0
    assert [_rate(s, 3, 1.0) for s in range(3)] == pytest.approx([0.25, 0.5, 0.75])


def test_each_weight_has_its_rate(step_of):
    step = step_of(lr=0.02, lr_network=0.003, weight_decay=0.1)
    step(0, 20)  # a third of the highest
    by_weight = {id(p): group for group in step.optimizer.param_groups for p in group["params"]}
    assert len(by_weight) == len(step.weights)
    for name, weight in step.weights.items():
        group = by_weight[id(weight)]
        own = name.startswith("network.")
        assert group["lr"] == pytest.approx((0.003 if own else 0.02) / 3)
        assert group["weight_decay"] == (0.1 if not own and weight.ndim == 2 else 0.0)


def test_the_optimizer_learns(step_of):
    step = step_of(layers=2, lr=1e-2)
    losses = [step(i, 40) for i in range(40)]
    assert np.mean(losses[-5:]) < 0.75 * np.mean(losses[:5])


def test_the_gradient_is_clipped(step_of, monkeypatch):
    norms = []
    step = step_of(clip=0.01)
    original = step.optimizer.step

    def kept(*arguments):
        encoder = [p.grad for n, p in step.weights.items() if n.startswith("encoder.")]
        norms.append(float(torch.linalg.vector_norm(torch.cat([g.ravel() for g in encoder]))))
        return original(*arguments)

    monkeypatch.setattr(step.optimizer, "step", kept)
    before = step.gradients(0)
    free = [p.grad.ravel() for n, p in step.weights.items() if n.startswith("encoder.")]
    assert float(torch.linalg.vector_norm(torch.cat(free))) > 0.01
    step.optimizer.zero_grad(set_to_none=True)
    assert step(0, 20) == before
    assert norms == [pytest.approx(0.01, rel=1e-3)]


def test_bf16_is_close_to_fp32_and_leaves_float32(step_of):
    exact, rough = step_of(precision="fp32"), step_of(precision="bf16")
    first = exact(0, 20), rough(0, 20)
    assert first[0] != first[1]
    assert first[1] == pytest.approx(first[0], rel=0.05)
    assert {weight.dtype for weight in rough.weights.values()} == {torch.float32}


def test_which_precision(quick, monkeypatch):
    assert use_bf16(quick(precision="bf16"))
    assert not use_bf16(quick(precision="fp32"))
    for here in (True, False):
        monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda here=here: here)
        assert use_bf16(quick(precision="auto")) is here
    monkeypatch.delattr(torch.cpu, "_is_avx512_bf16_supported")
    assert not use_bf16(quick(precision="auto"))


def test_dropout_is_that_of_the_encoder_or_ours(step_of):
    def shares(step):
        return {
            module.p
            for part in step._encoder.trainable
            for module in part.modules()
            if isinstance(module, torch.nn.Dropout)
        }

    assert shares(step_of()) == {0.1}
    assert shares(step_of(dropout=0.0)) == {0.0}
    assert shares(step_of(dropout=0.3)) == {0.3}


def test_dropout_is_on_in_a_step_only_and_seeded(step_of):
    step = step_of(dropout=0.5)
    calm = step._encoder.embed(np.arange(5))
    one, other = step.gradients(3), step.gradients(3)
    assert one == other
    np.testing.assert_array_equal(step._encoder.embed(np.arange(5)), calm)
    assert one != step_of(dropout=0.0).gradients(3)


def test_a_step_is_a_function_of_the_seed_and_its_number(step_of):
    first, again = step_of(dropout=0.1), step_of(dropout=0.1)
    torch.rand(7)
    assert first.gradients(5) == again.gradients(5)
    assert first.gradients(5) != first.gradients(6)
    assert first.gradients(5) != step_of(dropout=0.1, seed=1).gradients(5)


def test_the_random_state_is_restored():
    state = torch.get_rng_state()
    with seeded(3, 4):
        inside = torch.rand(3)
    assert torch.equal(torch.get_rng_state(), state)
    with seeded(3, 4):
        assert torch.equal(torch.rand(3), inside)
    with seeded(3, 5):
        assert not torch.equal(torch.rand(3), inside)


class Seen(Matching):
    """Keeps what it is shown."""

    shown: list = []  # noqa: RUF012

    def loss(self, numbers, views):
        self.shown.append(views)
        return super().loss(numbers, views)


@pytest.fixture
def seen():
    Seen.shown.clear()
    return Seen()


def test_each_text_is_left_out_in_turn(step_of, seen, learner):
    step = step_of(network=seen, n_way=5, n_shot=2, dropout=0.0)
    step.gradients(0)
    views = seen.shown
    assert len(views) == 3  # two shots and a query
    assert {tuple(v.support.shape) for v in views} == {(5, 2, 32)}
    assert {tuple(v.query.shape) for v in views} == {(5, 32)}
    texts = step._split.corpus.texts
    episode = step._sampler.episode(0)
    for left_out, view in enumerate(views):
        rows = np.concatenate([episode.support, episode.query], axis=1)
        expected = learner.encode([texts[i] for i in rows[:, left_out]])
        np.testing.assert_allclose(view.query.detach().numpy(), expected, atol=1e-5)
        rest = np.delete(rows, left_out, axis=1)
        for shot in range(2):
            expected = learner.encode([texts[i] for i in rest[:, shot]])
            np.testing.assert_allclose(view.support[:, shot].detach().numpy(), expected, atol=1e-5)
        names = learner.encode([step._split.corpus.names[c] for c in episode.classes])
        np.testing.assert_allclose(view.names.detach().numpy(), names, atol=1e-5)
        assert view.classes.tolist() == episode.classes.tolist()
        assert view.truth.tolist() == list(range(5))
        assert view.descriptions is None
