"""``shadow-mlx push`` against a stand-in hub on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.hub.uploading import check_repository
from tests.hub.test_resolving import unused_url
from tests.hub_uploads import Uploads, fake_uploads

NAMES = {"README.md", "adapter_config.json", "adapter_model.safetensors"}


@pytest.fixture
def hub() -> Iterator[Uploads]:
    with fake_uploads() as running:
        yield running


def push(url: str, token: str | None, home: Path, *arguments: str) -> tuple[int, str, str]:
    """What the command says, in a process that talks to the hub at ``url``."""
    environment = {
        **os.environ,
        "HF_HOME": str(home),
        "HF_ENDPOINT": url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "NO_PROXY": "127.0.0.1",
    }
    environment.pop("HF_TOKEN", None)
    if token:
        environment["HF_TOKEN"] = token
    command = [sys.executable, "-m", "shadow_mlx", "push", *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def test_an_adapter_with_its_card_in_one_commit(
    hub: Uploads, tiny_adapter: Path, tmp_path: Path
) -> None:
    given = ["--folder", str(tiny_adapter), "--repo", "somebody/robot", "--private"]
    code, said, notes = push(hub.url, hub.token, tmp_path, *given)
    assert code == 0, notes
    assert f"{hub.url}/somebody/robot (adapter):" in said
    assert hub.committed == {
        "somebody/robot": {name: (tiny_adapter / name).read_bytes() for name in NAMES}
    }
    assert hub.messages == ["Upload with shadow-mlx"]
    [asked] = hub.created
    assert asked.get("private") is True or asked.get("visibility") == "private"
    assert len(hub.large) >= 1  # the weights went the way of large files
    assert "names the folder" in notes  # of this machine, as its backbone


def test_nothing_is_asked_of_the_hub_for_a_list(
    hub: Uploads, tiny_adapter: Path, tmp_path: Path
) -> None:
    given = ["--folder", str(tiny_adapter), "--repo", "somebody/robot", "--dry-run"]
    code, said, _ = push(hub.url, None, tmp_path, *given)
    assert code == 0
    assert "would be uploaded to somebody/robot (adapter):" in said
    assert all(name in said for name in NAMES)
    assert (hub.created, hub.committed) == ([], {})


@pytest.mark.parametrize(
    ("token", "refuses", "says"),
    [
        (None, None, "needs a login with an access token that may write: hf auth login"),
        ("hf_thatOfSomebodyElse", None, "needs a login with an access token that may write"),
        ("own", (403, "You are not a member."), "may not write there (You are not a member.)"),
        ("own", (404, "No such owner."), "the hub knows no such owner"),
        ("own", (400, "Bad name."), "could not be uploaded"),
    ],
)
def test_a_refusal_is_one_message(
    hub: Uploads,
    tiny_adapter: Path,
    tmp_path: Path,
    token: str | None,
    refuses: tuple[int, str] | None,
    says: str,
) -> None:
    hub.refuses = refuses
    given = ["--folder", str(tiny_adapter), "--repo", "somebody/robot"]
    code, said, notes = push(hub.url, hub.token if token == "own" else token, tmp_path, *given)
    lines = [line for line in notes.splitlines() if not line.startswith("note:")]
    assert (code, said) == (3, "")
    assert len(lines) == 1
    assert lines[0].startswith("shadow-mlx: somebody/robot: ")
    assert says in lines[0]
    assert "hf_" not in lines[0]
    assert hub.committed == {}


def test_without_a_network(tiny_adapter: Path, tmp_path: Path) -> None:
    given = ["--folder", str(tiny_adapter), "--repo", "somebody/robot"]
    code, _, notes = push(unused_url(), "hf_someToken", tmp_path, *given)
    assert code == 3
    assert "the hub cannot be reached" in notes


@pytest.mark.parametrize("name", ["", "robot", "a/b/c", "some body/robot", "-/x"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(InputError, match="expected OWNER/NAME"):
        check_repository(name)
