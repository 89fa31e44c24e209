"""Every name of Python and every option that README and the guides mention exists."""

from __future__ import annotations

import ast
import inspect
import re
import shlex
import typing
from collections.abc import Iterator
from pathlib import Path
from pkgutil import resolve_name

import click
import pytest

import textshot
from textshot.cli import main
from textshot.client import Client

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
CLASSES = {name: getattr(textshot, name) for name in textshot.__all__}
CLASSES = {name: value for name, value in CLASSES.items() if isinstance(value, type)}
CLASSES["Client"] = Client
VARIABLES = {
    "category": CLASSES["Category"],
    "classifier": CLASSES["OneShotClassifier"],
    "client": Client,
    "encoder": CLASSES["Encoder"],
    "engine": CLASSES["Engine"],
    "index": CLASSES["Index"],
    "match": CLASSES["Match"],
    "prediction": CLASSES["Prediction"],
}
"""What a variable of this name holds in our documents, unless the block says otherwise."""

FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.DOTALL | re.MULTILINE)
SPAN = re.compile(r"(?<!`)`([^`\n]+)`(?!`)")
DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+(?=\(|$)")
FILES = re.compile(r"\.(csv|html|json|jsonl|md|py|service|toml|txt|yaml)$")
COMMAND = re.compile(r"(?:^|[|;&(]|\s--)\s*(?:\$ )?textshot ([^|;&\n]*)", re.MULTILINE)
OPTION = re.compile(r"--?[a-z][\w-]*")


def problems(text: str) -> list[str]:
    """Return what a document mentions and textshot does not have."""
    spans = SPAN.findall(FENCE.sub("", text))
    fences = FENCE.findall(text)
    commands = [span.removeprefix("$ ") for span in spans if re.match(r"(\$ )?textshot ", span)]
    for language, body in fences:
        if language in ("sh", "bash"):
            commands += shell_commands(body)
        elif language == "console":
            commands += shell_commands("\n".join(prompted(body)))
    return [
        *(problem for span in spans for problem in in_span(span)),
        *(
            problem
            for language, body in fences
            if language == "python"
            for problem in in_code(body)
        ),
        *(problem for command in commands for problem in in_command(command)),
    ]


def prompted(body: str) -> Iterator[str]:
    """Yield the commands of a console block, with the lines that continue them."""
    continued = False
    for line in body.splitlines():
        if continued or line.startswith("$ "):
            yield line.removeprefix("$ ")
            continued = line.endswith("\\")


def shell_commands(body: str) -> list[str]:
    return ["textshot " + rest for rest in COMMAND.findall(re.sub(r"\\\n\s*", "", body))]


def in_command(command: str) -> Iterator[str]:
    """Yield the unknown command, or the options that the command does not have."""
    try:
        words = shlex.split(command, comments=True)[1:]
    except ValueError:
        words = command.split()[1:]
    found: click.Command = main
    while words and isinstance(found, click.Group) and not words[0].startswith("-"):
        word = words.pop(0)
        if not re.fullmatch(r"[a-z-]+", word):  # a placeholder: `textshot COMMAND --help`
            return
        if word not in found.commands:
            yield f"{command}: there is no command {word}"
            return
        found = found.commands[word]
    for word in words:
        name = word.partition("=")[0]
        if OPTION.fullmatch(name) and name not in options_of(found):
            yield f"{command}: there is no option {name}"


def options_of(command: click.Command) -> set[str]:
    options = {o for p in command.params for o in (*p.opts, *p.secondary_opts)}
    return options | {"--help", *(["--version"] if command is main else [])}


def all_options(command: click.Command = main) -> set[str]:
    below = command.commands.values() if isinstance(command, click.Group) else ()
    return options_of(command).union(*(all_options(one) for one in below))


def in_span(span: str) -> Iterator[str]:
    """Yield the unknown option, command or name of a piece of code in prose."""
    words = span.split()
    if OPTION.fullmatch(words[0].partition("=")[0]):
        names = (word.partition("=")[0] for word in words)
        yield from (
            f"{span}: no command has {name}"
            for name in names
            if OPTION.fullmatch(name) and name not in all_options()
        )
    elif words[0] in main.commands and any(word.startswith("--") for word in words):
        yield from in_command(f"textshot {span}")
    elif (dotted := DOTTED.match(span)) and not FILES.search(dotted[0]):
        yield from in_code(span) if "(" in span else in_code(dotted[0])


def in_code(code: str) -> Iterator[str]:
    """Yield the attributes, imports and keywords of a piece of Python that do not exist."""
    try:
        tree = ast.parse(code)
    except SyntaxError:
        yield f"{code}: this is no Python"
        return
    names = VARIABLES | CLASSES | bound_elsewhere(tree)
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "textshot":
            for alias in node.names:
                yield from unresolved(f"{node.module}:{alias.name}")
        elif isinstance(node, ast.Attribute):
            yield from unknown_attribute(node, names)
        elif isinstance(node, ast.Call):
            yield from unknown_keywords(node, names)


def unknown_attribute(node: ast.Attribute, names: dict[str, typing.Any]) -> Iterator[str]:
    chain, owner = ast.unparse(node), type_of(node.value, names)
    if re.fullmatch(r"textshot(\.\w+)+", chain):
        yield from unresolved(chain)
    if owner is not None and node.attr not in members(owner):
        yield f"{chain}: {owner.__name__} has no {node.attr}"


def bound_elsewhere(tree: ast.AST) -> dict[str, type | None]:
    """Return the variables that a block makes itself: by a class of ours, or unknown."""
    bound: dict[str, type | None] = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.For | ast.comprehension):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            value = node.value if isinstance(node, ast.Assign) else None
            for target in targets:
                for name in ast.walk(target):
                    if isinstance(name, ast.Name) and name.id not in VARIABLES:
                        bound[name.id] = None if value is None else type_of(value, CLASSES)
    return bound


