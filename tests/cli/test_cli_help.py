"""Help pages, exit codes and variables."""

import json
import re
import shlex

import click
import pytest
from help_pages import PAGE, page

from textshot import __version__
from textshot.cli import main


def commands(group=main, names=()):
    for name, command in group.commands.items():
        yield (*names, name)
        if isinstance(command, click.Group):
            yield from commands(command, (*names, name))


COMMANDS = sorted(commands())
LEAVES = [
    ("categorize",),
    ("check",),
    ("classify",),
    ("completion",),
    ("correct",),
    ("demo",),
    ("distill",),
    ("evaluate",),
    ("explain",),
    ("hub", "pull"),
    ("hub", "push"),
    ("import", "classy"),
    ("import", "semantic-router"),
    ("import", "setfit"),
    ("index",),
    ("info",),
    ("labels", "add"),
    ("labels", "edit"),
    ("labels", "export"),
    ("labels", "list"),
    ("labels", "merge"),
    ("labels", "remove"),
    ("labels", "rename"),
    ("map",),
    ("rollback",),
    ("serve",),
    ("suggest",),
    ("train",),
    ("tune",),
]


def test_these_are_the_commands():
    assert sorted([*LEAVES, ("hub",), ("import",), ("labels",)]) == COMMANDS


@pytest.mark.parametrize("names", COMMANDS, ids=" ".join)
@pytest.mark.parametrize("flag", ["--help", "-h"])
def test_each_help_page_has_a_worked_example_on_lines_of_its_own(run, names, flag):
    shown = run(*names, flag).stdout
    assert "\\b" not in shown
    assert re.search(rf"^  Examples?:\n    .*textshot {' '.join(names)} ", shown, re.MULTILINE)


@pytest.mark.parametrize("names", LEAVES, ids=" ".join)
def test_the_examples_of_help_pages_parse(run, names):
    shown = run(*names, "--help").stdout
    examples = re.findall(r"^    (?:cat .* \| )?textshot (.*)$", shown, re.MULTILINE)
    assert examples
    for example in examples:
        command, words = main, shlex.split(example)
        for name in names:
            assert words.pop(0) == name
            command = command.commands[name]
        command.make_context(names[-1], words)  # raises where an option is not known


def test_the_first_page_shows_the_way_and_each_option_says_what_it_does(run):
    shown = run("--help").stdout
    assert "    textshot index categories.csv -o my-index\n    textshot classify" in shown
    for names in COMMANDS:
        command = main
        for name in names:
            command = command.commands[name]
        assert all(p.help for p in command.params if isinstance(p, click.Option))


def test_the_version_is_the_one_of_the_package(run):
    assert run("--version").stdout == f"textshot, version {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["classify"], ["index", "c.csv"]])
def test_wrong_usage_ends_with_2(run, arguments):
    result = run(*arguments, code=2)
    assert "Usage: " in result.stderr
    assert result.stdout == ""


def first(result):
    return json.loads(result.stdout.splitlines()[0])


@pytest.mark.parametrize("name", ["TEXTSHOT_ENCODER", "TEXTSHOT_INDEX_ENCODER"])
def test_the_encoder_can_be_set_by_a_variable(run, categories, name):
    result = run("index", categories, "-o", "made", "--json", env={name: "hashing"})
    assert first(result)["encoder"] == "hashing"
    assert first(run("classify", "made", "money", "--json", env={name: "hashing"}))["label"]


def test_the_variable_of_one_command_comes_before_the_shared_one(run, categories):
    env = {"TEXTSHOT_ENCODER": "./nowhere", "TEXTSHOT_INDEX_ENCODER": "hashing"}
    run("index", categories, "-o", "made", env=env)
    result = run("classify", "made", "money", env=env, code=1)
    assert "there is no encoder './nowhere'" in result.stderr


def test_the_command_line_comes_before_a_variable(run, index):
    result = run("classify", index, "money", "--json", "-k", "2", env={"TEXTSHOT_CLASSIFY_K": "1"})
    assert len(first(result)["matches"]) == 2


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("K", "1", '"matches": [{"label": "late parcel"'),
        ("JSON", "1", '{"text": "my parcel"'),
        ("THRESHOLD", "0.99", '"label": null'),
        ("THRESHOLD", "none", '"threshold": null'),
        ("NO_UNKNOWN", "1", '"threshold": null'),
    ],
)
def test_each_option_has_a_variable_called_after_it(run, index, name, value, shown):
    options = [] if name == "JSON" else ["--json"]
    env = {f"TEXTSHOT_CLASSIFY_{name}": value}
    result = run("classify", index, "my parcel", *options, env=env)
    assert shown in result.stdout
    if name == "K":
        assert len(first(result)["matches"]) == 1


def test_the_variables_of_the_documents_are_those_of_the_options():
    names = set()

    def walk(command):
        for option in command.params:
            if isinstance(option, click.Option):
                names.update(option.envvar or ())
        for member in getattr(command, "commands", {}).values():
            walk(member)

    walk(main)
    assert not {"TEXTSHOT_VERSION", "TEXTSHOT_HELP"} & names
    assert {
        "TEXTSHOT_ENCODER",
        "TEXTSHOT_VERBOSE",
        "TEXTSHOT_INDEX_TEXT_COLUMN",
        "TEXTSHOT_CATEGORIZE_TEXT_COLUMN",
        "TEXTSHOT_CATEGORIZE_FORMAT",
        "TEXTSHOT_EVALUATE_LABEL_COLUMN",
        "TEXTSHOT_LABELS_REMOVE_PURGE",
        "TEXTSHOT_ROLLBACK_TO",
    } <= names
    assert all(re.fullmatch("TEXTSHOT_[A-Z_]+", name) for name in names)


def test_a_bad_variable_is_wrong_usage_and_names_the_variable(run, index):
    result = run("classify", index, "money", env={"TEXTSHOT_CLASSIFY_K": "many"}, code=2)
    assert "'many' is not a valid integer" in result.stderr


def test_the_page_of_the_command_line_shows_every_help_page():
    assert PAGE.read_text(encoding="utf-8") == page(), "write it again: make cli-docs"
