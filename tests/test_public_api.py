"""Public means exported: the list, what it leads to, and what a new user sees first."""

from __future__ import annotations

import ast
import importlib
import inspect
import subprocess
import sys

import pytest

import textshot

EXPORTED = [name for name in textshot.__all__ if name != "__version__"]


def test_the_list_is_sorted_and_is_what_the_lazy_table_knows():
    assert sorted(EXPORTED) == EXPORTED
    assert set(EXPORTED) == set(textshot._MODULES)
    assert len(textshot.__all__) == len(set(textshot.__all__))


@pytest.mark.parametrize("name", EXPORTED)
def test_each_name_can_be_imported_and_is_that_of_its_module(name):
    module = importlib.import_module(f"textshot.{textshot._MODULES[name]}")
    assert getattr(textshot, name) is getattr(module, name)
    assert name == "Threshold" or inspect.getdoc(getattr(textshot, name))  # a type alias


def test_from_textshot_import_everything_works():
    found = {}
    exec("from textshot import *", found)
    assert set(textshot.__all__) <= set(found)
    assert dir(textshot) == sorted(textshot.__all__)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'textshot' has no attribute 'Engines'"):
        _ = textshot.Engines
    with pytest.raises(ImportError, match="cannot import name 'Engines'"):
        exec("from textshot import Engines")


def test_type_checkers_see_the_same_names():
    tree = ast.parse(inspect.getsource(textshot))
    [block] = [node for node in tree.body if isinstance(node, ast.If)]
    imported = [alias.name for node in block.body for alias in node.names]
    assert sorted(imported) == EXPORTED


def test_the_engine_needs_no_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "from textshot import Category, Engine\n"
        "engine = Engine.build([Category('a', examples=['money'])], encoder='hashing')\n"
        "print(engine.classify(['money'])[0].label)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "a\n"


def test_the_version_is_one_of_three_numbers():
    assert all(part.isdigit() for part in textshot.__version__.split(".")[:2])
