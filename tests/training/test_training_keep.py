"""Texts of another kind whose embeddings stay in place during training."""

import numpy as np
import pytest
from tiny_learner import TOPICS

from textshot import load_encoder
from textshot.errors import TrainingError
from textshot.training import loop as run
from textshot.training.data import prepare
from textshot.training.split_encoder import SplitEncoder
from textshot.training.step import Step
from textshot.training.validation import Validation

KEEP = tuple(f"{a} {b} x" for a in TOPICS[40:] for b in TOPICS[40:])


@pytest.fixture
def always_better(monkeypatch):
    """What was learned is kept, whatever it is."""

    def validation(self, network, *, exact=False):
        return Validation(np.full(4, 0.5 if network is None else 0.9), np.zeros(4, np.int64))

    monkeypatch.setattr(run.Run, "_validate", validation)


@pytest.fixture
def trained(go, tmp_path, always_better):
    """Train all the way; return the encoder."""

    def made(output, keep=(), **options):
        assert go(output=output, run={"keep": keep}, alphas=(1.0,), **options).kept
        return load_encoder(str(tmp_path / output), device="cpu")

    return made


def moved(encoder, before, texts=KEEP):
    """Return 1 - cosine of texts with what they were, the mean."""
    return 1 - float((encoder.encode(texts) * before.encode(texts)).sum(axis=1).mean())


@pytest.mark.parametrize("layers", [1, "projector"])
def test_kept_texts_hardly_move(trained, learner, layers):
    free = trained("free", layers=layers)
    held = trained("held", KEEP, keep_weight=1000.0, layers=layers)
    assert moved(free, learner) > 0.001
    assert moved(held, learner) < 0.1 * moved(free, learner)


@pytest.mark.slow
def test_the_more_weight_the_less_they_move(trained, learner):
    found = [
        moved(trained(f"at {weight}", KEEP, keep_weight=weight), learner)
        for weight in (0.0, 3.0, 300.0)
    ]
    assert found[0] > found[1] > found[2]


def test_without_weight_it_is_as_if_none_were_kept(trained, learner):
    rows = [trained("free").encode(KEEP), trained("held", KEEP, keep_weight=0.0).encode(KEEP)]
    np.testing.assert_allclose(*rows, atol=1e-5)


def test_training_still_learns_with_kept_texts(go):
    report = go(run={"keep": KEEP})
    assert report.kept
    assert report.tuned > report.frozen


def test_a_single_text_can_be_kept(go):
    assert go(run={"keep": ["x"]}).steps_done == 20


@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_at_the_first_step_nothing_has_moved(learner, split, quick, precision):
    split_encoder = SplitEncoder(learner.fresh_model(), 1)
    config = quick(precision=precision, dropout=0.0)
    data = prepare(split_encoder, split(), n_eval=6, keep=KEEP)
    step = Step(split_encoder, config.make_network(), data.train, config, data.kept)
    assert float(step._drift(0).detach()) == pytest.approx(0, abs=1e-2 if step.is_bf16 else 1e-6)


def test_the_kept_texts_are_stored(learner, split):
    split_encoder, splits = SplitEncoder(learner.fresh_model(), 1), split()
    data = prepare(split_encoder, splits, n_eval=3, keep=KEEP)
    np.testing.assert_allclose(split_encoder.embed(data.kept), learner.encode(KEEP), atol=1e-5)
    assert not len(prepare(split_encoder, splits, n_eval=3).kept)


def test_progress_counts_the_kept_texts_too(go):
    counts = []
    for output, keep in (("without", ()), ("with", KEEP)):
        done, shares = [], []

        def reading(some, share, done=done, shares=shares):
            done.append(some)
            shares.append(share)

        go(output=output, run={"keep": keep, "on_encoding": reading})
        assert shares == sorted(shares)
        assert shares[-1] == pytest.approx(1)
        counts.append(sum(done))
    assert counts[1] - counts[0] == len(KEEP)


def test_a_run_of_other_kept_texts_is_another_run(go, monkeypatch):
    class Stop(Exception):
        pass

    def stops(*arguments):
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(run.Run, "learn", stops)
        with pytest.raises(Stop):
            go(run={"keep": KEEP})
    for other in ((), KEEP[:-1], KEEP[::-1], (*KEEP[:-1], "x")):
        with pytest.raises(TrainingError, match="unfinished training of other texts, another"):
            go(run={"keep": other})
    messages = []
    go(run={"keep": KEEP, "on_message": messages.append})
    assert messages[0] == "resuming at step 0 of 20"


@pytest.mark.slow
def test_the_same_seed_gives_the_same_bits_with_kept_texts_too(go, tmp_path):
    for name in ("one", "other"):
        assert go(output=name, run={"keep": KEEP}).kept
    one, other = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("one", "other"))
    assert one == other


def test_a_resumed_run_holds_kept_texts_at_their_initial_embeddings(go, tmp_path, monkeypatch):
    # What they are held to is the vector before the first step, not that of the checkpoint.
    options = {"run": {"keep": KEEP}, "keep_weight": 30.0}
    assert go(output="whole", **options).kept
    original = run.Run._evaluate

    class Stop(Exception):
        pass

    def evaluates_and_stops(self):
        original(self)
        self._write()
        raise Stop

    with monkeypatch.context() as patched:
        patched.setattr(run.Run, "_evaluate", evaluates_and_stops)
        with pytest.raises(Stop):
            go(**options)
    told = []
    assert go(run={"keep": KEEP, "on_message": told.append}, keep_weight=30.0).kept
    assert told[0] == "resuming at step 10 of 20"
    one, other = ((tmp_path / n / "model.safetensors").read_bytes() for n in ("whole", "out"))
    assert one == other
