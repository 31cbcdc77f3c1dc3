"""Of more tokens than there is room for, the most frequent are kept."""

from shadow_mlx.shadow.draft_tokens import MOST, DraftTokens


def test_no_more_than_there_is_room_for() -> None:
    ids, counts = range(3, 3 + MOST + 7), range(MOST + 7, 0, -1)
    found = DraftTokens.of(ids, counts)
    assert found.ids == tuple(range(3, 3 + MOST))
    assert found.counts == tuple(range(MOST + 7, 7, -1))
    assert DraftTokens.of((5,), (2,)) == DraftTokens((5,), (2,))
