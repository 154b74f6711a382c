"""This module defines the commands of `monty-mqtt`, their options, and the values that each option accepts.

Called by `cli`, which then calls the module and function that the parsed command names. It can be imported on
Python 3.8.
"""

from __future__ import annotations

import argparse
import difflib
from functools import partial
from pathlib import Path
from typing import Any, List, NoReturn

from monty_mqtt import __version__
from monty_mqtt.option_values import directory, port, secs, whole

__all__ = ["WRONG_USE", "make_parser", "options_of_runner"]

WRONG_USE = 2
"""The exit code for wrong use."""

_COMMANDS = {
    "abort": "End a run at its next step; finished episodes are saved.",
    "pause": "Pause a run at its next step.",
    "resume": "Continue a paused run.",
    "step": "Let a run take N steps, then pause it.",
    "stop": "End a run after its current episode, which is saved.",
}
"""The commands that a user can send to a run, with their help texts."""

_EPILOG = """\
first steps:
  monty-mqtt doctor                                                  shows what is installed and what is missing
  monty-mqtt run experiment=test/evidence_lm/evidence_mujoco         runs a Monty experiment and shows it live
  mosquitto_sub -h 127.0.0.1 -p 1883 -v -t 'monty/v1/#'              shows its messages in another terminal

exit codes: 0 done, 1 failed, 2 wrong use, 3 aborted by command, 130 Ctrl+C
"""


class _Parser(argparse.ArgumentParser):
    """Parses as argparse does, but an error names the nearest subcommand."""

    def error(self, message: str) -> NoReturn:
        """Print what is wrong in one line, and exit with code 2."""
        self.exit(WRONG_USE, f"{self.prog}: {message}; see `{self.prog} --help`\n")

    def _check_value(self, action: argparse.Action, value: Any) -> None:
        if action.option_strings or action.choices is None:
            super()._check_value(action, value)
        elif value not in action.choices:
            near = difflib.get_close_matches(str(value), [str(choice) for choice in action.choices], n=1, cutoff=0.0)
            self.error(f"no command {value!r}; did you mean {near[0]!r}?")


