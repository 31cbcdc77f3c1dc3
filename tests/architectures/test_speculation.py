"""Every kind of cache: drafts change neither what the text is nor the caches behind it."""

from __future__ import annotations

import mlx.core as mx
import numpy as np
import pytest
from mlx_lm.sample_utils import make_sampler

from shadow_mlx.generation.draft_head import DraftHead
from shadow_mlx.generation.drafting import Pace
from shadow_mlx.generation.speculation import Habits, Speculation
from tests.architectures.families import REPRESENTATIVES
from tests.architectures.matrix import TOLERANCE, prepared, tokens

# A check of drafts is a chunk behind a cache, and what is wrong is taken back: test_forward.py does
# both with every family.
PROMPT = tokens(5, 1)[0].tolist()
COUNT = 12


@pytest.mark.parametrize("name", REPRESENTATIVES)
def test_every_token_is_the_likeliest_of_a_pass_over_all(name: str) -> None:
    """But for tokens that are as likely up to the precision of the caches."""
    model = prepared(name).attached
    caches = model.make_cache()
    one = Speculation(
        model,
        caches,
        make_sampler(0.0),
        greedy=True,
        habits=Habits(DraftHead(model), Pace(3)),
    )
    said = [token.token for token in one.generate(PROMPT, COUNT)]
    following = tokens(2, 3)[0].tolist()
    whole = [*PROMPT, *said, *following]
    logits = np.array(model(mx.array([whole]))[0].astype(mx.float32))
    for place, token in enumerate(said, len(PROMPT) - 1):
        row = logits[place]
        assert row.max() - row[token] <= TOLERANCE * np.abs(row).max(), place
    behind = np.array(model(mx.array([following]), cache=caches)[0].astype(mx.float32))
    scale = np.abs(logits).max()
    np.testing.assert_allclose(behind, logits[-2:], atol=TOLERANCE * scale)
