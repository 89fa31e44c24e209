"""What is kept: pencil and paper on hand-made judgements, and what lies there afterwards."""

import math

import numpy as np
import pytest

from textshot.errors import TrainingError
from textshot.training import loop as run
from textshot.training.config import ALPHAS
from textshot.training.loop import Outcome
from textshot.training.validation import MAX_DOMAIN_LOSS, Validation, best_coefficient


def validation(*by_category, domains=None):
    given = [0] * len(by_category) if domains is None else domains
    return Validation(np.array(by_category), np.array(given))


def test_one_domain_by_pencil():
    before, after = validation(0.5, 0.6, 0.7, 0.8), validation(0.6, 0.6, 0.9, 0.9)
    assert before.accuracy == pytest.approx(0.65)
    assert after.gain(before) == pytest.approx(0.1)
    # The changes are 0.1, 0, 0.2, 0.1: their variance is 0.02 / 3.
    assert after.standard_error(before) == pytest.approx(math.sqrt(0.02 / 3 / 4))


def test_two_domains_by_pencil():
    where = [0, 0, 0, 0, 1, 1]
    before = validation(0.5, 0.6, 0.7, 0.8, 0.2, 0.4, domains=where)
    after = validation(0.6, 0.6, 0.9, 0.9, 0.1, 0.9, domains=where)
    # The mean over domains: 0.65 and 0.3, then 0.75 and 0.5.
    assert before.by_domain.tolist() == pytest.approx([0.65, 0.3])
    assert (before.accuracy, after.accuracy) == pytest.approx((0.475, 0.625))
    # In the second domain the changes are -0.1 and 0.5: variance 0.18, of the mean 0.09.
    expected = math.sqrt(0.02 / 12 + 0.09) / 2
    assert after.standard_error(before) == pytest.approx(expected)


def test_a_domain_of_one_category_has_its_change_for_an_error():
    before, after = (
        validation(0.5, 0.5, 0.5, domains=[0, 0, 1]),
        validation(0.6, 0.6, 0.9, domains=[0, 0, 1]),
    )
    assert after.standard_error(before) == pytest.approx(0.4 / 2)


def test_equal_gains_everywhere_have_no_error():
    assert validation(0.6, 0.7).standard_error(validation(0.5, 0.6)) == pytest.approx(0.0)


@pytest.mark.parametrize(
    ("lost", "fine"), [(0.0, True), (MAX_DOMAIN_LOSS * 0.99, True), (MAX_DOMAIN_LOSS * 1.01, False)]
)
def test_what_a_domain_may_lose(lost, fine):
    before = validation(0.5, 0.5, domains=[0, 1])
    assert validation(0.9, 0.5 - lost, domains=[0, 1]).no_domain_loses(before) is fine


def test_of_one_domain_the_share_with_the_largest_gain():
    before = validation(0.5, 0.5)
    tried = {0.25: 0.52, 0.5: 0.60, 0.75: 0.60, 1.0: 0.55}  # of equal ones the nearer
    assert best_coefficient(before, {a: validation(x, x) for a, x in tried.items()}, ALPHAS) == 0.5
    tried = {0.25: 0.52, 0.5: 0.60, 0.75: 0.61, 1.0: 0.55}
    assert best_coefficient(before, {a: validation(x, x) for a, x in tried.items()}, ALPHAS) == 0.75


