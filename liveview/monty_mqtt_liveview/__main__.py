"""`python -m monty_mqtt_liveview`."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import uvicorn

from monty_mqtt_liveview.server import make_app
from monty_mqtt_liveview.service import Service
from monty_mqtt_liveview.subscription import Subscription
from monty_mqtt_stack.subscriber import Broker


def main() -> int:
    """Serve the page until SIGTERM or SIGINT; return the exit code."""
    parser = argparse.ArgumentParser(prog="monty-mqtt-liveview")
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--state-dir", type=Path)
    parser.add_argument("--mqtt-host", default="127.0.0.1")
    parser.add_argument("--mqtt-port", type=int, default=1883)
    parser.add_argument("--mqtt-username")
    parser.add_argument("--mqtt-password-file", type=Path)
    given = parser.parse_args()
    broker = Broker(given.mqtt_host, given.mqtt_port, given.mqtt_username, given.mqtt_password_file)
    with Subscription(broker, "liveview") as subscription, Service(subscription) as service:
        config = uvicorn.Config(make_app(service), host="127.0.0.1", port=given.port, log_level="warning")
        uvicorn.Server(config).run()
    return 0


if __name__ == "__main__":
    sys.exit(main())
