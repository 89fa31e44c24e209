"""A loss that is not finite stops a run, and a time limit becomes a number of steps once."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file

from textshot.errors import TrainingError
from textshot.networks import Matching
from textshot.training import loop as run
from textshot.training import step as steps
from textshot.training.validation import Validation


def nan_from(monkeypatch, step):
    """Make the network's loss not a number from a step on; return the callback that counts."""
    done, original = [0], Matching.loss

    def loss(self, numbers, views):
        found = original(self, numbers, views)
        return found * float("nan") if done[0] > step else found

    def advance(some, share):
        done[0] += 1  # the first call comes before the first step

    monkeypatch.setattr(Matching, "loss", loss)
    return advance


def test_a_loss_that_is_no_number_keeps_the_last_good_state(go, tmp_path, monkeypatch):
    whole = go(output="whole")
    report = go(run={"on_step": nan_from(monkeypatch, 13)}, eval_every=10)
    assert (
        report.stopped == "the loss of step 13 is nan; a lower learning rate may help (lr is 0.01)"
    )
    assert (report.steps_done, report.best_step) == (13, 10)
    assert report.history == whole.history[:1]
    assert report.kept
    assert any("stopped at step 13 of 20: the loss" in line for line in report.lines())
    after = load_file(tmp_path / "out" / "model.safetensors")
    assert all(np.isfinite(array).all() for array in after.values())


def test_a_loss_that_is_no_number_before_the_first_evaluation(go, tmp_path, monkeypatch):
    report = go(run={"on_step": nan_from(monkeypatch, 3)})
    assert "the loss of step 3 is nan" in report.stopped
    assert not report.kept
    assert (report.alpha, report.best_step, report.history, report.gain) == (None, 0, (), 0.0)
    assert report.tuned == report.frozen
    assert not list(tmp_path.iterdir())


def test_a_gradient_that_is_not_finite_stops_too(go, monkeypatch):
    original = steps.Step.gradients

    def gradients(self, step):
        loss = original(self, step)
        if step == 12:
            next(iter(self.weights.values())).grad.fill_(float("inf"))
        return loss

    monkeypatch.setattr(steps.Step, "gradients", gradients)
    report = go()
    assert "the loss of step 12 is nan" in report.stopped
    assert report.best_step == 10


@pytest.mark.parametrize("changes", [{"lr": 1.0}, {"lr": 1.0, "clip": 1e6}])
def test_a_rate_far_too_high_harms_nothing(go, tmp_path, changes):
    report = go(eval_every=3, **changes)
    assert np.isfinite(report.tuned)
    if not report.kept:
        assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("network", ["matching", "siamese"])
def test_a_networks_rate_far_too_high_harms_nothing(go, network):
    report = go(eval_every=3, lr_network=1.0, network=network)
    assert np.isfinite(report.tuned)


def test_weights_that_are_no_numbers_after_a_step_stop_it(go, monkeypatch):
    # The loss and its gradient are fine, and yet the step leads out of the numbers.
    original = steps.Step.__call__

    def step(self, number, all_steps):
        loss = original(self, number, all_steps)
        if number == 14:
            with torch.no_grad():
                next(iter(self.weights.values())).fill_(float("nan"))
        return loss

    monkeypatch.setattr(steps.Step, "__call__", step)
    report = go(eval_every=5)
    assert report.best_step == 10
    assert report.stopped


class Clock:
    """Time that passes only where the test says so."""

    def __init__(self, monkeypatch, *, validation, step):
        self.now, self.step = 0.0, step
        fake = SimpleNamespace(monotonic=lambda: self.now)
        monkeypatch.setattr(run, "time", fake)
        monkeypatch.setattr(sys.modules["textshot.training.train"], "time", fake)
        original = steps.Step.gradients

        def gradients(step_itself, number):
            self.now += self.step
            return original(step_itself, number)

        def validate(run_itself, network, *, exact=False):
            self.now += validation
            return Validation(np.array([0.5, 0.5]), np.array([0, 0]))

        monkeypatch.setattr(steps.Step, "gradients", gradients)
        monkeypatch.setattr(run.Run, "_validate", validate)


def test_minutes_become_steps_by_hand(go, monkeypatch):
    Clock(monkeypatch, validation=10.0, step=4.0)
    report = go(minutes=5.0, steps=300, eval_every=50)
    # 300 s less 10 s (one validation), 16 s (timed steps), 8 * 10 + 3 s (the end): 191 s are left,
    # and a step takes 4 s and a fiftieth of a validation.
    assert (report.steps, report.steps_done) == (45, 45)
    assert report.seconds_per_step == 4.0
    assert report.seconds <= 300


def test_fewer_interpolation_coefficients_leave_time_for_more_steps(go, monkeypatch):
    Clock(monkeypatch, validation=10.0, step=4.0)
    report = go(minutes=5.0, steps=300, eval_every=50, alphas=(0.5,))
    # As above, but 5 * 10 + 3 s for the end: 221 s.
    assert (report.steps, report.steps_done) == (52, 52)


