"""An engine that was used answers in a forked process too, or refuses at once; it never hangs."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

import pytest
from compiled_models import make_model

SCRIPT = Path(__file__).with_name("forking.py")
LIMIT = 60.0  # seconds; unguarded, a child waits for ever


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return make_model(tmp_path_factory.mktemp("forks") / "model", "bert")


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")
@pytest.mark.parametrize("backend", ["torch", "openvino", "onnx"])
def test_an_engine_answers_in_every_kind_of_forked_process(model, backend, tmp_path):
    words = [sys.executable, str(SCRIPT), str(model), backend, str(tmp_path / "cache")]
    # More than one thread, or there is none to wait for.
    env = os.environ | {"OMP_NUM_THREADS": "2", "TOKENIZERS_PARALLELISM": "true"}
    pipe = {"stdout": subprocess.PIPE, "text": True, "start_new_session": True}
    with subprocess.Popen(words, env=env, **pipe) as process:
        try:
            output, _ = process.communicate(timeout=LIMIT)
        finally:
            with suppress(ProcessLookupError):  # its children too, if they wait
                os.killpg(process.pid, signal.SIGKILL)
    assert process.returncode == 0
    answers = dict(map(json.loads, output.splitlines()))
    labels = answers.pop("parent")
    assert answers == {
        "in_pool": [labels] * 2,
        "in_data_loader": [labels] * 2,
        "in_dataset": [labels] * 2,
        "in_fork": [labels, 0],
        "in_fork_while_a_thread_encodes": [labels, 0],
        "in_fork_that_uses_nothing": 0,
    }
