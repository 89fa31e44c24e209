"""Small models of each family in 8 bits: the same in any batch, or refused with the reason."""

import logging

import numpy as np
import pytest
from compiled_models import FAMILIES, TEXTS, make_model

from textshot.encoders import load_encoder
from textshot.encoders.compiled import load, verification
from textshot.encoders.compiled.export import INT8_MARK
from textshot.encoders.general_texts import CALIBRATION_TEXTS
from textshot.errors import EncoderError

# What is measured on all texts takes minutes for seven models; some show as much of the code.
SOME = CALIBRATION_TEXTS[::12]


@pytest.fixture
def made(tmp_path, monkeypatch):
    """Return the folder of a model of a family, in an empty cache, quantised in one try."""
    monkeypatch.setenv("TEXTSHOT_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(verification, "CALIBRATION_TEXTS", SOME)
    monkeypatch.setattr(verification, "WIDE_PRODUCTS", (2,))

    def of(family):
        pooling = "lasttoken" if family.startswith("qwen") else "mean"
        (tmp_path / "model").mkdir()
        # Weights that are small enough for what 8 bits lose not to grow from layer to layer.
        return str(make_model(tmp_path / "model", family, pooling, spread=0.1))

    return of


# The empty text is a row of zeros in the models like Qwen, for what fills up ends it too. Of that
# qwen3, which makes each head's vectors as long as each other, makes something in 8 bits.
REFUSED = ("qwen3",)
FAST = ("modernbert",)  # bert as the default encoder is tested elsewhere, and others are like it


@pytest.mark.parametrize(
    "family",
    [
        pytest.param(family, marks=[pytest.mark.slow] * (family not in FAST))
        for family in FAMILIES
        if family not in REFUSED
    ],
)
def test_a_text_in_8_bits_is_a_unit_vector_the_same_alone_and_in_a_batch(made, family):
    folder = made(family)
    compiled = load_encoder(folder, backend="openvino", precision="int8")
    plain = load_encoder(folder, backend="openvino", precision="fp32")
    assert (compiled.runtime, compiled.fingerprint) == (
        "openvino-int8",
        plain.fingerprint + INT8_MARK,
    )
    together = compiled.encode(TEXTS)
    np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, atol=1e-6)
    alone = np.concatenate([compiled.encode([text]) for text in TEXTS])
    np.testing.assert_allclose(alone, together, atol=1e-6)
    assert (together * plain.encode(TEXTS)).sum(axis=1).min() > 0.97


def test_the_log_of_the_quantiser_is_as_a_program_left_it(made):
    import nncf  # which sets its level itself

    handler, logger = logging.NullHandler(), nncf.nncf_logger
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    try:
        load_encoder(made("modernbert"), backend="openvino", precision="int8")
    finally:
        logger.removeHandler(handler)
    assert (handler.level, logger.level) == (logging.NOTSET, logging.INFO)


@pytest.mark.parametrize("family", REFUSED)
def test_a_model_that_8_bits_change_too_much_is_refused(made, family, monkeypatch):
    folder = made(family)
    reason = "in int8 its vectors are not those of the reference: the worst of 110 texts"
    with pytest.raises(EncoderError, match=reason):
        load_encoder(folder, backend="openvino", precision="int8")
    monkeypatch.setattr(load, "open_compiled", None)  # calling it would raise
    with pytest.raises(EncoderError, match=f"{reason}.*from an earlier try; delete "):
        load_encoder(folder, backend="openvino", precision="int8")
