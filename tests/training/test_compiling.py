import mlx.core as mx
import pytest

from shadow_mlx.training.compiling import can_be_compiled


def test_a_model_that_looks_at_values_is_found_out_before_it_trains(make_model, monkeypatch):
    model = make_model()
    assert can_be_compiled(model)
    hidden = type(model).hidden

    def looking(self, inputs, cache=None):
        if inputs.sum().item() < 0:
            raise AssertionError
        return hidden(self, inputs, cache)

    monkeypatch.setattr(type(model), "hidden", looking)
    mx.enable_compile()
    assert not can_be_compiled(model)


def test_another_mistake_stays_one(make_model, monkeypatch):
    model = make_model()

    def wrong(self, inputs, cache=None):
        raise ValueError("another mistake")

    monkeypatch.setattr(type(model), "hidden", wrong)
    with pytest.raises(ValueError, match="another mistake"):
        can_be_compiled(model)
