"""Ray nodes on this machine that also start while it is busy."""

import socket
from contextlib import ExitStack
from typing import Any

AGENTS = (
    "metrics_agent_port",
    "metrics_export_port",
    "runtime_env_agent_port",
    "dashboard_agent_listen_port",
)


def options(**more: Any) -> dict[str, Any]:
    """Options of a node, whose agents listen where they are told: a node gives up after 15 s when
    it has to wait for them to choose."""
    with ExitStack() as held:
        free = [held.enter_context(socket.socket()) for _ in AGENTS]
        for one in free:
            one.bind(("", 0))
        ports = [one.getsockname()[1] for one in free]
    return {"include_dashboard": False, **dict(zip(AGENTS, ports, strict=True)), **more}
