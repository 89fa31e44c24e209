"""The same seed gives the same bits, even if the run is stopped and resumed anywhere."""

import pytest
import torch

from textshot.training import checkpoint, train_splits
from textshot.training import loop as run
from textshot.training.step import Step


class Broken(Exception):
    """Stands for whatever ends a run."""


def breaks(*arguments, **options):
    raise Broken


def files_of(folder):
    return {
        name: (folder / name).read_bytes() for name in ("model.safetensors", "network.safetensors")
    }


def figures(report):
    timed = ("seconds", "seconds_per_step")
    return {name: value for name, value in report.to_dict().items() if name not in timed}


def breaks_after(steps):
    """Return a callback that ends the run after so many steps of this call."""
    calls = 0

    def advance(done, share):
        nonlocal calls
        calls += 1
        if calls > steps:  # the first call says where it begins
            raise Broken

    return {"on_step": advance}


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory, learner, split, quick):
    """Return the report and the folder of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("unbroken") / "out"
    return train_splits(learner, split(), quick(), output=folder), folder


@pytest.mark.parametrize("precision", ["bf16"])
def test_the_same_seed_gives_the_same_bits(go, tmp_path, precision):
    one = go(output="one", precision=precision)
    other = go(output="other", precision=precision)
    assert one.kept
    assert figures(one) == figures(other)
    assert files_of(tmp_path / "one") == files_of(tmp_path / "other")


def test_another_seed_gives_others(go, tmp_path):
    one, other = go(output="one"), go(output="other", seed=1)
    assert one.kept
    assert other.kept
    assert one.history != other.history
    assert files_of(tmp_path / "one") != files_of(tmp_path / "other")


def test_the_random_state_of_the_caller_is_left_alone(go):
    state = torch.get_rng_state()
    go()
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize(
    ("steps", "breaks", "options"),
    # The last step of each call is not on disk yet, so two steps of a call are one step further.
    [pytest.param(2, 19, {}, marks=pytest.mark.slow), (5, 4, {"layers": 2})],
)
def test_stopped_again_and_again(go, tmp_path, monkeypatch, steps, breaks, options):
    options = {"dropout": 0.2, **options}
    unbroken = go(output="whole", **options)
    monkeypatch.setattr(run, "_CHECKPOINT_SECONDS", 0.0)
    told = []
    for _ in range(breaks):
        with pytest.raises(Broken):
            go(run={"on_message": told.append, **breaks_after(steps)}, **options)
    report = go(run={"on_message": told.append}, **options)
    going_on = [line for line in told if line.startswith("resuming")]
    assert going_on == [f"resuming at step {i * (steps - 1)} of 20" for i in range(1, breaks + 1)]
    assert figures(report) == figures(unbroken)
    assert report.kept
    assert files_of(tmp_path / "out") == files_of(tmp_path / "whole")


@pytest.mark.parametrize("step", [0, 13])
def test_stopped_in_the_middle_of_a_step(go, tmp_path, monkeypatch, unbroken, step):
    original = Step.gradients

    def fails(self, number):
        loss = original(self, number)
        if number == step:
            raise Broken
        return loss

    with monkeypatch.context() as patched:
        patched.setattr(Step, "gradients", fails)
        with pytest.raises(Broken):
            go()
    told = []
    report = go(run={"on_message": told.append})
    assert told[0] == f"resuming at step {step // 10 * 10} of 20"
    assert figures(report) == figures(unbroken[0])
    assert files_of(tmp_path / "out") == files_of(unbroken[1])


def test_stopped_while_the_result_is_validated_or_written(go, tmp_path, monkeypatch, unbroken):
    for broken in ("loop.Run.choose", "loop.Run.network", "output.save_network"):
        with monkeypatch.context() as patched:
            patched.setattr(f"textshot.training.{broken}", breaks)
            with pytest.raises(Broken):
                go()
    names = {path.name for path in tmp_path.iterdir()}
    assert names - {".out.lock"} == {".out.training"}  # nothing half written
    report = go()
    assert figures(report) == figures(unbroken[0])
    assert files_of(tmp_path / "out") == files_of(unbroken[1])
    assert {path.name for path in tmp_path.iterdir()} == {"out"}


def test_early_stopping_survives_a_restart(go, monkeypatch):
    accuracies = iter([0.9] + [0.1] * 50)
    monkeypatch.setattr(
        run.Run, "_evaluate", _with_accuracy(run.Run._evaluate, lambda: next(accuracies))
    )
    options = {"eval_every": 2, "patience": 3, "steps": 40}
    with monkeypatch.context() as patched:
        patched.setattr(run.Run, "choose", breaks)
        with pytest.raises(Broken):
            go(**options)
    told = []
    report = go(run={"on_message": told.append}, **options)
    assert told == ["resuming at step 8 of 40"]
    assert report.stopped == "3 validations without improvement"
    assert (report.steps_done, report.best_step, len(report.history)) == (8, 2, 4)


def _with_accuracy(original, accuracy):
    """Return `_evaluate` with a made-up figure."""

    class Validated:
        def __init__(self):
            self.accuracy = self.selection_score = accuracy()

    def evaluate(self):
        validate, self._validate = self._validate, lambda network, *, exact=False: Validated()
        try:
            original(self)
        finally:
            self._validate = validate

    return evaluate


def test_the_checkpoint_holds_the_complete_state(go, tmp_path, monkeypatch):
    monkeypatch.setattr(run, "_CHECKPOINT_SECONDS", 0.0)
    with pytest.raises(Broken):
        go(run=breaks_after(12))
    tensors, progress = checkpoint._open(tmp_path / ".out.training" / checkpoint.NAME)
    learning = {name[4:] for name in tensors if name.startswith("now.")}
    assert {name for name in learning if name.startswith("encoder.")} >= {
        "encoder.0.model.encoder.layer.2.output.dense.weight"
    }
    assert not any("layer.0." in name or "embeddings" in name for name in learning)
    assert {name[5:] for name in tensors if name.startswith("best.")} == learning
    for key in ("step", "exp_avg", "exp_avg_sq"):
        start = f"optimizer.{key}."
        assert {name[len(start) :] for name in tensors if name.startswith(start)} == learning
    assert (progress["step"], progress["steps"], progress["best_step"]) == (11, 20, 10)
    assert len(progress["losses"]) == 1
