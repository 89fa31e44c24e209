"""The steps of the Dockerfile make an image that serves without a network."""

from __future__ import annotations

import configparser
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
from dockerfile import Builder, Image, steps

from textshot.cli import main

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
TEXT = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")
KEY = "k" * 32
GONE = ("torch", "transformers", "sentence_transformers", "sklearn", "scipy", "onnx")

linux = pytest.mark.skipif(sys.platform != "linux", reason="the image is one of Linux")


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Image:
    folder = tmp_path_factory.mktemp("image")
    result = Builder(ROOT, folder).build(TEXT)
    index = result.root / "index"
    words = ["index", str(ROOT / "examples/support/categories.csv"), "-o", str(index)]
    made = CliRunner().invoke(main, words)
    assert made.exit_code == 0, made.output
    return result


def environment(image: Image) -> dict[str, str]:
    keys = f"write me {KEY}"
    return {**image.env, "HOME": "/nonexistent", "TEXTSHOT_API_KEYS": keys, "PYTHONPATH": ""}


@linux
def test_the_image_serves_without_a_network(image: Image):
    health = [image.here(word) for word in image.words["HEALTHCHECK"]]
    command = [*image.command(), "--writable"]
    script = [sys.executable, str(Path(__file__).with_name("alone.py")), KEY]
    alone = ["unshare", "--net"] + ["--map-root-user"] * (os.geteuid() != 0)
    done = subprocess.run(
        [*alone, *script, json.dumps(health), json.dumps(command)],
        env=environment(image),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    result = json.loads(done.stdout)
    assert result["encoder"].startswith("openvino-")
    assert [p["label"] for p in result["answer"]["predictions"]] == ["refund request", None]
    assert result["put"]["changed"]
    assert result["after"]["predictions"][0]["label"] == "new"
    assert (result["health"], result["code"]) == (0, 0)


@linux
def test_the_image_is_small(image: Image):
    python = image.root / "opt/textshot/bin/python"
    code = f"import importlib.util as u; print([n for n in {GONE} if u.find_spec(n)])"
    done = subprocess.run([python, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
    size = sum(p.lstat().st_size for p in image.root.rglob("*") if p.is_file())
    sys.stdout.write(f"{size / 1e6:.0f} MB beside the base image")
    assert size < 900e6


def test_the_image_does_not_run_as_root():
    result = dict(steps(TEXT))
    assert re.fullmatch(r"[1-9]\d+:[1-9]\d+", result["USER"])
    assert (result["EXPOSE"], result["STOPSIGNAL"]) == ("8000", "SIGTERM")
    assert "/readyz" in result["HEALTHCHECK"]
    bases = [rest.split()[0] for name, rest in steps(TEXT) if name == "FROM"]
    assert bases == ["python:3.11-slim"] * 2
    assert "ADD" not in result
    assert not re.search(r"https?://(?!127\.0\.0\.1)", TEXT)


def test_copied_files_are_not_ignored():
    kept = (ROOT / ".dockerignore").read_text().splitlines()
    for name, rest in steps(TEXT):
        if name == "COPY" and "--from" not in rest:
            for source in rest.split()[:-1]:
                assert (ROOT / source).exists()
                assert f"!{source.split('/')[0]}" in kept


def test_the_systemd_unit_starts_the_service_and_waits_for_its_end():
    unit = configparser.ConfigParser(strict=False, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment,method-assign]
    unit.read(DEPLOY / "textshot.service")
    service = unit["Service"]
    words = service["ExecStart"].split()
    assert words[:2] == ["/opt/textshot/bin/textshot", "serve"]
    context = main.commands["serve"].make_context("serve", words[2:])
    assert context.params["keys_path"] == "%d/keys"
    assert "keys:" in service["LoadCredential"]
    longest = context.params["deadline"] + context.params["grace"] + 5
    assert float(service["TimeoutStopSec"]) > longest
    assert service["DynamicUser"] == "yes"
