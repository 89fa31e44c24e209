"""Public means exported: the list, what it leads to, and what a new user sees first."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest

import textshot

EXPORTED = [name for name in textshot.__all__ if name != "__version__"]


def test_the_list_is_sorted_and_is_what_the_lazy_table_knows():
    assert sorted(EXPORTED) == EXPORTED
    assert set(EXPORTED) == set(textshot._HOMES)
    assert len(textshot.__all__) == len(set(textshot.__all__))


@pytest.mark.parametrize("name", EXPORTED)
def test_each_name_can_be_imported_and_is_the_one_of_its_room(name):
    room = importlib.import_module(f"textshot.{textshot._HOMES[name]}")
    assert getattr(textshot, name) is getattr(room, name)
    assert inspect.getdoc(getattr(textshot, name))


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
    source = inspect.getsource(textshot)
    block = source[source.index("if TYPE_CHECKING:") : source.index("_HOMES")]
    for name in EXPORTED:
        assert name in block


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