def type_of(node: ast.AST, names: dict[str, typing.Any]) -> type | None:
    """Return the class of ours that an expression is, or is made of; None: not known."""
    if isinstance(node, ast.Name):
        return names.get(node.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return CLASSES.get(node.func.id)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
        owner = type_of(node.func.value, names)
        return None if owner is None else returned(getattr(owner, node.func.attr, None), owner)
    if isinstance(node, ast.Attribute):
        owner = type_of(node.value, names)
        return None if owner is None else attribute_type(owner, node.attr)
    return None


def attribute_type(owner: type, name: str) -> type | None:
    value = inspect.getattr_static(owner, name, None)
    if isinstance(value, property):
        return returned(value.fget, owner)
    hints = [owner, owner.__init__]
    found = [h[name] for hint in hints for h in [hints_of(hint)] if name in h]
    return found[0] if found and isinstance(found[0], type) else None


def returned(function: typing.Any, owner: type) -> type | None:
    kind = hints_of(function).get("return")
    return owner if kind is typing.Self else kind if kind in CLASSES.values() else None


def hints_of(thing: typing.Any) -> dict[str, typing.Any]:
    try:
        return typing.get_type_hints(getattr(thing, "__func__", thing))
    except (TypeError, NameError):
        return {}


def members(owner: type) -> set[str]:
    """Return the attributes of a class and of its instances."""
    found = set(dir(owner))
    for base in owner.__mro__[:-1]:
        found |= set(vars(base).get("__annotations__", {}))
        try:
            tree = ast.parse(inspect.getsource(base))
        except (OSError, TypeError, SyntaxError):
            continue
        found |= {
            node.attr
            for node in ast.walk(tree)
            if isinstance(node, ast.Attribute)
            and isinstance(node.ctx, ast.Store)
            and isinstance(node.value, ast.Name)
            and node.value.id == "self"
        }
    return found


def unknown_keywords(node: ast.Call, names: dict[str, typing.Any]) -> Iterator[str]:
    function = node.func
    if isinstance(function, ast.Attribute):
        owner = type_of(function.value, names)
        target = None if owner is None else getattr(owner, function.attr, None)
    else:
        target = CLASSES.get(getattr(function, "id", ""))
    try:
        parameters = inspect.signature(target).parameters if target else {}
    except (TypeError, ValueError):
        return
    if not parameters or any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        return
    for keyword in node.keywords:
        if keyword.arg and keyword.arg not in parameters:
            yield f"{ast.unparse(node)}: there is no argument {keyword.arg}"


def unresolved(name: str) -> Iterator[str]:
    try:
        resolve_name(name)
    except (ImportError, AttributeError):
        yield f"{name.replace(':', '.')} cannot be imported"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_what_a_document_mentions_exists(page: Path):
    assert problems(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("`engine.categorize(frame)` for pandas", "Engine has no categorize"),
        ("```python\nengine.categorize(frame)\n```", "Engine has no categorize"),
        ("`Engine.categorise`", "Engine has no categorise"),
        ("`engine.index.stat`", "Index has no stat"),
        ("`engine.classify(texts, adapted=True)`", "no argument adapted"),
        ("`textshot.batch.sort`", "textshot.batch.sort cannot be imported"),
        ("```python\nfrom textshot import Sorter\n```", "textshot.Sorter cannot be imported"),
        ("```python\nPrediction.probabilities\n```", "Prediction has no probabilities"),
        ("`textshot sort`", "no command sort"),
        ("`textshot classify my-index --adapt`", "no option --adapt"),
        ("`labels list --jsonl`", "no option --jsonl"),
        ("`--sort`", "no command has --sort"),
        ("```console\n$ textshot index a.csv \\\n    --sorted\nsaved\n```", "no option --sorted"),
        ("```sh\ncat texts | textshot classify my-index --all\n```", "no option --all"),
        ("`engine.classify(texts)`, `engine.index`, `--json`, `index.json`", None),
        ("```console\n$ textshot info my-index --json | tail -n 3\n--sorted\n```", None),
        ("```python\nmodel.sort(texts)\nfor row in engine.classify(texts):\n    row.x\n```", None),
    ],
)
def test_a_name_that_does_not_exist_is_reported(text: str, problem: str | None):
    reported = problems(text)
    if problem is None:
        assert reported == []
    else:
        assert len(reported) == 1
        assert problem in reported[0]
