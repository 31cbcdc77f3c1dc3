"""The table of architectures in the documents is the matrix."""

from __future__ import annotations

from tests.architectures.families import FAMILIES, TRIMS, UNBATCHED
from tests.architectures.matrix import BY_NAME
from tests.architectures.refused import REFUSED
from tests.architectures.table import PAGE, written


def test_the_page_holds_the_table_of_now() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == written(page), "run: python -m tests.architectures.table"


def test_every_claim_is_about_a_family_of_the_matrix() -> None:
    assert len(BY_NAME) == len(FAMILIES) >= 25
    assert TRIMS.keys() | UNBATCHED.keys() <= BY_NAME.keys()
    assert len({refused.title for refused in REFUSED}) == len(REFUSED)
