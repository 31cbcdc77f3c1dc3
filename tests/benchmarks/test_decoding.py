"""All ways to decode, asked in turn: on a tiny model, so that the bench does not rot."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

import pytest

from benchmarks.decoding import Contender, asked_in, main, of_program, started
from shadow_mlx.data.chat.chat_format import ChatFormat
from shadow_mlx.generation.conversation import Conversation
from shadow_mlx.loading import load_tokenizer

ASKED = {"role": "user", "content": "say a"}

OTHER_PROGRAM = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print("first", flush=True)
    print("first", flush=True)
    print(min(len(asked["prompt"]), asked["max_tokens"]), flush=True)
"""


def test_each_way_is_asked_at_each_temperature(
    tiny_adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    data = tmp_path / "test.jsonl"
    messages = [ASKED, {"role": "assistant", "content": "a"}]
    data.write_text((json.dumps({"messages": messages}) + "\n") * 3)
    options = ["--adapter-path", str(tiny_adapter), "--data", str(data), "--temp=0", "--temp=0.7"]
    main([*options, "--limit", "2", "--max-tokens", "6"])
    said = capsys.readouterr().out
    heads = re.findall(r"^temperature .*", said, re.M)
    assert heads == ["temperature 0, 2 questions", "temperature 0.7, 2 questions"]
    first = said.split("temperature 0.7")[0]
    assert re.findall(r"^  (\S.*?)  ", first, re.M) == [
        *("base", "base, mlx-lm", "attached", "drafts, mlx-lm", "drafts", "detached")
    ]
    assert "  base            1.00 × the backbone's tokens/s" in first
    assert "tokens a pass" in first
    main([*options[:4], "--limit", "1", "--drafts", "3"])
    [drafted] = re.findall(r"of (\d+) drafts right", capsys.readouterr().out)
    assert int(drafted) > 0
    assert int(drafted) % 3 == 0


def test_prose_is_continued_with_drafts_and_without(
    tiny_adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    prose = tmp_path / "prose.md"
    prose.write_text(f"# A head\n\n{'word ' * 20}\n\nToo short.\n\n{'other ' * 13}\n")
    assert asked_in(prose, 5) == [("word " * 12).strip(), ("other " * 12).strip()]
    options = ["--adapter-path", str(tiny_adapter), "--data", str(prose), "--max-tokens", "6"]
    main([*options, "--unknown"])
    said = capsys.readouterr().out
    assert "× plain attached, the median of 2 answers" in said
    assert "the backbone's" not in said
    with pytest.raises(SystemExit):
        main(options)
    assert "prose is for --unknown" in capsys.readouterr().err


def test_another_program_is_asked_line_by_line(tiny_backbone: Path) -> None:
    form = ChatFormat(load_tokenizer(tiny_backbone))
    question = Conversation.from_messages([ASKED])
    with started([sys.executable, "-c", OTHER_PROGRAM]) as program:
        contender = Contender(of_program(program, form))
        for _ in range(2):
            contender.ask(question, 5, 0.0)
    assert [tokens for tokens, *_ in contender.figures] == [4, 4]  # behind the first of five
    with started([sys.executable, "-c", "input()"]) as program, pytest.raises(RuntimeError):
        Contender(of_program(program, form)).ask(question, 5, 0.0)


def test_the_processors_time_is_not_another_programs(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["--data", "none.jsonl", "--cpu-time", "--peft", "python"])
    assert "leave --peft out" in capsys.readouterr().err
