"""What the tests write into a model folder."""

import json

from textshot.encoders.fingerprint import ModelConfig

MODULES = ("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")


def write_json(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content), encoding="utf-8")


def write_modules(folder, modules=MODULES, package="sentence_transformers.models"):
    entries = [
        {"idx": i, "name": str(i), "path": path, "type": f"{package}.{kind}"}
        for i, (kind, path) in enumerate(modules)
    ]
    write_json(folder / "modules.json", entries)


def model_fingerprint(folder, **settings):
    return ModelConfig(folder, "a model", "a folder", **settings).fingerprint()
