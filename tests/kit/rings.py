"""This module says to which of three rings a test module belongs, and so which make target runs it.

`quick`  its tests start no process                        make test-quick, make test
`test`   real parts, without Go and Rust, within minutes   make test
`rest`   everything else                                   make test-all

Called by `conftest`. A module is quick unless it is named here; a quick one that starts a process fails, so the list
stays true. What is marked `long` belongs to make test-long, whatever its module.
"""

from __future__ import annotations

import sys
from pathlib import PurePath

__all__ = ["RINGS", "forbid_processes", "has_services", "is_in"]

RINGS = ("quick", "test", "rest")

_STARTS_PROCESSES = (
    "bridge/journal/test_feeder.py",
    "bridge/journal/test_journal.py",
    "bridge/publish/test_lean_client.py",
    "bridge/publish/test_namesake.py",
    "bridge/publish/test_publisher.py",
    "bridge/receive/test_local_users.py",
    "bridge/receive/test_published_name.py",
    "bridge/receive/test_router.py",
    "bridge/rules/test_forgetting.py",
    "bridge/test_bridge.py",
    "bridge/test_pipeline.py",
    "browser/",
    "chain/",
    "core/reading/test_command_request.py",
    "core/reading/test_mqtt_client.py",
    "core/recordings/test_foxglove.py",
    "core/recordings/test_mcap_file.py",
    "core/recordings/test_page_mark.py",
    "core/settings/",
    "e2e/",
    "grafana/test_dashboards.py",
    "grafana/test_queries.py",
    "grafana/test_schema.py",
    "liveview/intake/test_run_loader.py",
    "liveview/intake/test_service.py",
    "liveview/intake/test_step_memory.py",
    "liveview/intake/test_subscription.py",
    "liveview/recordings/test_part_file.py",
    "liveview/recordings/test_recorder.py",
    "liveview/recordings/test_removed_runs.py",
    "liveview/test_page_palette.py",
    "liveview/views/test_redo_command_line.py",
    "liveview/web/test_api.py",
    "liveview/web/test_control.py",
    "liveview/web/test_live.py",
    "liveview/web/test_log_lookback.py",
    "liveview/web/test_login.py",
    "liveview/web/test_reference.py",
    "liveview/web/test_request_guard.py",
    "liveview/web/test_server.py",
    "monty/",
    "monty_side/broadcast/link/",
    "monty_side/broadcast/test_broadcaster.py",
    "monty_side/broadcast/test_call_lock.py",
    "monty_side/broadcast/test_forks_and_exit.py",
    "monty_side/broadcast/test_spool_policy.py",
    "monty_side/monitor/test_commands.py",
    "monty_side/monitor/test_experiment.py",
    "monty_side/monitor/test_machine.py",
    "monty_side/observe/test_run_info.py",
    "monty_side/parallel/",
    "monty_side/test_python38.py",
    "monty_side/test_sweep_launchers.py",
    "monty_side/wire/test_json_values.py",
    "shipping/test_compose.py",
    "shipping/test_compose_cluster.py",
    "shipping/test_compose_docs.py",
    "shipping/test_compose_running.py",
    "shipping/test_docs.py",
    "shipping/test_docs_site.py",
    "shipping/test_github.py",
    "shipping/test_kubernetes.py",
    "shipping/test_monty_extra.py",
    "shipping/test_release.py",
    "shipping/test_shared_machine.py",
    "shipping/test_systemd.py",
    "shipping/test_wheel.py",
    "stack/broker_trial/",
    "stack/commands/test_cli.py",
    "stack/commands/test_export_recording.py",
    "stack/commands/test_forget.py",
    "stack/commands/test_record.py",
    "stack/commands/test_replay.py",
    "stack/commands/test_run.py",
    "stack/commands/test_terminal_text.py",
    "stack/commands/test_thin.py",
    "stack/demo/test_demo_recording.py",
    "stack/demo/test_demo_summary.py",
    "stack/notify/test_notifications.py",
    "stack/notify/test_receiver.py",
    "stack/services/",
)
"""Folders and modules, relative to tests/, whose tests start processes."""

_REST = (
    "bridge/journal/test_feeder.py",
    "bridge/test_pipeline.py",
    "browser/",
    "chain/test_client_ids.py",
    "chain/test_several_bridges.py",
    "chain/test_history",
    "chain/test_nats_cluster.py",
    "chain/test_spool_uptake.py",
    "chain/test_whole_cluster.py",
    "e2e/",
    "grafana/test_dashboards.py",
    "grafana/test_queries.py",
    "grafana/test_schema.py",
    "liveview/intake/test_run_loader.py",
    "liveview/intake/test_service.py",
    "monty/",
    "shipping/test_compose",
    "shipping/test_docs.py",
    "shipping/test_docs_site.py",
    "shipping/test_github.py",
    "shipping/test_kubernetes.py",
    "shipping/test_monty_extra.py",
    "shipping/test_release.py",
    "shipping/test_wheel.py",
    "stack/broker_trial/",
    "stack/commands/test_export_recording.py",
    "stack/commands/test_forget.py",
    "stack/commands/test_replay.py",
    "stack/commands/test_thin.py",
    "stack/services/test_grafana.py",
    "stack/services/test_influxdb_setup.py",
    "stack/services/test_page_service.py",
    "stack/services/test_telegraf.py",
)
"""Folders and modules, relative to tests/, that take minutes together, or need what Go and Rust build."""

_ESSENTIAL = (
    "browser/test_connection.py",
    "browser/test_control.py",
    "browser/test_evidence.py",
    "browser/test_run_view.py",
    "browser/test_skeleton.py",
    "monty/test_short_run.py",
)
"""Modules of those folders that `make test` runs nevertheless: the page's main ways, and a short real Monty."""

_WITH_SERVICES = (
    "chain/test_client_ids.py",
    "chain/test_history",
    "chain/test_whole_cluster.py",
    "e2e/test_demo",
    "grafana/",
    "monty/test_what_monty_says.py",
    "shipping/test_compose_running.py",
    "stack/commands/test_export_recording.py",
    "stack/commands/test_thin.py",
    "stack/services/test_grafana.py",
    "stack/services/test_influxdb_setup.py",
    "stack/services/test_telegraf.py",
)
"""Folders and modules, relative to tests/, that run Telegraf or InfluxDB: they begin last, and wait for their build."""

_STARTS = frozenset({"subprocess.Popen", "os.fork", "os.forkpty", "os.posix_spawn", "os.exec", "os.system"})
"""Audit events of Python that start a process."""


def ring_of(path: PurePath) -> str:
    """Return the ring of a module, relative to tests/."""
    name = path.as_posix()
    if name.startswith(_REST) and name not in _ESSENTIAL:
        return "rest"
    return "test" if name.startswith(_STARTS_PROCESSES) else "quick"


def is_in(path: PurePath, ring: str) -> bool:
    """Return whether a module, relative to tests/, is run where a ring is asked for; `test` includes `quick`."""
    return ring_of(path) == ring or (ring == "test" and ring_of(path) == "quick")


def has_services(path: PurePath) -> bool:
    """Return whether the tests of a module, relative to tests/, run Telegraf or InfluxDB."""
    return path.as_posix().startswith(_WITH_SERVICES)


def forbid_processes() -> None:
    """Let every start of a process in this one fail from now on, with the line that says what to do."""

    def look(event: str, arguments: tuple[object, ...]) -> None:
        if event in _STARTS:
            raise RuntimeError(f"a quick test starts {arguments[:1]}: name its module in tests/kit/rings.py")

    sys.addaudithook(look)
