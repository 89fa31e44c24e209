"""Where a precision is refused the next one is tried, and the reference comes last."""

import logging

import numpy as np
import pytest
from compiled_models import TEXTS

from textshot.encoders import load_encoder
from textshot.encoders.compiled import backends as choose
from textshot.encoders.compiled import verified_graph as proven
from textshot.encoders.compiled.refusals import NotCompilableError
from textshot.encoders.compiled.verification import prove
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError


@pytest.fixture
def refuse(monkeypatch, tmp_path):
    """A CPU with bf16 that refuses precisions; returns those that were tried on all probe texts."""
    for variable in (choose.BACKEND_VARIABLE, choose.PRECISION_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(choose, "has_bf16", lambda: True)
    monkeypatch.setattr(choose, "_has_accelerator", lambda: False)

    def refusing(*refused):
        tried = []

        def proved(rows, reference, precision):
            if len(rows) > proven.FEW:
                tried.append(precision)
            if precision in refused:
                raise NotCompilableError(f"in {precision} it is no twin, says a test")
            # What runs in bf16 is another matter, and not every CPU does.
            return prove(reference, reference, precision)

        monkeypatch.setattr(proven, "prove", proved)
        return tried

    return refusing


def test_where_bf16_is_no_twin_fp32_runs_and_the_reason_is_told_to_who_asks(
    tiny_folder, refuse, caplog
):
    refuse("bf16")
    with caplog.at_level(logging.INFO, logger="textshot"):
        twin = load_encoder(str(tiny_folder))
    assert twin.kind == "openvino-fp32"
    assert "no compiled twin in bf16: in bf16 it is no twin, says a test" in caplog.text
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    expected = load_encoder(str(tiny_folder), backend="torch", device="cpu").encode(TEXTS)
    np.testing.assert_allclose(twin.encode(TEXTS), expected, atol=1e-5)


def test_where_bf16_is_a_twin_fp32_is_not_tried(tiny_folder, refuse):
    tried = refuse("fp32")
    assert load_encoder(str(tiny_folder)).kind == "openvino-bf16"
    assert tried == ["bf16"]


def test_a_precision_that_was_refused_is_not_proven_at_the_next_start(tiny_folder, refuse):
    tried = refuse("bf16")
    assert load_encoder(str(tiny_folder)).kind == "openvino-fp32"
    assert tried == ["bf16", "fp32"]
    assert load_encoder(str(tiny_folder)).kind == "openvino-fp32"
    assert tried == ["bf16", "fp32"]


@pytest.mark.parametrize("settings", [{}, {"precision": "fp32"}], ids=str)
def test_where_both_are_refused_torch_runs_and_the_warning_names_the_reason(
    tiny_folder, refuse, caplog, settings
):
    refuse("bf16", "fp32")
    with caplog.at_level(logging.WARNING, logger="textshot"):
        encoder = load_encoder(str(tiny_folder), **settings)
    assert isinstance(encoder, SentenceTransformerEncoder)
    [record] = caplog.records
    assert record.getMessage().endswith(
        "no compiled twin, so it runs in torch: in fp32 it is no twin, says a test"
    )


@pytest.mark.parametrize(
    ("settings", "variables"),
    [
        ({"precision": "bf16"}, {}),
        ({"backend": "openvino"}, {}),
        ({"backend": "openvino", "precision": "bf16"}, {}),
        ({}, {"TEXTSHOT_BACKEND": "openvino"}),
        ({}, {"TEXTSHOT_PRECISION": "bf16"}),
    ],
    ids=str,
)
def test_what_was_asked_for_is_not_replaced_by_fp32(
    tiny_folder, refuse, monkeypatch, settings, variables
):
    tried = refuse("bf16")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EncoderError, match="in bf16 it is no twin, says a test"):
        load_encoder(str(tiny_folder), **settings)
    assert set(tried) == {"bf16"}
