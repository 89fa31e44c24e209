"""Every hostile file by every way: no traceback, no row lost, and the same outcome."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner, Result
from hostile_files import HostileFile, hostile_files

from textshot import Engine
from textshot.batch import categorize_frame
from textshot.cli import main
from textshot.errors import TextshotError
from textshot.io.values import SURROGATES
from textshot.testing import toy_engine

sys.path.insert(0, str(Path(__file__).parent / "service"))
from inside import ask

FILES = hostile_files()
pytestmark = pytest.mark.filterwarnings("ignore::textshot.errors.TableWarning")
each_file = pytest.mark.parametrize("file", FILES, ids=[file.name for file in FILES])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("hostile") / "index"
    toy_engine(threshold=0.25).save(path)
    return path


@pytest.fixture(scope="module")
def engine(index: Path) -> Engine:
    return Engine.load(index)


@pytest.fixture(scope="module")
def answers(index: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Any, Any]]:
    """What the service says of each file: the response, and the progress at the end."""
    folder = tmp_path_factory.mktemp("uploads")

    async def send(client: httpx.AsyncClient, file: HostileFile) -> tuple[Any, Any]:
        query = {"name": file.name, "output": "jsonl", "allow_rejected": True, **file.options}
        headers = {"Content-Type": "application/octet-stream", "X-Request-ID": "one"}
        content = file.make(folder).read_bytes()
        response = await client.post("/v1/files", params=query, content=content, headers=headers)
        return response, (await client.get("/v1/files/one")).json()

    async def body(client: httpx.AsyncClient, service: object) -> dict[str, tuple[Any, Any]]:
        return {file.name: await send(client, file) for file in FILES if file.uploaded}

    return ask({"toy": index}, body)


def run(*words: object, file: HostileFile) -> Result:
    """Run a command, which may fail but must not break."""
    options = [f"--{name}={value}" for name, value in file.options.items()]
    result = CliRunner().invoke(main, [*map(str, words), *options])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    assert result.exit_code in (0, 1), result.output
    assert "Traceback" not in result.output
    return result


def assert_refused(file: HostileFile, message: str) -> None:
    assert file.refused, f"refused: {message}"
    assert re.search(file.refused, message), message


def labels_of(engine: Engine, texts: Any) -> list[str]:
    return [prediction.label or "unknown" for prediction in engine.classify(list(texts))]


def as_text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def answered_rows(lines: str) -> list[tuple[str, str]]:
    # Not splitlines: texts hold other line breaks. Numbers keep their digits.
    rows = [json.loads(line, parse_float=str) for line in lines.split("\n")[:-1]]
    names = [
        next(name for name in row if name.strip().lower() in ("text", "message")) for row in rows
    ]
    added = [name for name in ("label_textshot", "label") if rows and name in rows[0]]
    return [(as_text(row[name]), row[added[0]]) for row, name in zip(rows, names, strict=True)]


def n_lines(path: Path) -> int:
    """Count the rows of a table below its header, by a reader that is not ours."""
    if not path.exists():
        return 0
    with path.open(encoding="utf-8", newline="") as stream:
        return sum(1 for _ in csv.reader(stream)) - 1


@each_file
def test_categorize(file: HostileFile, engine: Engine, index: Path, tmp_path: Path):
    output = tmp_path / "out.jsonl"
    result = run("categorize", index, file.make(tmp_path), "-o", output, file=file)
    rows = answered_rows(output.read_text(encoding="utf-8")) if output.exists() else []
    n_rejected = n_lines(tmp_path / "out.jsonl.rejects.csv")
    if file.refused:
        assert result.exit_code == 1
        assert_refused(file, result.output)
        assert len(rows) in (0, len(file.texts))  # what comes before the damage
        return
    assert [text for text, _ in rows] == list(file.texts)
    assert [label for _, label in rows] == labels_of(engine, file.texts)
    assert n_rejected == file.rejected
    assert len(rows) + n_rejected == file.rows
    assert result.exit_code == (1 if file.rejected > len(file.texts) else 0), result.output


@pytest.mark.parametrize(
    "file", [f for f in FILES if f.uploaded], ids=[f.name for f in FILES if f.uploaded]
)
def test_upload(file: HostileFile, engine: Engine, answers: dict[str, tuple[Any, Any]]):
    response, progress = answers[file.name]
    if response.status_code == 422:
        error = response.json()["error"]
        assert error["code"] == "unreadable_file"
        assert file.refused, error["message"]
        return
    assert response.status_code == 200
    assert not file.refused, response.text
    rows = answered_rows(response.text)
    assert [text for text, _ in rows] == list(file.texts)
    assert [label for _, label in rows] == labels_of(engine, file.texts)
    assert (progress["state"], progress["rows"]) == ("done", file.rows)
    assert progress["rejected"] == file.rejected


@each_file
def test_evaluate(file: HostileFile, index: Path, tmp_path: Path):
    words = ("evaluate", index, file.make(tmp_path), "--include-learned", "--json")
    result = run(*words, file=file)
    if result.exit_code == 0:
        counts = json.loads(result.stdout)
        assert not file.refused
        assert file.labelled
        assert counts["n"] == len(file.texts) - file.bad_labels
        assert counts["rejected"] == file.rejected + file.bad_labels
    elif file.refused:
        assert_refused(file, result.output)
    elif file.texts and file.rejected <= len(file.texts):
        assert not file.labelled, result.output


@each_file
def test_index(file: HostileFile, tmp_path: Path):
    words = ("index", file.make(tmp_path), "-o", tmp_path / "new", "--encoder", "hashing")
    result = run(*words, file=file)
    if result.exit_code == 1:
        assert not (tmp_path / "new").exists()
        if file.refused:
            assert_refused(file, result.output)
        elif file.texts and file.labelled:  # all or nothing: a row that is not learned is named
            assert file.rejected or file.bad_labels, result.output
            assert file.name in result.output
        return
    assert not file.refused
    if file.labelled:  # else each line is the name of a category
        examples = [e.text for c in Engine.load(tmp_path / "new").categories for e in c.examples]
        assert set(examples) == {SURROGATES.sub("\ufffd", text) for text in file.texts}


def frame_of(file: HostileFile, path: Path) -> pa.Table:
    """Return the table that a user would have of this file."""
    if path.suffix == ".parquet":
        return pq.read_table(path)
    return pa.table({"text": pa.array([*file.texts, *[None] * file.rejected], pa.string())})


@pytest.mark.parametrize(
    "as_frame",
    [lambda t: t, lambda t: t.to_pandas(), lambda t: t.to_batches()[0]],
    ids=["table", "pandas", "batch"],
)
@each_file
def test_frame(
    file: HostileFile, as_frame: Callable[[pa.Table], Any], engine: Engine, tmp_path: Path
):
    path = file.make(tmp_path)
    try:
        frame = as_frame(frame_of(file, path))
    except (pa.ArrowException, OSError, IndexError, ValueError):
        return  # the user has no frame of this file
    try:
        answered = categorize_frame(frame, engine)
    except TextshotError as error:
        assert_refused(file, str(error))
        return
    names = list(answered.schema.names if hasattr(answered, "schema") else answered.columns)
    column = answered["label_textshot" if "label_textshot" in names else "label"]
    labels = column.tolist() if hasattr(column, "tolist") else column.to_pylist()
    known = [label for label in labels if isinstance(label, str)]
    assert len(labels) == frame.shape[0]
    if not file.refused:
        assert known == labels_of(engine, file.texts)
        assert len(labels) - len(known) == file.rejected
