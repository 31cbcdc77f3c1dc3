"""The HTML report: self-contained, harmless whatever an answer holds, and complete."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

from shadow_mlx.evaluation.figures import columns
from shadow_mlx.evaluation.questions import Question
from shadow_mlx.evaluation.report import render, write_report
from shadow_mlx.evaluation.results import Comparison
from tests.evaluation.made import made_comparison, made_result

ROOT = Path(__file__).resolve().parents[3]
RIGHT = {
    "base": [False, True, False, True],
    "attached": [True, True, False, False],
    "detached": [True, False, False, True],
}
VOID = {"br", "input", "meta"}
HOSTILE = (
    '</script><script>alert(1)</script><img src=x onerror="alert(2)">\x1b[31m\x00\u202e\ud800&amp;'
)


class Page(HTMLParser):
    """A page as a parser sees it: its elements, the text in each, and what was left open."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
            self.texts.setdefault(tag, []).append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        for tag in set(self.open):
            self.texts[tag][-1] += data

    def all(self, tag: str, **attributes: str) -> list[dict[str, str | None]]:
        wanted = {name.rstrip("_").replace("_", "-"): value for name, value in attributes.items()}
        return [has for name, has in self.elements if name == tag and wanted.items() <= has.items()]


def _page(figures: dict[str, Any] | None = None) -> Page:
    page = Page(render(figures or made_comparison(RIGHT).to_mapping(), "2026-01-02 03:04"))
    assert page.open == []
    return page


def test_every_figure_of_every_model_stands_in_the_table() -> None:
    figures = made_comparison(RIGHT).to_mapping()
    page = _page(figures)
    for result in figures["results"]:
        assert result["name"] in page.texts["th"]
        for figure in columns(figures):
            assert figure.of(result) in page.texts["td"]
    assert {figure.title for figure in columns(figures)} <= set(page.texts["th"])


def test_the_matrix_holds_every_two_models_both_ways() -> None:
    page = _page()
    links = {
        (has["data-show"], has["data-first"], has["data-second"]): said
        for has, said in zip(page.all("a"), page.texts["a"], strict=True)
    }
    assert len(links) == 2 * 6
    assert links["fixed", "0", "1"] == links["regressed", "1", "0"].replace("REGRESSED", "FIXED")
    assert links["fixed", "0", "1"] == "FIXED 1"
    assert links["regressed", "1", "2"] == "REGRESSED 1"


def test_examples_carry_what_the_filters_look_at_and_say_who_was_right() -> None:
    page = _page()
    assert [has["data-right"] for has in page.all("details", class_="example")] == [
        "011", "110", "000", "101",
    ]  # fmt: skip
    summaries = page.texts["summary"]
    assert any("✔ right: attached, detached · ✘ wrong: base" in said for said in summaries)
    assert "perhaps not" in page.texts["ins"]  # nothing of it is expected
    assert "yes" in page.texts["del"]


def test_nothing_is_fetched_and_no_script_but_its_own_can_run() -> None:
    text = render(made_comparison(RIGHT).to_mapping())
    assert not re.search(r"https?:|//[a-z]|@import|url\(|\bsrc=|<link", text.replace("</", "<"))
    page = Page(text)
    (policy,) = page.all("meta", http_equiv="Content-Security-Policy")
    allowed = dict(part.strip().split(" ", 1) for part in str(policy["content"]).split(";"))
    assert allowed["default-src"] == "'none'"
    for kind, tag in (("style-src", "style"), ("script-src", "script")):
        (content,) = page.texts[tag]
        digest = base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()
        assert allowed[kind] == f"'sha256-{digest}'"
    assert not any(
        name == "style" or name.startswith("on") for _, has in page.elements for name in has
    )


def test_who_answers_has_its_colour_in_tables_plots_and_answers() -> None:
    page = _page()
    for name in RIGHT:
        way = f"way-{name}"
        assert f"--{way}: #" in page.texts["style"][0]
        assert len(page.all("th", class_=way)) == 2
        assert len(page.all("rect", class_=f"bar {way}")) == 2
        points = [*page.all("circle"), *page.all("path")]
        assert sum(has.get("class") == f"point {way}" for has in points) == 3
        assert len(page.all("span", class_=way)) == 4  # of each example


def test_right_and_wrong_have_colours_of_their_own() -> None:
    page = _page()
    assert {has["class"] for has in page.all("span")} >= {"better", "worse"}


def test_hostile_text_stays_text_wherever_it_comes_from() -> None:
    hostile = dataclasses.replace(
        made_result("attached", [False]), name=HOSTILE, answers=(HOSTILE,)
    )
    question = Question(1, HOSTILE, (), "expected " + HOSTILE)
    figures = Comparison(HOSTILE, (question,), (made_result("base", [False]), hostile)).to_mapping()
    text = render(figures)
    page = Page(text)
    assert len(page.all("script")) == 1
    assert page.all("img") == []
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\ud800-\udfff]", text)
    assert any("␛[31m␀\\u202e\\ud800&amp;" in said for said in page.texts["dd"])


