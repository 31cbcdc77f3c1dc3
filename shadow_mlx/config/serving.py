"""The options of the server."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass

from shadow_mlx.config.answers import AnswerConfig
from shadow_mlx.config.model import BackboneConfig
from shadow_mlx.config.option import option

API_KEY_VARIABLE = "SHADOW_MLX_API_KEY"


@dataclass(frozen=True)
class ServeConfig(AnswerConfig, BackboneConfig):
    """A server of one backbone and its adapters; what a request leaves out is as said here."""

    adapter_path: tuple[str, ...] | None = option(
        None,
        group="model",
        kind="path",
        metavar="DIR",
        help="adapter folders to serve, one or several: no request can name another one "
        "(default: adapters, where there is no --model)",
    )
    max_adapters: int = option(
        4, group="model", minimum=1, help="adapters that stay in memory; others wait on disk"
    )
    host: str = option(
        "127.0.0.1",
        group="server",
        metavar="ADDRESS",
        help="where to listen; another than this machine alone needs a key",
    )
    port: int = option(
        8080, group="server", minimum=0, maximum=65535, help="port to listen on (0: any free one)"
    )
    api_key_file: str | None = option(
        None,
        group="server",
        kind="path",
        metavar="FILE",
        help=f"file with the key that a request must bring (or {API_KEY_VARIABLE})",
    )
    log_contents: bool = option(
        False, group="server", help="write what is asked and answered into the log, too"
    )
    concurrency: int = option(
        32, group="limits", minimum=1, maximum=1024, help="answers that are computed at once"
    )
    queue: int = option(
        128, group="limits", minimum=0, maximum=65536, help="answers that may wait for their turn"
    )
    longest_prompt: int = option(
        32768, group="limits", minimum=1, unit="tokens", help="longest prompt of a request"
    )
    longest_answer: int = option(
        8192, group="limits", minimum=1, unit="tokens", help="longest answer a request may ask for"
    )
    max_body: int = option(
        4096, group="limits", minimum=1, maximum=1 << 20, unit="KB", help="largest request"
    )
    timeout: float = option(
        600.0,
        group="limits",
        minimum=0.0,
        exclusive_minimum=True,
        unit="seconds",
        help="longest time from a request to the end of its answer",
    )
    prompt_cache: int = option(
        1024, group="limits", minimum=0, unit="MB", help="memory of prompts that may come again"
    )

    def cross_checks(self) -> list[str]:
        """An answer that is not asked for otherwise is one that may be asked for."""
        problems = super().cross_checks()
        if self.max_tokens > self.longest_answer:
            problems.append(
                f"--max-tokens {self.max_tokens}: more than --longest-answer {self.longest_answer}"
            )
        return problems

    @property
    def adapters(self) -> tuple[str, ...]:
        """The adapter folders; with a backbone alone, none is needed."""
        if self.adapter_path is not None:
            return self.adapter_path
        return () if self.model is not None else ("adapters",)

    @property
    def is_local(self) -> bool:
        """Whether only programs of this machine can reach it."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False
