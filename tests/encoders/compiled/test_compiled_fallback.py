"""Where a precision is refused the next one is tried, and the reference comes last."""

import logging

import numpy as np
import pytest
from compiled_models import TEXTS

from textshot.encoders import load_encoder
from textshot.encoders.compiled import backends, verification
from textshot.encoders.compiled.store import NotCompilableError
from textshot.encoders.compiled.verification import verify
from textshot.encoders.sentence_transformer import SentenceTransformerEncoder
from textshot.errors import EncoderError


@pytest.fixture
def refuse(monkeypatch, tmp_path):
    """A CPU with bf16 that refuses precisions; returns those that were tried on all probe texts."""
    for variable in (backends.BACKEND_VARIABLE, backends.PRECISION_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(backends, "has_bf16", lambda: True)
    monkeypatch.setattr(backends, "_has_accelerator", lambda: False)

    def refusing(*refused):
        tried = []

        def verified(rows, reference, precision):
            if len(rows) > verification.N_QUICK:
                tried.append(precision)
            if precision in refused:
                raise NotCompilableError(f"in {precision} it differs, says a test")
            # What runs in bf16 is another matter, and not every CPU does.
            return verify(reference, reference, precision)

        monkeypatch.setattr(verification, "verify", verified)
        return tried

    return refusing


def test_where_bf16_is_refused_fp32_runs_and_the_log_says_why(tiny_folder, refuse, caplog):
    refuse("bf16")
    with caplog.at_level(logging.INFO, logger="textshot"):
        encoder = load_encoder(str(tiny_folder))
    assert encoder.runtime == "openvino-fp32"
    assert "cannot be compiled in bf16: in bf16 it differs, says a test" in caplog.text
    assert [r for r in caplog.records if r.levelno >= logging.WARNING] == []
    expected = load_encoder(str(tiny_folder), backend="torch", device="cpu").encode(TEXTS)
    np.testing.assert_allclose(encoder.encode(TEXTS), expected, atol=1e-5)


def test_where_bf16_is_verified_fp32_is_not_tried(tiny_folder, refuse):
    tried = refuse("fp32")
    assert load_encoder(str(tiny_folder)).runtime == "openvino-bf16"
    assert tried == ["bf16"]


def test_a_precision_that_was_refused_is_not_verified_at_the_next_start(tiny_folder, refuse):
    tried = refuse("bf16")
    assert load_encoder(str(tiny_folder)).runtime == "openvino-fp32"
    assert tried == ["bf16", "fp32"]
    assert load_encoder(str(tiny_folder)).runtime == "openvino-fp32"
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
        "cannot be compiled, so it runs in torch: in fp32 it differs, says a test"
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
def test_an_explicit_choice_is_not_replaced_by_fp32(
    tiny_folder, refuse, monkeypatch, settings, variables
):
    tried = refuse("bf16")
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with pytest.raises(EncoderError, match="in bf16 it differs, says a test"):
        load_encoder(str(tiny_folder), **settings)
    assert set(tried) == {"bf16"}
