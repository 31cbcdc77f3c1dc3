"""From an adapter to a folder with its detached model, checked before it appears."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mlx.core as mx
import mlx_lm.utils

from shadow_mlx import loading
from shadow_mlx.backbones.trial import answers
from shadow_mlx.checkpoints.peft import adapter_record
from shadow_mlx.checkpoints.template_record import template_of, to_record
from shadow_mlx.config import ExportConfig
from shadow_mlx.errors import ModelError
from shadow_mlx.export.card import CARD_NAME, Facts, exported_card
from shadow_mlx.export.folder import check_output, write_settings, write_weights
from shadow_mlx.export.layout import file_tensors, why_not_transformers
from shadow_mlx.export.quantizing import dequantized, quantized, recorded
from shadow_mlx.export.standalone import Standalone, difference, standalone, tolerance
from shadow_mlx.export.tokenizer_files import CutTokenizer, Kept, copy_tokenizer, renumbered
from shadow_mlx.export.vocabulary import cut_model, tokens_of
from shadow_mlx.files.card_seal import sealed
from shadow_mlx.files.json_files import JsonFileError, read_object
from shadow_mlx.files.writing import atomic_folder, write_text
from shadow_mlx.hub.resolving import resolve_model
from shadow_mlx.shadow.detached import DetachedModel

OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Exported:
    """A folder that was written.

    Attributes:
        folder: Where.
        parameters: How many numbers its model has.
        bytes: Size of its weights.
        tokens: Tokens that it knows, and those that its backbone knew.
        added_blocks: Blocks of zeros that its architecture needed.
        apart: How far its logits are from the detached model's, in root mean square, relative to
            theirs; ``None`` for a model that was quantized, which is another function.
        not_for_transformers: Why transformers is not said to open it; ``None`` if it is.
    """

    folder: Path
    parameters: int
    bytes: int
    tokens: tuple[int, int]
    added_blocks: int
    apart: float | None
    not_for_transformers: str | None

    def to_mapping(self) -> dict[str, Any]:
        """Plain values, ready for JSON."""
        return {**dataclasses.asdict(self), "folder": str(self.folder)}


def export_model(
    config: ExportConfig, *, measured: str = "", on_step: OnStep = lambda what: None
) -> Exported:
    """Write the detached model of an adapter as a plain folder.

    Args:
        config: Which adapter, where to, and in what form.
        measured: A table of figures in Markdown for the card.
        on_step: Told what is done now, in a few words.

    Raises:
        InputError: The folder holds something else, or the adapter, the backbone or the data
            cannot be used.
        UnsupportedArchitectureError: The architecture cannot say what the shadow computes.
        SurroundingsError: The disk is full or otherwise refuses.
    """
    output = Path(config.output).resolve()
    check_output(output)
    on_step("reading the shadow")
    adapter, trusted = config.adapter_path, config.trust_remote_code
    name = loading.backbone_name(config.model, adapter, trust_remote_code=trusted)
    source = resolve_model(str(name), trust_remote_code=trusted)
    detached, tokenizer = loading.load(name, adapter, "detached", trust_remote_code=trusted)
    assert isinstance(detached, DetachedModel)
    found = standalone(detached)
    rows = int(detached.embedding.weight.shape[0])
    template = template_of(adapter, config.template)
    cut, kept = None, None
    if config.vocabulary is not None:
        on_step("choosing tokens")
        cut = CutTokenizer(source, str(tokenizer.chat_template or ""))
        used = tokens_of(config.vocabulary, tokenizer, config.columns, template)
        kept = cut.kept(used, tokenizer.eos_token_ids, rows)
        cut_model(found, kept)
    _settle_bits(found, config)
    generation = _generation(source, found.config, tokenizer, kept)
    found.config["eos_token_id"] = generation["eos_token_id"]
    _name_dtype(found.config, detached.shadow.state_dtype)
    on_step("writing")
    tensors = file_tensors(found.model, found.config)
    facts = Facts(
        record=adapter_record(adapter),
        config=found.config,
        parameters=mlx_lm.utils.get_total_parameters(found.model),
        bytes=sum(value.nbytes for value in tensors.values()),
        added=found.added,
        own_head=found.own_head,
        tokens=(len(kept) if kept else rows, rows),
        template=to_record(template) or {},
        measured=measured,
    )
    with atomic_folder(output) as folder:
        write_weights(folder, tensors)
        write_settings(folder, found.config, generation)
        if cut is None or kept is None:
            copy_tokenizer(source, folder, with_code=trusted)
        else:
            cut.write(folder, kept)
        write_text(folder / CARD_NAME, sealed(exported_card(facts)))
        on_step("reading it back")
        exact = config.q_bits is None
        apart = _checked(folder, detached, kept, exact=exact, trust_remote_code=trusted)
    return Exported(
        folder=output,
        parameters=facts.parameters,
        bytes=facts.bytes,
        tokens=facts.tokens,
        added_blocks=found.added,
        apart=apart,
        not_for_transformers=why_not_transformers(found.config),
    )


def _settle_bits(found: Standalone, config: ExportConfig) -> None:
    """The weights plain or quantized as the options want them, and recorded so."""
    if config.dequantize or config.q_bits is not None:
        dequantized(found.model)
    if config.q_bits is not None:
        quantized(found.model, config.q_bits, config.q_group_size)
    found.config.update(recorded(found.model))


def _checked(
    folder: Path,
    detached: DetachedModel,
    kept: Kept | None,
    *,
    exact: bool,
    trust_remote_code: bool,
) -> float | None:
    """What mlx-lm loads from the folder, asked beside the detached model.

    Raises:
        ModelError: It gives other answers.
    """
    model, _ = mlx_lm.utils.load_model(folder)
    loading.load_tokenizer(folder, trust_remote_code=trust_remote_code)
    if not exact:
        if not answers(model):
            raise ModelError("the quantized model's answers are not finite numbers; use more bits")
        return None
    apart = difference(detached, model, list(kept) if kept else None)
    if apart > tolerance(detached):
        raise ModelError(
            f"the exported model gives other answers than the detached one (logits {apart:.1g} "
            "apart); nothing was written"
        )
    return apart


def _generation(
    source: Path, config: Mapping[str, Any], tokenizer: Any, kept: Kept | None
) -> dict[str, Any]:
    """The backbone's ``generation_config.json``, with all tokens that end an answer here."""
    try:
        found = read_object(source / "generation_config.json")
    except (FileNotFoundError, JsonFileError):
        names = ("bos_token_id", "pad_token_id")
        found = {name: config[name] for name in names if config.get(name) is not None}
        kept_already = True
    else:
        kept_already = False
    found["eos_token_id"] = sorted(int(one) for one in tokenizer.eos_token_ids)
    if kept is None:
        return found
    if kept_already:
        return found | {"eos_token_id": [kept[one] for one in found["eos_token_id"]]}
    return renumbered(found, kept)


def _name_dtype(config: dict[str, Any], dtype: mx.Dtype) -> None:
    name = str(dtype).rpartition(".")[2]
    for one in (config, config.get("text_config", config)):
        one.update({key: name for key in ("dtype", "torch_dtype") if key in one})
    if not {"dtype", "torch_dtype"} & config.keys():
        config["dtype"] = name
