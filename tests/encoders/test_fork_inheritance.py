"""What a forked child inherits is mended: locks, connections, and encoders that it cannot use."""

import json
import os
import shutil
import signal
import threading
from types import SimpleNamespace

import httpx
import numpy as np
import pytest

from textshot import CachedEncoder, Category, Engine, FunctionEncoder, load_encoder
from textshot._fork import ForkLock
from textshot.client import Client
from textshot.errors import EncoderError

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system cannot fork")


@pytest.fixture
def in_child():
    """Return what a function returns in a forked child, or the error that it raises there."""

    def run(function):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            signal.alarm(30)  # in place of waiting for ever
            try:
                answer = function()
            except Exception as error:
                answer = f"{type(error).__name__}: {error}"
            os.write(writer, json.dumps(answer).encode())
            os._exit(0)
        os.close(writer)
        with os.fdopen(reader) as file:
            answer = file.read()
        assert os.waitpid(child, 0)[1] == 0, "the child waited, or it failed"
        return json.loads(answer)

    return run


@pytest.fixture
def held():
    """Hold locks in another thread, until the test is over."""
    is_over, threads = threading.Event(), []

    def hold(lock):
        is_held = threading.Event()

        def wait():
            with lock:
                is_held.set()
                is_over.wait(60)

        threads.append(threading.Thread(target=wait))
        threads[-1].start()
        assert is_held.wait(60)

    yield hold
    is_over.set()
    for thread in threads:
        thread.join()


def test_a_child_changes_an_index_whose_lock_another_thread_holds(in_child, held):
    engine = Engine.build([Category("late parcel")], encoder="hashing")
    held(engine.index.lock)
    assert in_child(lambda: engine.add([Category("refund")]) or len(engine.index)) == 2


def test_a_child_reads_a_cache_whose_lock_another_thread_holds(in_child, held, tmp_path):
    encoder = CachedEncoder(load_encoder("hashing"), cache_folder=tmp_path)
    rows = encoder.encode(["my parcel"])
    held(encoder._lock)
    assert in_child(lambda: encoder.encode(["my parcel"]).tolist()) == rows.tolist()


def test_a_fork_waits_for_a_moment_in_a_library_with_locks_of_its_own(in_child):
    lock, is_inside = ForkLock(waits=True), threading.Event()
    states = []

    def work():
        with lock:
            states.append("begun")
            is_inside.set()
            is_inside.wait(0.05)
            states.append("ended")

    thread = threading.Thread(target=work)
    thread.start()
    is_inside.wait(60)
    assert in_child(lambda: [lock.__enter__(), states][1]) == ["begun", "ended"]
    thread.join()


def test_a_child_opens_connections_of_its_own(in_child, monkeypatch):
    made = []

    def connect(**settings):
        made.append(os.getpid())
        return SimpleNamespace(get=lambda _: SimpleNamespace(status_code=200))

    monkeypatch.setattr(httpx, "Client", connect)
    client = Client()
    parent = os.getpid()
    assert client.ready()
    assert in_child(lambda: [client.ready(), client.ready(), len(made), made[1] != parent]) == [
        True,
        True,
        2,
        True,
    ]
    assert client.ready()
    assert made == [parent]


def test_an_own_encoder_on_torch_answers_in_a_child(in_child):
    import torch

    table = torch.ones(256, 512)

    def embed(texts):
        letters = torch.tensor([[len(text)] * 256 for text in texts], dtype=torch.float32)
        return (letters @ table).exp().clamp(max=9).numpy()

    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        encoder = FunctionEncoder(embed, name="lengths")
        texts = ["a" * n for n in range(512)]
        rows = encoder.encode(texts, batch_size=512)
        same = in_child(lambda: bool(np.allclose(encoder.encode(texts, batch_size=512), rows)))
        assert same is True
    finally:
        torch.set_num_threads(before)


def test_an_encoder_on_a_gpu_is_refused_at_once(in_child, tiny_folder):
    encoder = load_encoder(str(tiny_folder), backend="torch", device="cpu")
    encoder._model = SimpleNamespace(device=SimpleNamespace(type="cuda"))
    answer = in_child(lambda: encoder.encode(["card"]).tolist())
    assert answer.startswith("EncoderError: ")
    assert "computes on cuda, which a forked process cannot use" in answer
    assert 'method "spawn"' in answer


def test_a_compiled_model_that_is_gone_is_refused_at_once(
    in_child, tiny_folder, tmp_path, monkeypatch
):
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    encoder = load_encoder(str(tiny_folder), backend="onnx")
    shutil.rmtree(tmp_path / "cache")
    answer = in_child(lambda: encoder.encode(["card"]).tolist())
    assert answer.startswith(f"{EncoderError.__name__}: ")
    assert "cannot be loaded again in a forked process" in answer
    assert encoder.encode(["card"]).shape == (1, 32)  # the parent still has it