def make_parser() -> argparse.ArgumentParser:
    """Return the parser; the options that it parses carry `module` and `function` of the command."""
    parser = _Parser(
        prog="monty-mqtt",
        description="Watch Monty experiments while they run, over MQTT.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"monty-mqtt {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for add in (
        _add_up, _add_run, _add_status, _add_tail, _add_commands, _add_record, _add_replay, _add_forget, _add_export,
        _add_thin, _add_invitations, _add_doctor,
    ):  # fmt: skip
        add(commands)
    return parser


def options_of_runner(options: argparse.Namespace) -> List[str]:
    """Return the arguments that `monty-mqtt run` passes on to `python -m monty_mqtt.run`."""
    parallel = [] if options.parallel is None else [f"--parallel={options.parallel}"]
    return [*parallel, *(["--multirun"] if options.multirun else []), *options.overrides]


def _add(commands: Any, name: str, summary: str, **more: str) -> argparse.ArgumentParser:
    command: argparse.ArgumentParser = commands.add_parser(name, help=summary, description=summary, **more)
    command.add_argument(
        "--state-dir", metavar="DIR",
        help="directory of secrets, logs and data (default: $MONTY_MQTT_STATE_DIR, else ~/.local/state/monty-mqtt)",
    )  # fmt: skip
    return command


def _add_broker(command: argparse.ArgumentParser) -> None:
    command.add_argument(
        "--broker", metavar="ADDRESS",
        help="your own broker: HOST[:PORT], or mqtts://a:8883,b:8883 (default: the one that runs here)",
    )  # fmt: skip
    _add_ca_file(command)
    command.add_argument("--username", metavar="USER", help="user to log in as at that broker")
    command.add_argument("--password-file", metavar="FILE", type=Path, help="file with that user's password")


def _add_ca_file(command: argparse.ArgumentParser) -> None:
    authorities = "certificates of who may sign that broker's (default: the authorities that this system trusts)"
    command.add_argument("--ca-file", metavar="FILE", help=authorities)


def _add_ports(command: argparse.ArgumentParser) -> None:
    services = (("--mqtt-port", "broker", 1883), ("--zmq-port", "bridge", 5555), ("--liveview-port", "page", 8000))
    for name, service, default in services:
        meaning = f"port on which the {service} listens; 0 means any free port (default: {default})"
        command.add_argument(name, type=port, default=default, metavar="PORT", help=meaning)


def _add_export(commands: Any) -> None:
    command = _add(commands, "export", "Write what InfluxDB or a recording keeps of a run as CSV or JSON lines.")
    command.add_argument("run", metavar="RUN")
    parts = ("steps", "evidence", "episodes", "metrics", "machine", "logs", "events", "data", "state")
    media = ("images", "points", "histograms", "tables")
    which, how = "which part of it to write (default: %(default)s)", "how to write (default: %(default)s)"
    command.add_argument("--of", choices=parts + media, default="steps", help=which)
    command.add_argument("--format", choices=("csv", "jsonl"), default="csv", help=how)
    command.add_argument("-o", "--output", metavar="FILE", type=Path, help="file to write (default: standard output)")
    which = "address of InfluxDB (default: the one that `monty-mqtt up` started, else http://127.0.0.1:8086)"
    command.add_argument("--influxdb", metavar="URL", help=which)
    command.add_argument(
        "--files", metavar="DIR", type=Path, help="folder to write each image or points into, as a file"
    )
    where = "an MCAP file, or a folder in which the page records (default: InfluxDB if it has this, else the page's)"
    command.add_argument("--from", metavar="RECORDING", dest="recording", help=where)
    command.set_defaults(module="export", function="command")


def _add_up(commands: Any) -> None:
    command = _add(commands, "up", "Start broker, bridge, page and history, keep them running, stop them on Ctrl+C.")
    command.add_argument(
        "--host", default="127.0.0.1",
        help="address for other machines, such as 0.0.0.0: the bridge then encrypts, and takes those whom `monty-mqtt "
        "invite` has invited; the broker has a port with TLS and a login; the rest does not (default: %(default)s)",
    )  # fmt: skip
    for name, what in (("--tls-cert", "certificate with its chain"), ("--tls-key", "private key")):
        text = f"{what} for that port of the broker, PEM (default: those of a private authority)"
        command.add_argument(name, metavar="FILE", help=text)
    _add_ports(command)
    command.add_argument(
        "--without", nargs="+", action="extend", default=[], metavar="NAME",
        help="do not start these: broker, bridge, liveview (the page), history, a part of the history (influxdb, "
        "telegraf, grafana), or a program that can be the broker (mosquitto, amqtt)",
    )  # fmt: skip
    command.add_argument(
        "--influxdb", metavar="URL",
        help="use this InfluxDB 2, which runs already, instead of starting one; secrets/influxdb_admin_token in the "
        "state directory must hold a token that may do everything in its organisation",
    )  # fmt: skip
    command.add_argument("--influxdb-org", default="monty", metavar="NAME", help="organisation there (default: monty)")
    of_up = "keep each step in InfluxDB for so long, then the last of each minute (default: for ever)"
    command.add_argument("--keep-steps-days", type=partial(whole, "days"), metavar="N", help=of_up)
    text = "tell these of ends and failures: addresses for Apprise (default: $MONTY_MQTT_NOTIFY, secrets/notify_urls)"
    command.add_argument("--notify", nargs="+", action="extend", metavar="URL", help=text)
    own = "directory of the page's panels of your own, *.js (default: `panels` in the state directory)"
    command.add_argument("--panels", metavar="DIR", type=directory, help=own)
    command.add_argument("--title", metavar="TEXT", default="", help="what the page calls itself")
    command.set_defaults(module="up", function="command")


def _add_run(commands: Any) -> None:
    summary = "Run a Monty experiment and show it live; start broker, bridge and page if none answer."
    command = _add(commands, "run", summary)
    command.usage = "monty-mqtt run [options] experiment=NAME [overrides ...]"
    sweep = "run a Hydra sweep, each job as a run of its own"
    command.add_argument("-m", "--multirun", action="store_true", help=sweep)
    command.add_argument(
        "overrides", nargs="+", metavar="experiment=NAME", help="Hydra overrides, as Monty's run.py takes them"
    )
    processes = partial(whole, "processes")
    at_once = "use Monty's parallel runner, with at most N processes at once"
    command.add_argument("--parallel", type=processes, metavar="N", help=at_once)
    _add_ports(command)
    command.set_defaults(liveview_port=None)  # the experiment's configuration may set one
    command.add_argument("--bridge", metavar="HOST[:PORT]", help="address of your own bridge; needs --broker too")
    _add_broker(command)
    command.set_defaults(module="run", function="command")


def _add_status(commands: Any) -> None:
    codes = "exit codes: 0 a bridge is online, 1 no bridge is online or no broker answers, 2 wrong use"
    command = _add(commands, "status", "Show runs, workers, services, and how many messages were lost.", epilog=codes)
    command.add_argument("--json", action="store_true", help="print JSON, for programs")
    _add_broker(command)
    command.set_defaults(module="status", function="command")


def _add_tail(commands: Any) -> None:
    command = _add(commands, "tail", "Show each message that is published, as one readable line.")
    command.add_argument("run", nargs="?", metavar="RUN", help="run id, or the beginning of it (default: all runs)")
    command.add_argument("-n", "--count", type=partial(whole, "lines"), metavar="N", help="stop after N lines")
    _add_broker(command)
    command.set_defaults(module="tail", function="command")


def _add_commands(commands: Any) -> None:
    for word, summary in _COMMANDS.items():
        command = _add(commands, word, summary)
        command.add_argument("run", metavar="RUN", help="run id, or the beginning of it")
        command.add_argument("--worker", metavar="W", help="the only worker that obeys (default: all workers)")
        command.add_argument("--reason", metavar="TEXT", help="text that is published with the command")
        command.add_argument(
            "--timeout-secs", type=secs, default=30.0, metavar="SECS",
            help="how long to wait for the acknowledgement (default: %(default)s)",
        )  # fmt: skip
        command.set_defaults(module="control", function="command", word=word, steps=None)
        if word == "step":
            steps = partial(whole, "steps")
            command.add_argument(
                "-n", "--steps", type=steps, default=1, metavar="N", help="how many steps (default: %(default)s)"
            )
        _add_broker(command)


def _add_record(commands: Any) -> None:
    command = _add(commands, "record", "Record what is published from now on, in an MCAP file for Foxglove.")
    command.add_argument(
        "run", nargs="?", metavar="RUN",
        help="run id, or the beginning of it; the recording ends with the run (default: all runs, until Ctrl+C)",
    )  # fmt: skip
    command.add_argument(
        "-o", "--output", type=Path, required=True, metavar="FILE.mcap", help="file to write; it must not exist yet"
    )
    _add_broker(command)
    command.set_defaults(module="record", function="command")


def _add_replay(commands: Any) -> None:
    summary = "Restore runs from spools or recordings as they were, or play recordings as if they were live now."
    command = _add(commands, "replay", summary)
    command.add_argument(
        "files", nargs="+", type=Path, metavar="FILE",
        help="a recording, a directory that holds the parts of one, or a spool (messages that no bridge took)",
    )  # fmt: skip
    command.add_argument("--as-new", action="store_true", help="play the recording now, as new runs")
    command.add_argument(
        "--speed", type=float, metavar="X", help="with --as-new: 2 is twice as fast, 0 as fast as possible (default: 1)"
    )
    command.add_argument(
        "--bridge", metavar="HOST[:PORT]", help="address of your own bridge (default: the one that runs here)"
    )
    command.set_defaults(module="replay", function="command")


def _add_forget(commands: Any) -> None:
    command = _add(commands, "forget", "Delete what is kept of a run that has ended, after asking.")
    command.add_argument("run", metavar="RUN", help="run id, or the beginning of it")
    command.add_argument("--yes", action="store_true", help="do not ask")
    _add_broker(command)
    command.set_defaults(module="forget", function="command")


def _add_thin(commands: Any) -> None:
    command = _add(commands, "thin", "Keep of old steps in InfluxDB the last of each minute; episodes stay whole.")
    command.add_argument("--keep-steps-days", type=partial(whole, "days"), required=True, metavar="N", help="days")
    command.set_defaults(module="thin", function="command")


def _add_invitations(commands: Any) -> None:
    of_invite = "Make the key with which another machine's experiments may send to this bridge."
    for word, summary in (("invite", of_invite), ("revoke", "Let an invited client in no more, and cut it off.")):
        command = _add(commands, word, summary)
        command.add_argument("name", metavar="NAME", help="name of the other machine, or of its user")
        command.set_defaults(module="invite", function=word)


def _add_doctor(commands: Any) -> None:
    command = _add(commands, "doctor", "Show what is installed and which ports are free, and how to correct the rest.")
    command.add_argument("--json", action="store_true", help="print JSON, for programs and bug reports")
    command.add_argument(
        "--broker", metavar="ADDRESS",
        help="try instead whether this broker does what is needed of one; several nodes of it as mqtts://a:8883,b:8883",
    )  # fmt: skip
    _add_ca_file(command)
    command.add_argument(
        "--passwords", metavar="DIR", type=Path,
        help="directory of the passwords at that broker, USER.password (default: those of the state directory)",
    )  # fmt: skip
    command.set_defaults(module="doctor", function="command")
