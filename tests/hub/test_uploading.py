"""``shadow-mlx push`` against a stand-in hub on this machine."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from shadow_mlx.errors import InputError
from shadow_mlx.hub import uploading
from shadow_mlx.hub.uploading import Sent, check_repository
from tests.hub.test_resolving import unused_url
from tests.hub_uploads import Uploads, fake_uploads

NAMES = {"README.md", "adapter_config.json", "adapter_model.safetensors"}


@pytest.fixture
def hub() -> Iterator[Uploads]:
    with fake_uploads() as running:
        yield running


def push(url: str, token: str | None, home: Path, *arguments: str) -> tuple[int, str, str]:
    """What the command says, in a process that talks to the hub at ``url``."""
    command = [sys.executable, "-m", "shadow_mlx", "push", *arguments]
    environment = surroundings(url, token, home)
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    return done.returncode, done.stdout, done.stderr


def surroundings(url: str, token: str | None, home: Path) -> dict[str, str]:
    """The environment of a process that talks to the hub at ``url``."""
    environment = {
        **os.environ,
        "HF_HOME": str(home),
        "HF_ENDPOINT": url,
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_XET": "1",
        "NO_PROXY": "127.0.0.1",
    }
    environment.pop("HF_TOKEN", None)
    if token:
        environment["HF_TOKEN"] = token
    return environment


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
    assert [line[:21] for line in notes.splitlines() if line.startswith("uploading")] == [
        f"uploading file {number} of 3"[:21] for number in (1, 2, 3)
    ]
    assert "it/s" not in notes  # the client's own bars are not drawn beside


COUNTED = """
import sys, json
from pathlib import Path
from shadow_mlx.hub import uploading
uploading.TOLD_SECONDS = 0.0
told = []
names = ["a.bin", "b.txt", "c.bin"]
uploading.upload(Path(sys.argv[1]), names, "somebody/robot", private=False, message="x",
                 on_sent=lambda sent: told.append([sent.file, sent.files, sent.bytes, sent.total]))
from huggingface_hub.utils import tqdm
with tqdm(total=1) as bar: bar.update(1)  # the client's bars are its own again
print(json.dumps(told))
"""


def test_bytes_are_told_while_a_file_is_sent(hub: Uploads, tmp_path: Path) -> None:
    sizes = {"a.bin": 1_000_000, "b.txt": 500, "c.bin": 300_000}
    for name, size in sizes.items():
        (tmp_path / name).write_bytes(bytes(size))
    command = [sys.executable, "-c", COUNTED, str(tmp_path)]
    done = subprocess.run(
        command, env=surroundings(hub.url, hub.token, tmp_path / "home"), capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = [Sent(*one) for one in json.loads(done.stdout)]
    assert {(one.files, one.total) for one in told} == {(3, 1_300_500)}
    counts = [one.bytes for one in told]
    assert counts == sorted(counts)
    assert counts[0] == 0
    assert counts[-1] == 1_300_500
    within = [one.bytes for one in told if one.file == 1]
    assert len(within) > 5  # as it is sent, not only before and after
    assert within[-1] == 1_000_000
    assert {one.bytes for one in told if one.file == 2} == {1_000_000}  # it goes with the commit
    assert str(told[-1]) == "file 3 of 3, 1.3 MB of 1.3 MB"
    assert "100%" in done.stderr


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


def test_bytes_are_told_where_the_hub_takes_chunks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The other way to send, Xet's, with the reports that its client gives."""
    from huggingface_hub.utils._xet_progress_reporting import XetUploadProgressReporter

    monkeypatch.setattr(uploading, "TOLD_SECONDS", 0.0)
    told: list[int] = []
    with uploading._counted(told.append):
        bars = XetUploadProgressReporter()
        for done in (0, 400, 1000):
            facts = {"total_bytes": 1000, "total_transfer_bytes": 600, "shard": None}
            facts |= {"total_bytes_completed": done, "total_transfer_bytes_completed": done // 2}
            facts |= dict.fromkeys(
                ("total_bytes_completion_rate", "total_transfer_bytes_completion_rate"), 1.0
            )
            item = SimpleNamespace(item_name="a", bytes_completed=done, total_bytes=1000)
            bars.update_progress(SimpleNamespace(**facts), {"a": item})
        bars.close()
    assert told == sorted(told)
    assert set(told) == {0, 400, 1000}
    assert capsys.readouterr().err == ""


def test_without_a_network(tiny_adapter: Path, tmp_path: Path) -> None:
    given = ["--folder", str(tiny_adapter), "--repo", "somebody/robot"]
    code, _, notes = push(unused_url(), "hf_someToken", tmp_path, *given)
    assert code == 3
    assert "the hub cannot be reached" in notes


@pytest.mark.parametrize("name", ["", "robot", "a/b/c", "some body/robot", "-/x"])
def test_a_name_that_is_none(name: str) -> None:
    with pytest.raises(InputError, match="expected OWNER/NAME"):
        check_repository(name)
