"""A tiny random backbone with a tokenizer, written as a folder that any loader opens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from shadow_mlx.shadow.attached import AttachedModel

CHATML = (
    "{% for message in messages %}<|im_start|>{{ message.role }}\n{{ message.content }}<|im_end|>\n"
    "{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SPECIAL = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"]


def write_tiny_backbone(
    folder: Path, *, seed: int = 0, chat_template: str | None = CHATML, **changes: Any
) -> Path:
    """Write a random Qwen3 in ``folder`` and return it. ``changes`` go into its config.json."""
    import mlx.core as mx
    from mlx.utils import tree_flatten
    from mlx_lm.models.qwen3 import Model, ModelArgs

    folder.mkdir(parents=True, exist_ok=True)
    size = write_tokenizer(folder, chat_template)
    config = {
        "architectures": ["Qwen3ForCausalLM"],
        "model_type": "qwen3",
        "vocab_size": size,
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "intermediate_size": 48,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "rms_norm_eps": 1e-6,
        "max_position_embeddings": 2048,
        "rope_theta": 10000.0,
        "tie_word_embeddings": True,
        "eos_token_id": SPECIAL.index("<|im_end|>"),
        **changes,
    }
    (folder / "config.json").write_text(json.dumps(config, indent=2))
    named = tree_flatten(Model(ModelArgs.from_dict(config)).parameters())
    keys = mx.random.split(mx.random.key(seed), len(named))
    weights = {
        name: mx.random.normal(w.shape, key=key) * 0.2 if w.ndim > 1 else w
        for (name, w), key in zip(named, keys, strict=True)
    }
    mx.save_safetensors(str(folder / "model.safetensors"), weights, {"format": "pt"})
    return folder


def randomized(model: AttachedModel, *, seed: int) -> None:
    """Make a shadow's weights random everywhere, so that it changes what is said."""
    import mlx.core as mx
    from mlx.utils import tree_flatten, tree_unflatten

    named = tree_flatten(model.shadow.trainable_parameters())
    keys = mx.random.split(mx.random.key(seed), len(named))
    noisy = [
        (name, w + 0.3 * mx.random.normal(w.shape, key=key))
        for (name, w), key in zip(named, keys, strict=True)
    ]
    model.shadow.update(tree_unflatten(noisy))


def tiny_attached_model(folder: Path) -> tuple[AttachedModel, Any]:
    """A shadow that is random everywhere on the backbone in ``folder``, and the tokenizer.

    Its greedy answers do not end by themselves: tests of stopping rely on it.
    """
    from mlx_lm.utils import load, load_config

    from shadow_mlx.config import ShadowConfig
    from shadow_mlx.shadow.attached import attach

    backbone, tokenizer = load(str(folder))
    config = ShadowConfig(sharing="depth", rank=4, alpha=4.0, shadow_layers=1)
    model = attach(backbone, load_config(folder), config, seed=3)
    randomized(model, seed=7)
    model.eval()
    return model, tokenizer


def write_tokenizer(folder: Path, chat_template: str | None = CHATML) -> int:
    """Write a byte-level tokenizer without merges; returns the size of its vocabulary."""
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: i for i, token in enumerate([*SPECIAL, *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(text, special=True) for text in SPECIAL])
    tokenizer.save(str(folder / "tokenizer.json"))
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": "<|im_end|>",
        "pad_token": "<|endoftext|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 2048,
    }
    if chat_template is not None:
        settings["chat_template"] = chat_template
    (folder / "tokenizer_config.json").write_text(json.dumps(settings, indent=2))
    return len(vocab)
