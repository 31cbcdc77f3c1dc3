"""Write core.json and core.npz: what PEFT computes on tiny Qwen3 and Llama models.

Run with torch, transformers and peft installed (see README.md):

    python tests/golden/make_core.py

Shapes: B batch, T tokens, V vocabulary, D backbone width, S shadow width.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import peft
import torch
from deterministic import adapter_values, fill, save_golden, tokens, write_backbone
from oracle import (
    VERSIONS,
    Shapes,
    describe_adapter,
    describe_backbone,
    load_adapted,
    load_backbone,
)

HERE = Path(__file__).parent
VOCAB = 96
STEPS = 20
LEARNING_RATE = 0.005
LAMBDA = 0.3
IGNORED = -100
TABLE = "base_model.shadow_backbone.default.embed_tokens.weight"
EMBEDDING_PROJECTION = "embedding_projection.weight"
PER_BLOCK = ("shadow_down", "shadow_up", "shadow_update_transform", "shadow_update_gate")

WIDTHS: dict[str, dict[str, int]] = {
    "equal": {},
    "unequal": {
        "shadow_hidden_size": 16,
        "shadow_intermediate_size": 24,
        "shadow_num_attention_heads": 2,
        "shadow_num_hidden_layers": 2,
    },
}


@dataclass(frozen=True)
class Case:
    """One golden. ``embeddings`` says what feeds the shadow:

    shared: the backbone's own frozen table; table: PEFT's own trainable table [V, S]; projected:
    the table is E·Wᵀ with E the backbone's table and W [S, D] trained instead of it; frozen: the
    explicit shadow's own table.
    """

    backbone: str
    sharing: str
    embeddings: str
    shadow: str | None = None

    @property
    def name(self) -> str:
        """The key of this case in both files."""
        return "/".join((self.backbone, self.sharing, self.shadow or self.embeddings))

    def adapter_config(self, shadow: Path | None) -> peft.ShadowConfig:
        """Update width and rank differ on purpose, and so does every scalar from its default."""
        widths = WIDTHS["unequal" if self.embeddings in ("table", "projected") else "equal"]
        return peft.ShadowConfig(
            task_type="CAUSAL_LM",
            r=4,
            update_hidden_size=6,
            shadow_alpha=0.7,
            shadow_dropout=0.0,
            auxiliary_loss_weight=LAMBDA,
            shadow_model=str(shadow) if shadow else "mirror",
            **(widths if shadow is None else {}),
        )


def backbone_options(tied: bool, **changes: int) -> dict[str, Any]:
    """The options shared by the Qwen3 and the Llama."""
    return {
        "vocab_size": VOCAB,
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 8,
        "max_position_embeddings": 64,
        "rms_norm_eps": 1e-6,
        "tie_word_embeddings": tied,
        "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        **changes,
    }


BACKBONES: dict[str, tuple[str, dict[str, Any]]] = {
    f"{family}-{'tied' if tied else 'untied'}": (family, backbone_options(tied))
    for family in ("qwen3", "llama")
    for tied in (True, False)
}

SHADOWS: dict[str, tuple[str, dict[str, Any]]] = {
    "explicit-narrow": (
        "qwen3",
        backbone_options(True, hidden_size=24, num_hidden_layers=2, intermediate_size=32),
    ),
    "explicit-equal": ("qwen3", backbone_options(False, num_hidden_layers=1)),
    "explicit-other": (
        "llama",
        backbone_options(False, hidden_size=16, num_hidden_layers=1, num_attention_heads=2),
    ),
}

PROJECTED = "explicit-projected"
"""The narrow explicit shadow in the format of published projected shadows."""

CASES = [
    Case(backbone, sharing, embeddings)
    for backbone in BACKBONES
    for sharing in ("layer", "depth")
    for embeddings in ("shared", "table", "projected")
] + [Case("qwen3-tied", "depth", "frozen", shadow) for shadow in (*SHADOWS, PROJECTED)]


def projected_shadow(config: dict[str, Any], shapes: Shapes) -> tuple[dict[str, Any], Shapes]:
    """A plain model's config and tensors as a projected shadow for a backbone of width 32."""
    inner = {name: shape for name, shape in shapes.items() if name.startswith("model.")}
    projected = {name.replace("model.", "shadow_model.", 1): shape for name, shape in inner.items()}
    projected["shadow_hidden_projection.weight"] = [32, config["hidden_size"]]
    projected["lm_head.weight"] = [VOCAB, 32]
    wrapped = {"model_type": "causal_lm_with_hidden_projection", "shadow_model_config": config}
    return wrapped, projected