def test_of_several_domains_the_nearest_share_within_one_standard_error():
    where = [0, 0, 1, 1]
    before = validation(0.5, 0.5, 0.5, 0.5, domains=where)

    def gaining(first, second):
        return validation(0.5 + first, 0.5 + second, 0.5 + first, 0.5 + second, domains=where)

    # Of the best the changes are 0.1 and 0.2 in each domain: a variance of 0.005, of the mean
    # 0.0025; the standard error of the mean over two domains is sqrt(2 * 0.0025) / 2 = 0.0354.
    best = gaining(0.1, 0.2)
    assert best.standard_error(before) == pytest.approx(0.0354, abs=1e-4)
    tried = {0.25: gaining(0.0, 0.0), 0.5: gaining(0.1, 0.13), 0.75: gaining(0.1, 0.16), 1.0: best}
    assert best_coefficient(before, tried, ALPHAS) == 0.5  # 0.615, and 0.65 - 0.0354 is enough
    tried[0.5] = gaining(0.1, 0.12)  # 0.61 is not
    assert best_coefficient(before, tried, ALPHAS) == 0.75


def test_a_share_that_loses_somewhere_is_not_taken():
    two = [0, 1]
    before = validation(0.5, 0.5, domains=two)
    tried = dict.fromkeys(ALPHAS, validation(0.9, 0.4, domains=two))
    assert best_coefficient(before, tried, ALPHAS) is None
    tried[0.75] = validation(0.55, 0.55, domains=two)
    assert best_coefficient(before, tried, ALPHAS) == 0.75


@pytest.mark.parametrize(
    ("after", "gain", "error", "refused"),
    [
        ((0.52, 0.54), 0.03, 0.01, ""),
        ((0.49, 0.55), 0.02, 0.03, "the gain is not more than one standard error"),
        ((0.50, 0.50), 0.00, 0.00, "the gain is not more than one standard error"),
        ((0.40, 0.60), 0.00, 0.10, "the gain is not more than one standard error"),
        ((0.40, 0.50), -0.05, 0.05, "a domain loses more than half a point"),
    ],
)
def test_kept_only_above_one_standard_error(after, gain, error, refused):
    outcome = Outcome(validation(0.5, 0.5))
    assert not outcome.kept
    assert outcome.refused == "no weights of the training were good enough to be validated"
    outcome.guard(validation(*after))
    assert outcome.gain == pytest.approx(gain)
    assert outcome.standard_error == pytest.approx(error)
    assert outcome.refused == refused
    assert outcome.kept is (not refused)


def test_one_domain_that_loses_is_enough_to_be_refused():
    two = (0, 0, 1, 1)
    outcome = Outcome(validation(0.5, 0.5, 0.5, 0.5, domains=two))
    outcome.guard(validation(0.9, 0.9, 0.49, 0.49, domains=two))
    assert outcome.gain > outcome.standard_error
    assert outcome.refused == "a domain loses more than half a point"


def test_states_are_compared_by_both_accuracies():
    both = Validation(np.array([0.8, 0.6]), np.array([0, 0]), np.array([0.5, 0.3]))
    assert both.selection_score == pytest.approx((0.7 + 0.4) / 2)
    assert validation(0.8, 0.6).selection_score == pytest.approx(0.7)


IN_ORDER = ["frozen", *["learned"] * 2, "frozen exactly", *["learned"] * 4, "learned exactly"]
"""Two evaluations, and four shares of the way."""


def rigged(monkeypatch, accuracy):
    """Judge by a function of the number of the judgement, four categories of one domain."""
    calls = []

    def made(self, network, *, exact=False):
        calls.append(("frozen" if network is None else "learned") + " exactly" * exact)
        return validation(*np.asarray(accuracy(len(calls)), float))

    monkeypatch.setattr(run.Run, "_validate", made)
    return calls


def test_the_judgements_of_a_run_in_their_order(go, monkeypatch):
    figures = [0.5, 0.6, 0.7, 0.51, 0.55, 0.6, 0.8, 0.7, 0.79]
    calls = rigged(monkeypatch, lambda i: [figures[i - 1]] * 4)
    report = go()
    assert calls == IN_ORDER
    assert [accuracy for _, accuracy, _ in report.history] == pytest.approx([0.6, 0.7])
    assert report.best_step == 20
    assert report.alpha == 0.75
    assert (report.frozen, report.tuned) == pytest.approx((0.51, 0.79))
    assert report.gain == pytest.approx(0.28)
    assert report.tried == pytest.approx({0.25: 0.55, 0.5: 0.6, 0.75: 0.79, 1.0: 0.7})
    assert report.domains[""] == pytest.approx((0.51, 0.79))
    assert report.kept


