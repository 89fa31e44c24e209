"""Every module of the benchmarks imports, and every command shows its help."""

from __future__ import annotations

import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import benchmarks

ROOT = Path(__file__).parents[2]
MODULES = sorted(m.name for m in pkgutil.walk_packages(benchmarks.__path__, "benchmarks."))
COMMANDS = sorted(set(re.findall(r"-m (benchmarks\.\w+)", (ROOT / "Makefile").read_text("utf-8"))))


@pytest.mark.parametrize("name", MODULES)
def test_a_module_imports(name: str):
    importlib.import_module(name)


@pytest.mark.parametrize("name", [*COMMANDS, "benchmarks.long"])
def test_a_command_shows_its_help(name: str, monkeypatch, capsys):
    module = importlib.import_module(name)
    if hasattr(module, "__path__"):
        module = importlib.import_module(f"{name}.__main__")
    monkeypatch.setattr("sys.argv", [name, "--help"])
    with pytest.raises(SystemExit) as stop:
        module.main()
    assert stop.value.code == 0
    assert "--data" in capsys.readouterr().out