def fresh_detached(case: Case, base: Path, shadow: Path, ids: torch.Tensor) -> np.ndarray:
    """Detached logits of an explicit shadow as its folder has it, before any adapter is loaded."""
    model = peft.get_peft_model(load_backbone(base), case.adapter_config(shadow)).eval()
    with torch.no_grad():
        return model.base_model.unload_shadow()(input_ids=ids).logits.numpy()


def batch() -> tuple[np.ndarray, np.ndarray]:
    """Tokens and labels [2, 9]: a prompt of two, the second row three tokens shorter.

    The padding stands on the right and its labels are ignored, so that a causal model needs no
    attention mask.
    """
    ids = tokens("core batch", (2, 9), VOCAB)
    ids[1, 6:] = 0
    labels = ids.copy()
    labels[:, :2] = IGNORED
    labels[1, 6:] = IGNORED
    return ids, labels


def share_over_depth(model: peft.PeftModel) -> None:
    """Make every block use the very modules of the first."""
    blocks = model.base_model.model.model.layers
    for block in blocks[1:]:
        for part in PER_BLOCK:
            setattr(block, part, getattr(blocks[0], part))


class Trainer:
    """Plain SGD on one adapter, by the names of its saved tensors."""

    def __init__(self, case: Case, model: peft.PeftModel, saved: Shapes) -> None:
        self.model = model
        if case.sharing == "depth":
            share_over_depth(model)
        self.parameters = {
            name: parameter
            for name, parameter in model.named_parameters()
            if name in saved and parameter.requires_grad
        }
        self.projection: torch.Tensor | None = None
        if case.embeddings == "projected":
            self.table = self.parameters.pop(TABLE)
            self.embeddings = model.get_input_embeddings().weight.detach()
            shape = (self.table.shape[1], self.embeddings.shape[1])
            self.projection = torch.from_numpy(fill(EMBEDDING_PROJECTION, shape))
            self._project()

    def _project(self) -> None:
        if self.projection is not None:
            self.table.data = self.embeddings @ self.projection.T

    def losses(self, ids: torch.Tensor, labels: torch.Tensor) -> tuple[torch.Tensor, np.ndarray]:
        """The total loss to differentiate, and (task, shadow, total) as numbers."""
        output = self.model(input_ids=ids, labels=labels)
        shadow = self.model.base_model.last_shadow_loss
        task = output.loss.detach() - LAMBDA * shadow
        return output.loss, torch.stack([task, shadow, output.loss.detach()]).numpy()

    def gradients(self, loss: torch.Tensor) -> dict[str, torch.Tensor]:
        """The gradient of everything trained, by name; what the loss does not reach is left out."""
        self.model.zero_grad()
        loss.backward()
        found = {name: p.grad for name, p in self.parameters.items() if p.grad is not None}
        if self.projection is not None:
            found[EMBEDDING_PROJECTION] = self.table.grad.T @ self.embeddings
        return found

    def step(self, gradients: dict[str, torch.Tensor]) -> None:
        """One step down the gradient."""
        for name, gradient in gradients.items():
            if name == EMBEDDING_PROJECTION:
                self.projection -= LEARNING_RATE * gradient
            else:
                self.parameters[name].data -= LEARNING_RATE * gradient
        self._project()

    def trained(self) -> dict[str, torch.Tensor]:
        """Everything trained, by name."""
        extra = {} if self.projection is None else {EMBEDDING_PROJECTION: self.projection}
        return {name: parameter.detach() for name, parameter in self.parameters.items()} | extra

    def logits(self, ids: torch.Tensor) -> tuple[np.ndarray, np.ndarray]:
        """Attached and detached logits [B, T, V]."""
        with torch.no_grad():
            attached = self.model(input_ids=ids).logits
            detached = self.model.base_model.unload_shadow()(input_ids=ids).logits
        return attached.numpy(), detached.numpy()


