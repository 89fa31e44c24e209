import pytest

from textshot.encoders import load_encoder
from textshot.encoders.compiled import backends
from textshot.encoders.compiled.backends import choose
from textshot.errors import EncoderError


@pytest.fixture
def machine(monkeypatch):
    """Say what is installed, and what the machine has."""
    for variable in ("TEXTSHOT_BACKEND", "TEXTSHOT_PRECISION"):
        monkeypatch.delenv(variable, raising=False)

    def said(*there, bf16=False, card=False):
        names = ("openvino", "onnx", "nncf")
        versions = {name: "1.0" if name in there else None for name in names}
        monkeypatch.setattr(backends, "versions", lambda: versions)
        monkeypatch.setattr(backends, "has_bf16", lambda: bf16 and "openvino" in there)
        monkeypatch.setattr(backends, "_has_accelerator", lambda: card)

    return said


BOTH, NEITHER = ("openvino", "onnx"), ()


@pytest.mark.parametrize(
    ("there", "bf16", "card", "device", "asked", "expected"),
    [
        (BOTH, False, False, None, ("auto", "auto"), ("openvino", "fp32")),
        (BOTH, True, False, None, ("auto", "auto"), ("openvino", "bf16")),
        (BOTH, True, False, "cpu", ("auto", "auto"), ("openvino", "bf16")),
        (BOTH, True, True, "cpu", ("auto", "auto"), ("openvino", "bf16")),
        (BOTH, True, True, None, ("auto", "auto"), ("torch", "fp32")),
        (BOTH, True, False, "cuda", ("auto", "auto"), ("torch", "fp32")),
        (BOTH, True, False, "cpu:0", ("auto", "auto"), ("torch", "fp32")),
        (("onnx",), True, False, None, ("auto", "auto"), ("onnx", "fp32")),
        (NEITHER, True, False, None, ("auto", "auto"), ("torch", "fp32")),
        (BOTH, True, False, None, ("auto", "fp32"), ("openvino", "fp32")),
        (BOTH, True, False, None, ("auto", "bf16"), ("openvino", "bf16")),
        (BOTH, True, True, None, ("auto", "bf16"), ("openvino", "bf16")),
        (BOTH, True, True, None, ("openvino", "auto"), ("openvino", "bf16")),
        (BOTH, True, True, "cpu", ("openvino", "fp32"), ("openvino", "fp32")),
        (BOTH, False, False, None, ("openvino", "auto"), ("openvino", "fp32")),
        (BOTH, True, False, None, ("onnx", "auto"), ("onnx", "fp32")),
        (BOTH, True, True, None, ("onnx", "fp32"), ("onnx", "fp32")),
        (BOTH, True, False, None, ("torch", "auto"), ("torch", "fp32")),
        (NEITHER, False, False, "cuda", ("torch", "fp32"), ("torch", "fp32")),
        ((*BOTH, "nncf"), True, True, None, ("auto", "int8"), ("openvino", "int8")),
        ((*BOTH, "nncf"), False, False, None, ("openvino", "int8"), ("openvino", "int8")),
        ((*BOTH, "nncf"), True, False, None, ("auto", "auto"), ("openvino", "bf16")),
    ],
)
def test_what_is_taken(machine, there, bf16, card, device, asked, expected):
    machine(*there, bf16=bf16, card=card)
    assert choose(*asked, device) == expected


@pytest.mark.parametrize(
    ("there", "device", "asked", "message"),
    [
        (BOTH, None, ("tensorflow", "auto"), "backend is 'tensorflow'; there are auto, torch, "),
        (BOTH, None, ("auto", "int4"), "precision 'int4' with backend 'auto'; there are auto"),
        (BOTH, None, ("auto", "int8"), r"int8 needs nncf, .*classifier\[int8\]"),
        (("nncf",), None, ("auto", "int8"), r"openvino is not installed"),
        (
            BOTH,
            None,
            ("torch", "int8"),
            "precision 'int8' with backend 'torch'; there are auto, fp",
        ),
        (BOTH, None, ("onnx", "int8"), "precision 'int8' with backend 'onnx'; there are auto"),
        (BOTH, None, ("torch", "bf16"), "precision 'bf16' with backend 'torch'; there are auto"),
        (BOTH, None, ("onnx", "bf16"), "precision 'bf16' with backend 'onnx'; there are auto"),
        (BOTH, None, ("openvino", "bf16"), "this CPU does not compute in bf16. Take --precision"),
        (BOTH, None, ("auto", "bf16"), "this CPU does not compute in bf16"),
        (BOTH, "cuda", ("openvino", "auto"), "openvino runs on the CPU, not on cuda. Leave --dev"),
        (BOTH, "mps", ("onnx", "fp32"), "onnx runs on the CPU, not on mps"),
        (BOTH, "cuda", ("auto", "bf16"), "openvino runs on the CPU, not on cuda"),
        (("onnx",), None, ("openvino", "auto"), r"openvino is not installed: .*classifier\[fast\]"),
        (("onnx",), None, ("auto", "bf16"), r"openvino is not installed"),
        (("openvino",), None, ("onnx", "auto"), r'onnx is not installed: .*classifier\[onnx\]"'),
    ],
)
def test_what_does_not_go_is_reported(machine, there, device, asked, message):
    machine(*there)
    with pytest.raises(EncoderError, match=message):
        choose(*asked, device)


def test_variables_stand_for_auto_and_only_for_auto(machine, monkeypatch):
    machine(*BOTH, bf16=True)
    monkeypatch.setenv("TEXTSHOT_BACKEND", " onnx ")
    assert choose("auto", "auto", None) == ("onnx", "fp32")
    assert choose("torch", "auto", None) == ("torch", "fp32")
    monkeypatch.setenv("TEXTSHOT_BACKEND", "")
    monkeypatch.setenv("TEXTSHOT_PRECISION", "fp32")
    assert choose("auto", "auto", None) == ("openvino", "fp32")
    assert choose("openvino", "bf16", None) == ("openvino", "bf16")
    monkeypatch.setenv("TEXTSHOT_PRECISION", "half")
    with pytest.raises(EncoderError, match="precision 'half' with backend 'auto'"):
        choose("auto", "auto", None)
    monkeypatch.setenv("TEXTSHOT_BACKEND", "fast")
    with pytest.raises(EncoderError, match="backend is 'fast'"):
        choose("auto", "auto", None)


def test_what_does_not_go_is_an_error_of_load_encoder_too(machine, tiny_folder):
    machine()
    with pytest.raises(EncoderError, match="onnx is not installed"):
        load_encoder(str(tiny_folder), backend="onnx")
    assert load_encoder(str(tiny_folder), device="cpu").runtime == "torch-fp32"
