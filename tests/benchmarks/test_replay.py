"""The arithmetic of what drafting would give, by hand; and a replay of a tiny adapter."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks import replay
from benchmarks.replay import Costs, computed, lengths, lines, main, replayed, shaped

BY_HAND = Costs(bare=8.0, attached={1: 9.0, 3: 11.0, 5: 14.0}, shadow=1.0, choice=0.5)
"""A plain token takes 10: 9 for the pass and 1 for the shadow."""


def test_the_speed_up_is_what_a_hand_computes() -> None:
    assert BY_HAND.plain == 10
    assert BY_HAND.w(2) == pytest.approx(1.2)  # 11 + 1 of 10
    assert BY_HAND.c == pytest.approx(0.15)
    # Two drafts: three steps of the shadow, two choices and the pass are 3 + 1 + 11 = 15.
    assert BY_HAND.speed_up(2, tokens=2.4) == pytest.approx(2.4 * 10 / 15)
    assert BY_HAND.over_bare(2, tokens=2.4) == pytest.approx(2.4 * 8 / 15)
    # Four: 5 + 2 + 14 = 21.
    assert BY_HAND.speed_up(4, tokens=3.0) == pytest.approx(3.0 * 10 / 21)
    assert BY_HAND.best({2: 2.4, 4: 3.0}) == 2
    assert BY_HAND.best({2: 2.4, 4: 3.5}) == 4


def test_a_line_has_both_machines_and_their_best_in_bold() -> None:
    found = {2: replay.Replayed(2.4, (1, 2)), 4: replay.Replayed(3.0, (2, 2))}
    reading = Costs(bare=8.0, attached={1: 9.0, 3: 9.0, 5: 9.0}, shadow=1.0, choice=0.0)
    two, four = lines("4B", "text", found, BY_HAND, reading)
    assert (
        two == "| 4B | text | 2 | 2.40 | 1.20 | 0.150 | **1.60** | **1.28** | 0.100 | 2.00 | 1.60 |"
    )
    assert four.endswith("| 1.43 | 1.14 | 0.100 | **2.14** | **1.71** |")
    assert lengths("text", 2, [0, 2, 2, 1]) == (
        "text, 2 drafts: 0 to 2 of them taken in 25%, 25%, 50% of passes"
    )


def test_bytes_of_a_backbone_and_of_its_shadow() -> None:
    found = computed(shaped("4B"), tied=True)
    assert 2.2e9 < found.bare < 2.3e9  # four billion weights of 4.5 bits
    assert found.choice == 4096 * 2560 * 2
    assert found.attached[1] == found.attached[7]
    assert 0.01 < found.c < 0.03
    untied = computed(shaped("8B"), tied=False)
    assert untied.bare < 8.2e9 * 4.5 / 8 - 151_936 * 4096 * 4.5 / 8 + 1e8  # a row of one table


def test_each_pass_of_a_fixed_number_of_drafts_is_told(
    tiny_adapter: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = tmp_path / "test.jsonl"
    messages = [{"role": "user", "content": "say a"}, {"role": "assistant", "content": "a"}]
    data.write_text(json.dumps({"messages": messages}) + "\n")
    found = replayed(str(tiny_adapter), data, 1, 12)
    assert list(found) == list(replay.DRAFTS)
    for drafts, one in found.items():
        assert 1 <= one.tokens <= drafts + 1
        assert all(0 <= taken <= drafts for taken in one.accepted)
    small = (64, 4, 8, 128, True)
    monkeypatch.setitem(replay.BACKBONES, "4B", small)
    few = ["--limit", "1", "--max-tokens", "12", "--rounds", "3"]
    main(["--real", "tiny", str(tiny_adapter), str(data), "--shape", "4B", *few])
    said = capsys.readouterr().out
    assert said.count("\n| 4B | tiny |") == len(replay.DRAFTS)
    assert said.count("**") == 8  # two ratios on each machine
