"""The state of an unfinished run: whose it is, and what a damaged one gets."""

import shutil

import pytest
from safetensors import safe_open
from safetensors.torch import save_file

from textshot import load_encoder
from textshot.errors import TrainingError
from textshot.training import TrainCallbacks, train_splits
from textshot.training import loop as run
from textshot.training.checkpoint import NAME

OTHER = r"unfinished training of other texts, another encoder or other options\. Use --restart"
DAMAGED = r"cannot be read .*Use --restart to begin again"


class Stop(Exception):
    pass


@pytest.fixture(scope="module")
def state(tmp_path_factory, learner, split, quick):
    """The state of a run that stopped at step 13."""
    folder, calls = tmp_path_factory.mktemp("state"), []

    def advance(done, share):
        calls.append(done)
        if len(calls) > 14:
            raise Stop

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(run, "_CHECKPOINT_SECONDS", 0.0)
        with pytest.raises(Stop):
            train_splits(
                learner,
                split(),
                quick(),
                output=folder / "out",
                callbacks=TrainCallbacks(on_step=advance),
            )
    return folder / ".out.training"


@pytest.fixture
def unfinished(state, tmp_path):
    """A copy of it."""
    return shutil.copytree(state, tmp_path / state.name) / NAME


def test_it_goes_on(go, unfinished):
    told = []
    go(run={"on_message": told.append})
    assert told[0] == "resuming at step 13 of 20"


@pytest.mark.parametrize(
    "changes",
    [
        {"lr": 0.02},
        {"seed": 1},
        {"settings": {"context": "attention"}},
        {"minutes": 5.0},
    ],
)
def test_a_run_of_other_options_is_refused(go, unfinished, changes):
    before = unfinished.read_bytes()
    with pytest.raises(TrainingError, match=OTHER):
        go(**changes)
    assert unfinished.read_bytes() == before


def test_a_run_of_other_texts_names_or_descriptions_is_refused(go, split, unfinished):
    for splits in (split(seed=1), split(texts=7), split(descriptions={"tba": "A thing."})):
        with pytest.raises(TrainingError, match=OTHER):
            go(splits)


def test_a_run_of_another_encoder_is_refused(go, learner_folder, unfinished):
    encoder = load_encoder(str(learner_folder), device="cpu", prompt="tba ")
    with pytest.raises(TrainingError, match=OTHER):
        go(encoder=encoder)


def test_another_output_is_another_run(go, unfinished):
    assert go(output="elsewhere").kept
    assert unfinished.is_file()


def test_restart_throws_it_away(go, tmp_path, unfinished):
    told = []
    report = go(run={"restart": True, "on_message": told.append}, lr=0.02)
    assert not any("resuming" in line for line in told)
    assert report.steps_done == 20
    assert not (tmp_path / ".out.training").exists()


@pytest.mark.parametrize("size", [0, 7, 0.9])
def test_a_truncated_one(go, unfinished, size):
    data = unfinished.read_bytes()
    unfinished.write_bytes(data[: size if isinstance(size, int) else int(size * len(data))])
    with pytest.raises(TrainingError, match=DAMAGED):
        go()


@pytest.mark.parametrize("place", [0.02, 0.5, 0.999])
def test_a_single_wrong_bit(go, unfinished, place):
    data = bytearray(unfinished.read_bytes())
    data[int(place * len(data))] ^= 1
    unfinished.write_bytes(data)
    with pytest.raises(TrainingError, match=DAMAGED):
        go()


@pytest.mark.parametrize("metadata", [None, {}])
def test_one_that_says_something_else(go, unfinished, metadata):
    with safe_open(unfinished, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        known = file.metadata()
    save_file(tensors, unfinished, metadata and {**known, "sum": "0", **metadata})
    with pytest.raises(TrainingError, match=DAMAGED):
        go()


def test_one_of_another_version(go, unfinished):
    with safe_open(unfinished, framework="pt") as file:
        tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        known = file.metadata()
    save_file(tensors, unfinished, {**known, "version": "2"})
    with pytest.raises(TrainingError, match="it is of version 2, not 1"):
        go()


def test_a_folder_without_a_state_begins_anew(go, unfinished):
    unfinished.unlink()
    told = []
    assert go(run={"on_message": told.append}).kept
    assert not any("resuming" in line for line in told)
