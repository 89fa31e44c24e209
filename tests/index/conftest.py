"""An index on disk that is small enough to check by eye."""

import pytest

from textshot.testing import toy_engine


@pytest.fixture
def folder(tmp_path):
    """The index of the toy shop, saved once."""
    toy_engine(threshold="auto").save(tmp_path / "index")
    return tmp_path / "index"