def test_steps_are_the_maximum(go, monkeypatch):
    Clock(monkeypatch, validation=10.0, step=1.0)
    assert go(minutes=5.0, steps=30).steps == 30


def test_minutes_are_turned_into_steps_once(go, monkeypatch):
    clock = Clock(monkeypatch, validation=1.0, step=1.5)
    options = {"minutes": 1.0, "steps": 300, "eval_every": 5, "patience": 100}

    class Stop(Exception):
        pass

    calls = []

    def advance(done, share):
        calls.append(done)
        if len(calls) > 22:
            raise Stop

    with pytest.raises(Stop):
        go(run={"on_step": advance}, **options)
    clock.step = 2.0
    told = []
    report = go(run={"on_message": told.append}, **options)
    # 60 - 1 - 6 - 11 = 42 s, of 1.7 s each, also when the machine is a bit slower by now.
    assert told[0] == "resuming at step 20 of 24"
    assert (report.steps, report.steps_done) == (24, 24)
    assert report.seconds_per_step == 1.5


@pytest.mark.parametrize(
    ("validation", "step", "eval_every", "minutes"),
    [(10.0, 1.0, 50, 1.0), (100.0, 0.1, 5, 1.0)],
)
def test_minutes_that_are_too_short(
    go, tmp_path, monkeypatch, validation, step, eval_every, minutes
):
    Clock(monkeypatch, validation=validation, step=step)
    # Twice, the second time for a projector; at the end one interpolation only.
    reading = 2 * (validation + 4 * step) + 5 * validation + 3
    message = (
        rf"{minutes:g} minutes are too short: a step takes {step:.2f} s, encoding and"
        rf" validation {reading:.0f} s\. Allow at least (\d+) minutes, or use fewer texts"
    )
    with pytest.raises(TrainingError, match=message) as found:
        go(minutes=minutes, eval_every=eval_every)
    assert not list(tmp_path.iterdir())
    enough = int(str(found.value).split("at least ")[1].split()[0])
    assert go(minutes=float(enough), eval_every=eval_every).steps >= 20


def test_a_run_that_was_fitted_is_resumed_with_the_same_weights(go, tmp_path, monkeypatch):
    options = {"minutes": 1.0, "steps": 300, "eval_every": 5, "patience": 100, "guard": False}
    weights, messages = [], []
    for name, stops_at in (("whole", None), ("parts", 12)):
        Clock(monkeypatch, validation=3.0, step=1.5)
        calls = []

        class Stop(Exception):
            pass

        def advance(done, share, calls=calls, stops_at=stops_at, stop=Stop):
            calls.append(done)
            if stops_at is not None and len(calls) > stops_at:
                raise stop

        callbacks = {"on_step": advance, "on_message": messages.append}
        if stops_at is not None:
            with pytest.raises(Stop):
                go(output=name, run=callbacks, **options)
        report = go(output=name, run={"on_message": messages.append}, **options)
        assert report.config["n_way"] < 12
        weights.append((tmp_path / name / "model.safetensors").read_bytes())
        monkeypatch.undo()
    assert "to fit into 1 minutes: 8 ways in place of" in messages[0]
    assert any(message.startswith("resuming at step") for message in messages)
    assert weights[0] == weights[1]


def test_where_layers_do_not_fit_a_projector_is_trained_and_resumed(go, monkeypatch):
    clock = Clock(monkeypatch, validation=1.0, step=8.0)
    told, calls = [], []

    class Stop(Exception):
        pass

    def advance(done, share):
        calls.append(done)
        if len(calls) > 7:
            raise Stop

    def tell(message):
        told.append(message)
        if "projector" in message:
            clock.step = 0.1

    options = {"minutes": 1.0, "steps": 40, "eval_every": 5, "patience": 100, "layers": 1}
    with pytest.raises(Stop):
        go(run={"on_step": advance, "on_message": tell}, **options)
    assert "a projector behind the frozen encoder, in place of layers (1)" in told[0]
    report = go(run={"on_message": tell}, **options)
    assert any(message.startswith("resuming at step") for message in told)
    assert report.config["layers"] == "projector"
    assert report.steps == 40


def test_a_machine_that_becomes_slower_ends_the_steps_in_time(go, monkeypatch):
    clock = Clock(monkeypatch, validation=2.0, step=1.0)

    def slower(done, share):
        clock.step = 3.0 if share > 0.3 else clock.step

    report = go(minutes=2.0, steps=300, eval_every=50, run={"on_step": slower})
    assert report.stopped == "the time is up"
    assert 20 < report.steps_done < report.steps
    assert report.best_step in (report.steps_done, 50)
    assert report.seconds <= 1.05 * 120
