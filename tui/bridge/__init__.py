"""The only part of the UI that touches jobs, run folders and files; one module for each kind."""

from tui.bridge.clipboard import (
    copy,
)
from tui.bridge.conversations import (
    load_conversation,
    save_conversation,
)
from tui.bridge.data import (
    bundled_data,
    data_files,
    records_in,
)
from tui.bridge.machine import (
    memory_of_machine,
    worker_command,
)
from tui.bridge.records import EventReader, follow
from tui.bridge.runs import (
    Command,
    Launched,
    RunSummary,
    Status,
    adapter_changed,
    check_target,
    columns_of,
    differing,
    discard,
    find_runs,
    free_folder,
    has_adapter,
    holds_adapter,
    is_live,
    last_change,
    log_path,
    log_tail,
    read_config,
    requested_path,
    send,
    start_training,
    status_of,
    summarise,
    test_file,
    weights_named,
)

__all__ = [
    "Command",
    "EventReader",
    "Launched",
    "RunSummary",
    "Status",
    "adapter_changed",
    "bundled_data",
    "check_target",
    "columns_of",
    "copy",
    "data_files",
    "differing",
    "discard",
    "find_runs",
    "follow",
    "free_folder",
    "has_adapter",
    "holds_adapter",
    "is_live",
    "last_change",
    "load_conversation",
    "log_path",
    "log_tail",
    "memory_of_machine",
    "read_config",
    "records_in",
    "requested_path",
    "save_conversation",
    "send",
    "start_training",
    "status_of",
    "summarise",
    "test_file",
    "weights_named",
    "worker_command",
]