def test_it_can_be_read_without_eyes_or_colours() -> None:
    page = _page()
    assert page.all("html", lang="en")
    assert all(has.get("scope") in ("row", "col") for has in page.all("th"))
    assert len(page.texts["caption"]) == len(page.all("table")) == 2
    ids = [has["id"] for _, has in page.elements if "id" in has]
    assert len(ids) == len(set(ids))
    drawings = page.all("svg")
    assert len(drawings) == 5
    for has in drawings:
        assert set(str(has["aria-labelledby"]).split()) <= set(ids)
    assert any("attached: 50.0%" in said for said in page.texts["desc"])
    controls = len(page.all("select")) + len(page.all("input"))
    assert controls == len(page.all("label")) == 4


def test_a_stopped_comparison_says_that_it_is_partial() -> None:
    figures = made_comparison(
        {"base": [True, False], "attached": [True, None]}, stopped=True
    ).to_mapping()
    page = _page(figures)
    assert any("partial" in said and "attached answered 1 of 2" in said for said in page.texts["p"])
    assert [has["data-right"] for has in page.all("details", class_="example")] == ["11", "0-"]
    assert "partial" not in " ".join(_page().texts["p"])


def test_one_model_alone_and_figures_that_are_no_numbers() -> None:
    result = made_result(
        "base", [False], loss=float("inf"), perplexity=float("inf"), decode_tps=0.0
    )
    question = Question(1, "q", (), "yes")
    page = _page(Comparison("f", (question,), (result,)).to_mapping())
    assert "There is only one model." in page.texts["p"]
    assert "Right answers (exact) against speed: not measured." in page.texts["p"]
    assert page.texts["td"].count("–") >= 2


def test_long_texts_are_cut_and_it_says_so() -> None:
    result = made_result("base", [False], answers=("word " * 2000,))
    page = _page(Comparison("f", (Question(1, "q", (), "yes"),), (result,)).to_mapping())
    assert any("6,000 more characters" in said for said in page.texts["dd"])


def test_five_hundred_examples_of_three_models_stay_small() -> None:
    expected = '{"intent": "bring", "object": "red cup", "from": "kitchen", "to": "hall"}'
    wrong = '{"intent": "carry", "object": "blue cup", "from": "cellar", "to": "attic"}'
    asked = "Would you be so kind as to bring me the red cup from the kitchen to the hall, please?"
    questions = tuple(Question(i + 1, f"{asked} {i}", (), expected) for i in range(500))
    results = tuple(
        made_result(name, [False] * 500, answers=(wrong,) * 500)
        for name in ("base", "attached", "detached")
    )
    text = render(Comparison("test.jsonl", questions, results).to_mapping())
    assert len(text.encode()) < 1_500_000


def test_intervals_and_chances_are_drawn_and_said() -> None:
    flags = {"base": [False] * 10, "attached": [True] * 9 + [False], "lora": [False] * 9 + [True]}
    figures = made_comparison(flags).to_mapping()
    page = _page(figures)
    assert len(page.all("path", class_="whisker")) == 3 * 3 + 3 * 3  # three bars, three scatters
    assert "attached against base: 9 FIXED, 0 REGRESSED" in " ".join(page.texts["li"])
    coloured = [has["class"] for has in page.all("td") if has.get("class")]
    # attached against both others; one FIXED of ten, lora against base, says nothing
    assert sorted(coloured) == ["better-4", "better-4", "worse-4", "worse-4"]


def test_rivals_have_marks_of_their_own() -> None:
    results = tuple(
        made_result(name, [True, False], mode=mode)
        for name, mode in (("base", "base"), ("lora", "lora"), ("model x", "model"))
    )
    questions = (Question(1, "q", (), "yes"), Question(2, "q", (), "yes"))
    page = _page(Comparison("f", questions, results).to_mapping())
    assert len(page.all("path", class_="point way-other-1")) == 2 * 3
    assert len(page.all("circle", class_="point way-base")) == 3


def test_it_is_written_whole_with_its_date(tmp_path: Path) -> None:
    path = tmp_path / "new" / "report.html"
    write_report(path, made_comparison(RIGHT).to_mapping())
    page = Page(path.read_text(encoding="utf-8"))
    dated = re.compile(r"shadow-mlx compare, \d{4}-\d\d-\d\d \d\d:\d\d")
    assert any(map(dated.search, page.texts["p"]))
    assert [entry.name for entry in path.parent.iterdir()] == ["report.html"]


def test_it_needs_no_mlx() -> None:
    code = (
        "import sys, shadow_mlx.evaluation.report, shadow_mlx.evaluation.contenders\n"
        "heavy = {'mlx', 'mlx_lm', 'transformers'} & {n.split('.')[0] for n in sys.modules}\n"
        "assert not heavy, heavy\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