def run(case: Case, folders: dict[str, Path], into: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The description and the arrays of one case."""
    shadow = folders[case.shadow] if case.shadow else None
    base = folders[case.backbone]
    config, shapes = describe_adapter(base, case.adapter_config(shadow))
    values = adapter_values(shapes, case.sharing)
    model = load_adapted(base, into / case.name, config, values, shadow)
    trainer = Trainer(case, model, shapes)
    ids, labels = (torch.from_numpy(array) for array in batch())

    arrays: dict[str, Any] = {}
    arrays["attached"], arrays["detached"] = trainer.logits(ids)
    if shadow and case.shadow in ("explicit-equal", PROJECTED):  # else the projection is random
        arrays["fresh_detached"] = fresh_detached(case, base, shadow, ids)
    history = []
    for step in range(STEPS):
        loss, numbers = trainer.losses(ids, labels)
        gradients = trainer.gradients(loss)
        if step == 0:
            arrays |= {f"gradient/{name}": value.numpy() for name, value in gradients.items()}
        trainer.step(gradients)
        history.append(numbers)
    arrays["losses"] = np.stack(history)
    arrays["attached_after"], arrays["detached_after"] = trainer.logits(ids)
    trained = trainer.trained()
    description = {
        "backbone": case.backbone,
        "sharing": case.sharing,
        "embeddings": case.embeddings,
        "shadow": case.shadow,
        "adapter_config": config,
        "adapter": shapes,
        "norms_after": {name: float(value.double().norm()) for name, value in trained.items()},
    }
    first, last = arrays["losses"][0], arrays["losses"][-1]
    print(f"{case.name:32} losses {first.round(4)} -> {last.round(4)}")
    return description, {name: value.astype(np.float32) for name, value in arrays.items()}


def main() -> None:
    """Regenerate both files."""
    torch.manual_seed(0)
    ids, labels = batch()
    described = {}
    for name, (model_type, options) in (BACKBONES | SHADOWS).items():
        rope_theta = options["rope_parameters"]["rope_theta"]
        config, shapes = describe_backbone(model_type, options, {"rope_theta": rope_theta})
        described[name] = {"config": config, "tensors": shapes}
    plain = described["explicit-narrow"]
    config, shapes = projected_shadow(plain["config"], plain["tensors"])
    described[PROJECTED] = {"config": config, "tensors": shapes}
    cases: dict[str, Any] = {}
    arrays: dict[str, Any] = {"ids": ids.astype(np.int32), "labels": labels.astype(np.int32)}
    with tempfile.TemporaryDirectory() as root:
        folders = {
            name: write_backbone(Path(root) / name, entry["config"], entry["tensors"])
            for name, entry in described.items()
        }
        for case in CASES:
            cases[case.name], found = run(case, folders, Path(root) / "adapters")
            arrays |= {f"{case.name}/{key}": value for key, value in found.items()}
    settings = {"learning_rate": LEARNING_RATE, "steps": STEPS, "ignored_label": IGNORED}
    found = {"versions": VERSIONS, "training": settings, "backbones": described, "cases": cases}
    save_golden(HERE / "core.json", found, arrays)


if __name__ == "__main__":
    main()
