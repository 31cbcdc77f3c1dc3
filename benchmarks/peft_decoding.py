"""PEFT's answers, for a bench beside it: run by a Python that has torch, transformers and peft.

    python benchmarks/peft_decoding.py BACKBONE [ADAPTER]

Reads lines of JSON, ``{"prompt": [token ids], "max_tokens": n, "temperature": t}``, from stdin.
Writes ``first`` when the first token is there, then the number of tokens, a line each.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import peft
import torch
import transformers


class First(transformers.generation.streamers.BaseStreamer):
    """Says when the first token is there."""

    def __init__(self) -> None:
        self._calls = 0

    def put(self, value: Any) -> None:
        """The prompt, then token after token."""
        self._calls += 1
        if self._calls == 2:
            print("first", flush=True)

    def end(self) -> None:
        """Nothing is left to say."""


def main() -> None:
    """Answer until the input ends."""
    backbone, *adapter = sys.argv[1:]
    model = transformers.AutoModelForCausalLM.from_pretrained(backbone, dtype=torch.float32)
    if adapter:
        model = peft.PeftModel.from_pretrained(model, adapter[0])
    model.eval()
    for line in sys.stdin:
        asked = json.loads(line)
        prompt = torch.tensor([asked["prompt"]])
        heat = asked["temperature"]
        chosen = (
            {"do_sample": True, "temperature": heat, "top_k": 0} if heat else {"do_sample": False}
        )
        with torch.inference_mode():
            whole = model.generate(
                input_ids=prompt,
                attention_mask=torch.ones_like(prompt),
                max_new_tokens=asked["max_tokens"],
                streamer=First(),
                **chosen,
            )
        print(whole.shape[1] - prompt.shape[1], flush=True)


if __name__ == "__main__":
    main()
