"""The wire over the engine, without a process."""

from __future__ import annotations

from pathlib import Path

import pytest

from shadow_mlx.config import MODES
from shadow_mlx.errors import InputError
from shadow_mlx.runs.events import StopToken
from shadow_mlx.worker import messages as m
from shadow_mlx.worker.chatting import Chat

HELLO = [{"role": "user", "content": "hello"}]


def test_pieces_and_then_the_answer(tiny_adapter: Path) -> None:
    sent: list[m.Reply] = []
    chat = Chat(sent.append)
    loading, loaded = chat.serve(m.Load(1, None, str(tiny_adapter)), StopToken())
    assert isinstance(loading, m.Progress)
    assert isinstance(loaded, m.Loaded)
    assert loaded.modes == list(MODES)
    assert loaded.memory_bytes > 0
    for mode in MODES:
        sent.clear()
        request = m.Ask(2, mode, HELLO, {"max_tokens": 4, "thinking": "off"})
        (answered,) = chat.serve(request, StopToken())
        assert isinstance(answered, m.Answered)
        assert "".join(piece.text for piece in sent if isinstance(piece, m.Piece)) == answered.text
        assert (answered.mode, answered.tokens, answered.finish_reason) == (mode, 4, "length")
        assert answered.first_token_seconds > 0
        assert answered.positions == 2048
    stop = StopToken()
    stop.stop()
    (answered,) = chat.serve(m.Ask(3, "base", HELLO), stop)
    assert isinstance(answered, m.Answered)
    assert (answered.text, answered.finish_reason) == ("", "interrupted")


@pytest.mark.parametrize(
    ("request_", "says"),
    [
        (m.Ask(1, "base", HELLO), "no model is loaded"),
        (m.Load(1, None, "nowhere"), "no adapter in nowhere"),
        (m.ListModels(1), "does not know ListModels"),
    ],
)
def test_what_cannot_be_done_is_said(request_: m.Request, says: str) -> None:
    with pytest.raises(InputError, match=says):
        list(Chat(print).serve(request_, StopToken()))
