"""What only a process of its own shows: imports, two at once, one that is killed."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from compiled_models import TEXTS
from test_encoder_base import in_new_process

import textshot
from textshot import Category, Engine
from textshot.encoders import load_encoder

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")

SECONDS = 120
HEAVY = ("torch", "transformers", "sentence_transformers", "sklearn", "onnx", "openvino_telemetry")
LOADED = f"print([name for name in {HEAVY} if sys.modules.get(name) is not None])"


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """An empty cache, for this process and those it starts."""
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def loading(folder, backend="openvino"):
    return (
        "import sys, logging; logging.basicConfig(level=logging.INFO);"
        "from textshot.encoders import load_encoder;"
        f"encoder = load_encoder({str(folder)!r}, backend={backend!r}, precision='fp32');"
        f"rows = encoder.encode({TEXTS[:20]!r}); encoder.truncation_stats(['a']);"
    )


def started(code):
    return subprocess.Popen(
        [sys.executable, "-W", "error", "-c", code],
        env=os.environ | {"PYTHONPATH": str(Path(textshot.__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.parametrize("backend", ["openvino", "onnx"])
def test_a_compiled_encoder_starts_without_torch(tiny_folder, backend):
    load_encoder(str(tiny_folder), backend=backend, precision="fp32")
    cache = os.environ["TEXTSHOT_CACHE"]
    output = in_new_process(loading(tiny_folder, backend) + LOADED, TEXTSHOT_CACHE=cache)
    assert output.stdout.strip() == "[]"


def test_compiling_asks_no_telemetry_and_prints_nothing(tiny_folder, cache):
    code = loading(tiny_folder) + "print(sys.modules.get('openvino_telemetry'))"
    output = in_new_process(code)
    assert output.stdout.strip() == "None"
    lines = output.stderr.splitlines()
    assert [line for line in lines if not line.startswith("INFO:")] == []


def test_the_command_classifies_without_torch(tiny_folder, tmp_path):
    options = {"backend": "openvino", "precision": "fp32"}
    encoder = load_encoder(str(tiny_folder), **options)
    Engine.build([Category("card", examples=["my card"]), Category("money")], encoder=encoder).save(
        tmp_path / "index"
    )
    words = ["classify", str(tmp_path / "index"), "where is my card"]
    words += ["--backend", "openvino", "--precision", "fp32"]
    code = (
        f"import sys; from textshot.cli import main;main({words!r}, standalone_mode=False);"
        + LOADED
    )
    output = in_new_process(code, TEXTSHOT_CACHE=os.environ["TEXTSHOT_CACHE"])
    *_, last = output.stdout.splitlines()
    assert last == "[]"
    assert output.stderr == ""


def test_of_two_processes_one_compiles(tiny_folder, cache):
    code = loading(tiny_folder) + "print(rows[0, :3].tolist())"
    both = [started(code) for _ in range(2)]
    output = [child.communicate(timeout=SECONDS) for child in both]
    assert [child.returncode for child in both] == [0, 0], output
    assert "".join(err for _, err in output).count("compiling ") == 1
    np.testing.assert_allclose(*[eval(out) for out, _ in output], atol=1e-6)


def test_a_process_killed_while_it_compiles_is_not_in_the_way(tiny_folder, cache):
    child = started(loading(tiny_folder))
    end = time.monotonic() + SECONDS
    while not list(cache.glob("compiled/*/.*")) and child.poll() is None:
        assert time.monotonic() < end
        time.sleep(0.001)
    child.send_signal(signal.SIGKILL)
    with child:
        child.wait(SECONDS)
    encoder = load_encoder(str(tiny_folder), backend="openvino", precision="fp32")
    expected = load_encoder(str(tiny_folder), backend="torch", device="cpu").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


def test_a_process_killed_while_it_exports_is_not_in_the_way(tiny_folder, cache):
    child = started(
        "import time; from textshot.encoders.compiled import export;"
        "export.to_onnx = lambda _: (print('now', flush=True), time.sleep(99));"
        + loading(tiny_folder)
    )
    assert child.stdout.readline() == "now\n"  # it holds the lock
    child.send_signal(signal.SIGKILL)
    with child:
        child.wait(SECONDS)
    encoder = load_encoder(str(tiny_folder), backend="onnx", precision="fp32")
    assert encoder.encode(["a"]).shape == (1, 32)
