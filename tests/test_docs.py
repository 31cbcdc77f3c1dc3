"""What the documents say of the program: links, names, commands and flags, and the example."""

from __future__ import annotations

import argparse
import ast
import functools
import re
import shlex
import tomllib
from pathlib import Path

import pytest

from shadow_mlx.cli.main import COMMANDS, command_module
from shadow_mlx.cli.options import Parser

ROOT = Path(__file__).resolve().parent.parent
README = ROOT / "README.md"
PAGES = sorted([README, ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")])
LINK = re.compile(r"\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^)\s]+)\)")
FENCED = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
OF_OTHERS = ("--extra", "--no-dev", "--renew", "--every")  # flags of uv and of our own tools

each_page = pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)


def text(page: Path) -> str:
    return page.read_text(encoding="utf-8")


def prose(page: Path) -> str:
    return FENCED.sub("", text(page))


def spans(page: Path) -> list[str]:
    """What stands between backticks, in one line each; outside of code blocks."""
    return [" ".join(span.split()) for span in re.findall(r"`([^`]+)`", prose(page))]


def blocks(page: Path, language: str = "") -> list[str]:
    return [body for kind, body in FENCED.findall(text(page)) if kind == language]


def anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@functools.cache
def names_in(file: Path) -> frozenset[str]:
    """Functions and classes of a file, and of its classes: ``load``, ``Loop``, ``Loop.run``."""
    found: set[str] = set()
    for node in ast.parse(text(file)).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            found.add(node.name)
        if isinstance(node, ast.ClassDef):
            inner = (
                one for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
            )
            found |= {f"{node.name}.{one.name}" for one in inner}
    return frozenset(found)


def test_the_front_page_is_short_and_has_its_commands() -> None:
    assert len(text(README).splitlines()) <= 120
    train = (
        "uv run shadow-mlx train --data models/sprout/data/robot-intents/train.jsonl --model sprout"
    )
    assert f"command -v uv >/dev/null || python3 -m pip install -q uv; {train}\n" in blocks(README)
    assert "uv run pytest\n" in blocks(README)
    assert text(README).count("<!-- robot-intents:start -->\n") == 1
    assert text(README).count("<!-- robot-intents:end -->\n") == 1


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    for _, target in LINK.findall(prose(page)):
        path, _, anchor = target.partition("#")
        if "://" in target:
            continue
        file = (page.parent / path) if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@each_page
def test_functions_that_are_linked_exist(page: Path) -> None:
    for name, target in LINK.findall(prose(page)):
        if target.endswith(".py"):
            # `train.run` is the function of a module that is imported by name
            bare = name.strip("`").removeprefix(f"{Path(target).stem}.")
            assert bare in names_in((page.parent / target).resolve()), f"{name} in {target}"


def test_equations_stand_beside_lines_of_the_code() -> None:
    page = ROOT / "docs" / "method.md"
    rows = [row.split(" | ") for row in prose(page).splitlines() if "](../shadow_mlx/" in row]
    rows = [row for row in rows if len(row) == 4]
    assert [row[0].strip("| ") for row in rows if row[0].strip("| ")] == list("123456789")
    for row in rows:
        [(_, target)] = LINK.findall(row[3])
        assert row[2].strip("`") in text((page.parent / target).resolve())


def test_the_map_names_what_is_there() -> None:
    [drawn] = [block for block in blocks(README) if "shadow_mlx/shadow/" in block]
    named = [line.split()[0] for line in drawn.splitlines()]
    assert all((ROOT / name).exists() for name in named)
    core = {f"shadow_mlx/{path.name}/" for path in (ROOT / "shadow_mlx").glob("[!_]*/")}
    assert core <= set(named)


def test_the_floors_are_those_that_are_checked() -> None:
    contracts = tomllib.loads(text(ROOT / "pyproject.toml"))["tool"]["importlinter"]["contracts"]
    floors = " ".join(layer for one in contracts for layer in one.get("layers", ()))
    expected = re.findall(r"shadow_mlx\.\w+", floors)
    named = prose(ROOT / "docs" / "architecture.md")
    assert expected
    assert [name for name in expected if f"`{name}`" not in named] == []


@functools.cache
def parser_of(command: str) -> Parser:
    parser = Parser(prog=f"shadow-mlx {command}")
    command_module(command).add_arguments(parser)
    return parser


def flags_of(parser: argparse.ArgumentParser) -> set[str]:
    found: set[str] = set()
    for action in parser._actions:
        found |= set(action.option_strings)
        if isinstance(action, argparse._SubParsersAction):
            for inner in action.choices.values():
                found |= flags_of(inner)
    return found


def commands_of(page: Path) -> list[str]:
    """Every ``shadow-mlx …`` of a page, without its comment."""
    lines = [line for block in blocks(page) for line in block.splitlines()]
    return [
        match[1].partition("  #")[0].strip()
        for line in [*lines, *spans(page)]
        if (match := re.search(r"(?:^|run |; |-n 2 |hosts\.json )shadow-mlx ([\w-].*)", line))
    ]


@each_page
def test_commands_are_understood(page: Path) -> None:
    problems: list[str] = []
    for line in commands_of(page):
        name, *arguments = shlex.split(line)
        if name in ("--help", "COMMAND"):
            continue
        assert name in COMMANDS, line
        if not arguments:
            continue
        try:
            parser_of(name).parse_args(arguments)
        except SystemExit as leaving:  # the help has code 0
            problems += [line] if leaving.code else []
    assert not problems


@each_page
def test_flags_are_known(page: Path) -> None:
    known = set(OF_OTHERS).union(*(flags_of(parser_of(name)) for name in COMMANDS))
    for span in spans(page):
        if span.startswith("--"):
            given = [word for word in span.split() if word.startswith("--")]
            assert set(given) <= known, span


def test_every_page_is_linked_from_the_front_page() -> None:
    linked = {target for _, target in LINK.findall(prose(README))}
    assert {f"docs/{page.name}" for page in (ROOT / "docs").glob("*.md")} <= linked


@each_page
def test_tests_that_are_named_exist(page: Path) -> None:
    named = [span for span in spans(page) if re.fullmatch(r"tests/[\w/]+\.py", span)]
    assert [name for name in named if not (ROOT / name).is_file()] == []


def test_each_feature_of_the_ui_has_its_state_and_its_test() -> None:
    lines = text(ROOT / "docs" / "tui-features.md").splitlines()
    rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]
    rows = [row for row in rows if row[0].isdecimal()]
    assert [row[0] for row in rows] == [str(i) for i in range(1, 26)]
    assert {row[2] for row in rows} <= {"have", "partly", "missing"}
    assert [row[1] for row in rows if row[2] == "have" and "`tests/" not in row[4]] == []
    assert sum(row[2] == "have" for row in rows) >= 23


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [example] = blocks(ROOT / "docs" / "python.md", "python")
    (tmp_path / "models").symlink_to(ROOT / "models")
    monkeypatch.chdir(tmp_path)
    said: list[tuple[object, ...]] = []
    exec(example, {"print": lambda *words: said.append(words)})
    assert str(said[0][0]).startswith("Fits")
    assert said[1][0] == 20
    assert [name for name, *_ in said[3:]] == ["base", "attached", "detached"]
