"""`textshot serve` as a process: how it begins, and how it ends."""

from __future__ import annotations

import json
import signal
import socket
import threading
from pathlib import Path
from urllib.error import HTTPError, URLError

import pytest
from click.testing import CliRunner
from process import Process

from textshot.cli import main


def serve(*words: object):
    return CliRunner().invoke(main, ["serve", *map(str, words)])


def test_it_answers_ends_on_sigterm_and_logs_json_lines(folder: Path):
    with Process(folder).ready() as service:
        result = service.ask("/v1/classify", {"texts": ["bread and soup"]})
        assert result["predictions"][0]["label"] == "food"
        assert service.ask("/v1/info")["indexes"][0]["name"] == "news"
        assert service.stop() == 0
    events = [line["event"] for line in service.lines]
    assert events[:3] == ["listening", "loaded", "ready"]
    assert events[-2:] == ["draining", "stopped"]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_it_is_not_ready_before_it_ends_and_answers_meanwhile(folder: Path, number: int):
    with Process(folder, "--grace", "600").ready() as service:
        service.process.send_signal(number)
        service.wait_for("draining")
        with pytest.raises(HTTPError, match="503") as caught:
            service.ask("/readyz")
        assert json.load(caught.value) == {"ready": False, "reason": "draining"}
        assert service.ask("/v1/classify", {"texts": ["bread and soup"]})["predictions"]
        assert service.ask("/livez") == {"live": True}
        assert service.stop(number) == 0  # a second signal ends the grace time
        with pytest.raises(URLError, match="refused"):
            service.ask("/livez")


def test_an_accepted_request_is_answered_before_the_end(folder: Path):
    with Process(folder, "--grace", "0", "--max-wait", "700").ready() as service:
        answers: list[dict] = []

        def classify() -> None:
            answers.append(service.ask("/v1/classify", {"texts": ["bread and soup"]}))

        asking = threading.Thread(target=classify)
        asking.start()
        while "textshot_queue_tokens 0.0" in service.text("/metrics"):
            if not asking.is_alive():  # it was answered before anybody looked: once more
                asking = threading.Thread(target=classify)
                asking.start()
        assert service.stop() == 0
        asking.join()
    assert answers[-1]["predictions"][0]["label"] == "food"


def test_an_index_that_breaks_while_it_is_loaded_ends_it_with_the_reason(folder: Path):
    [vectors] = folder.glob("vectors-*.safetensors")
    vectors.write_bytes(vectors.read_bytes()[:-1])
    with Process(folder) as service:
        assert service.end() == 1
    assert "Error: " in service.lines[-1]["text"]
    assert vectors.name in service.lines[-1]["text"]


def test_a_taken_port_is_an_error(folder: Path):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        result = serve(folder, "--port", port)
    assert result.exit_code == 1
    assert f"cannot listen on 127.0.0.1:{port} (Address already in use)" in result.output


def test_a_missing_index_is_an_error_before_anything_listens(tmp_path: Path):
    result = serve(tmp_path / "none")
    assert result.exit_code == 1
    assert "there is no index at" in result.output
    assert "listening" not in result.output


def test_a_public_address_needs_keys(folder: Path):
    result = serve(folder, "--host", "0.0.0.0")
    assert result.exit_code == 1
    assert "API keys are required: use --api-keys FILE" in result.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("a=x", "a=y"), "two indexes are called 'a'"),
        (("a=",), "is not NAME=FOLDER"),
        ((), "Missing argument"),
        (("x", "--deadline", "0"), "0.0 is not in the range"),
        (("x", "--max-texts", "none"), "not a valid integer"),
    ],
)
def test_wrong_usage_is_an_error(words: tuple[str, ...], message: str):
    result = serve(*words)
    assert result.exit_code == 2
    assert message in result.output


def test_keys_come_from_a_variable_and_are_in_no_line(folder: Path):
    key = "k" * 24
    with Process(folder, env={"TEXTSHOT_API_KEYS": f"read dashboard {key}"}).ready() as service:
        with pytest.raises(HTTPError, match="401"):
            service.ask("/v1/info")
        assert service.ask("/v1/info", Authorization=f"Bearer {key}")["role"] == "read"
        assert service.stop() == 0
    assert key not in str(service.lines)
    assert "dashboard" in str(service.lines)