@pytest.mark.parametrize(
    ("accuracy", "alpha"),
    [
        (lambda i: [0.9] * 4 if i == 1 else [0.5] * 4, None),  # every share loses
        (lambda i: [0.5] * 4, 0.25),  # no gain at all
        (lambda i: [0.5] * 4 if i in (1, 4) else [0.9, 0.5, 0.5, 0.2], 0.25),  # within the error
    ],
)
def test_nothing_is_written_when_it_is_no_better(go, tmp_path, monkeypatch, accuracy, alpha):
    rigged(monkeypatch, accuracy)
    report = go()
    assert not report.kept
    assert report.alpha == alpha
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "accuracy",
    [
        lambda i: [0.9] * 4 if i == 1 else [0.5] * 4,  # every share loses
        lambda i: [0.5] * 4,  # no gain at all
    ],
)
def test_without_the_guard_the_largest_share_is_kept_whatever_it_does(
    go, tmp_path, monkeypatch, accuracy
):
    rigged(monkeypatch, accuracy)
    report = go(guard=False, alphas=(0.5, 1.0, 0.75))
    assert report.kept
    assert report.alpha == 1.0
    assert (tmp_path / "out").is_dir()


def test_the_exact_judgement_decides(go, tmp_path, monkeypatch):
    # Frozen, then much better as the steps compute; no better in float32 (the 4th and the last).
    calls = rigged(monkeypatch, lambda i: [0.5 if i in (1, 4, 9) else 0.9] * 4)
    report = go()
    assert calls == IN_ORDER
    assert (report.alpha, report.gain) == (0.25, 0.0)
    assert not report.kept
    assert not list(tmp_path.iterdir())


def test_an_output_that_is_there_is_refused_before_anything_is_read(go, tmp_path):
    for name in ("file", "foreign"):
        place = tmp_path / name
        place.write_text("mine") if name == "file" else place.mkdir()
        with pytest.raises(TrainingError, match="is no encoder that textshot trained"):
            go(output=name, run={"overwrite": True})
    assert (tmp_path / "file").read_text() == "mine"


def test_a_trained_encoder_is_replaced_only_when_asked_for(go, tmp_path, monkeypatch):
    assert go().kept
    before = {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()}
    with pytest.raises(TrainingError, match=r"already holds a trained encoder. Use --overwrite"):
        go()
    with monkeypatch.context() as patched:  # no better: what was there stays
        rigged(patched, lambda i: [0.5] * 4)
        assert not go(run={"overwrite": True}).kept
    assert {p: p.read_bytes() for p in (tmp_path / "out").rglob("*") if p.is_file()} == before
    assert go(run={"overwrite": True}, seed=1).kept
    after = (tmp_path / "out" / "model.safetensors").read_bytes()
    assert after != before[tmp_path / "out" / "model.safetensors"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_place_that_cannot_be_written(go, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(TrainingError, match=r"cannot make .*file"):
        go(output="file/out")


def test_folders_on_the_way_are_made(go, tmp_path):
    assert go(output="some/where/out").kept
    assert (tmp_path / "some" / "where" / "out" / "model.safetensors").is_file()


def test_a_disk_that_is_full_keeps_the_run(go, tmp_path, monkeypatch):
    def full(*arguments, **options):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr("textshot.training.output.save_network", full)
        with pytest.raises(TrainingError, match=r"No space left on device. The checkpoint is kept"):
            go()
    assert [path.name for path in tmp_path.iterdir()] == [".out.training"]
    told = []
    assert go(run={"on_message": told.append}).kept
    assert told == ["resuming at step 20 of 20"]
