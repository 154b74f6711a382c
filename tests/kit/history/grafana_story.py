"""Plays the story that Grafana's queries are tested on: the recorded demo, a parallel run, a run with hostile names,
and one run for each alert.
"""

from __future__ import annotations

import itertools
import time

from kit.bridge import Dealer
from kit.history.history_chain import Chain
from kit.messages.told_modes import ended_so

from monty_mqtt.broadcast.spool_file import SpoolFile
from monty_mqtt.wire import schema, spool_format, zmq_protocol
from monty_mqtt.wire.bridge_address import BridgeAddress
from monty_mqtt.wire.message_pieces import Hypothesis, LearningModuleEpisode, LearningModuleStep, Target
from monty_mqtt_stack.demo.demo_recording import recording_path
from monty_mqtt_stack.replay.play import replay

HOSTILE = 'a,b=c "d"\\\n$x [y] (z|w) {${run}} /.*/ é\'😀'
"""Name of an object, a metric, a module, a run and a worker."""

MUG, BOWL = HOSTILE, "bowl"
MACHINE = {
    "process": schema.ProcessUse(cpu_percent=187.5, memory_bytes=1 << 30, threads=12, gpu_memory_bytes=1 << 29),
    "host": schema.HostUse(load=3.25, cpus=8, gpu_percent=42.5, disk_free_bytes=10**11, disk_total_bytes=5 * 10**11),
}
FRAME = {"episode": 0, "step": 2, "height": 1, "width": 1}
NANS = (100, 101, 9000)
"""Places of the values of the spiked run's metric that are NaN."""

WORKERS = ("parallel_eval_episode_0", "parallel_eval_episode_1", "parallel_eval_episode_2")
"""Workers of the parallel run: the first is done, the second runs, the third has failed."""


class Story:
    """Sends messages to a chain as experiments do.

    Attributes:
        demo: New ids of the demo's runs: learning, recognising.
    """

    def __init__(self, chain: Chain) -> None:
        self.chain = chain
        self.demo: list[str] = []
        self._open: list[Dealer] = []

    def tell(self) -> None:
        """Send the whole story; what takes time to show comes first."""
        self._say("stuck", "main", [(schema.Status, {"status": "running"}), (schema.Step, {})])
        vanished = self._say("vanished", "main", [(schema.Status, {"status": "running"}), (schema.Step, {})])
        self._leave(vanished, range(2, 7))
        vanished.__exit__()
        error = {"error_type": "ValueError", "error_message": "no", "error_traceback": "…"}
        self._say("failed", "main", [(schema.Status, {"status": "error", **error})])
        self._say("called off", "main", [(schema.Status, {"status": "aborted", "reason": "enough"})])
        self._holes()
        replayed = replay(recording_path(), bridge=BridgeAddress(port=self.chain.zmq_port), speed=0)
        self.demo = list(replayed.runs.values())
        self._parallel()
        self._hostile()
        self._spiked()

    def close(self) -> None:
        """Close all connections."""
        for worker in self._open:
            worker.__exit__()

    def _say(self, run: str, worker: str, messages: list[tuple[type, dict]]) -> Dealer:
        dealer = Dealer(self.chain.zmq_port, run, worker, started_unix_nanos=_now())
        self._open.append(dealer)
        dealer.hello()
        for seq, (kind, fields) in enumerate(messages):
            dealer.send(kind, seq, time_unix_nanos=_now(), **fields)
        dealer.acked(len(messages))
        return dealer

    def _leave(self, dealer: Dealer, seqs: range) -> None:
        header = spool_format.SpoolHeader(
            schema_version=1, run=dealer.run, worker=dealer.worker, started_unix_nanos=dealer.started,
            host="another.example.org",
        )  # fmt: skip
        left = SpoolFile(self.chain.state.path / "spool", header)
        left.write([(seq, (b"v1 step", b"{}")) for seq in seqs])
        left.close()

    def _holes(self) -> None:
        dealer = self._say("holes", "main", [(schema.Status, {"status": "running"})])
        dealer.up(zmq_protocol.Dropped(run="holes", worker="main", first=1, last=3))
        dealer.send(schema.Step, 4, time_unix_nanos=_now())
        dealer.acked(5)

    def _parallel(self) -> None:
        expected = {"episodes_done": 1, "episodes_expected": 2, "elapsed_secs": 60.0,
                    "modes": {"eval": ended_so({"correct": 1}, steps=120)},
                    "estimated_end_unix_nanos": _now() + 60 * 10**9}  # fmt: skip
        self._say("parallel", "main", [(schema.Status, {"status": "running"}), (schema.Progress, expected)])
        for number, worker in enumerate(WORKERS):
            progress = {"episode": number, "step": 7, "elapsed_secs": 10.0 + number,
                        "modes": {"eval": ended_so({"correct": 1}, steps=100)}}  # fmt: skip
            outcome = {"outcome": "correct", "correct": 1, "elapsed_secs": 1.0, "target": Target(object="mug")}
            ended = (schema.EpisodeEnded, {"mode": "eval", "epoch": 0, "episode": number, **outcome})
            first = [(schema.Status, {"status": "running"}), (schema.Progress, progress), (schema.Step, {})]
            last = ([ended, (schema.Status, {"status": "completed"})], [], [(schema.Status, {"status": "error"})])
            self._say("parallel", worker, first + last[number])

    def _hostile(self) -> None:
        module = LearningModuleStep(
            evidence={MUG: 2.5, BOWL: 1.0}, most_likely=Hypothesis(object=MUG, evidence=2.5), is_correct=True,
            second_object=BOWL, margin=1.5, possible_matches=[MUG, BOWL], target_object=MUG, rotation_error_degs=12.0,
        )  # fmt: skip
        step = {"target_object": MUG, "learning_modules": {HOSTILE: module}, "step_secs": 0.04, "monitor_micros": 60.0}
        verdict = LearningModuleEpisode(outcome="confused", detected_object=BOWL, rotation_error_degs=12.0)
        ended = {"mode": "eval", "epoch": 0, "episode": 0, "outcome": "confused", "correct": 0, "used_mlh": 0,
                 "steps": 9, "elapsed_secs": 0.5, "rotation_error_degs": 12.0, "target": Target(object=MUG),
                 "learning_modules": {HOSTILE: verdict}}  # fmt: skip
        progress = {"episodes_done": 1, "episodes_expected": 2, "elapsed_secs": 10.0,
                    "modes": {"eval": ended_so({"confused": 1}, steps=9)},
                    "estimated_end_unix_nanos": _now() + 10**10}  # fmt: skip
        self._say(
            HOSTILE,
            HOSTILE,
            [
                (schema.Info, {"experiment": HOSTILE}),
                (schema.Status, {"status": "running"}),
                *[(schema.Step, step)] * 3,
                (schema.EpisodeEnded, ended),
                (schema.Progress, progress),
                (schema.Metric, {"name": HOSTILE, "value": None, "not_finite": "nan"}),
                (schema.Metric, {"name": HOSTILE, "value": 0.25, "metadata": {HOSTILE: HOSTILE}}),
                (schema.Log, {"level": "warning", "message": HOSTILE, "logger": HOSTILE}),
                (schema.Event, {"event": HOSTILE, "source": HOSTILE, "fields": {HOSTILE: 1}}),
                (schema.Machine, MACHINE),
            ],
        ).send(schema.Frame, 0, [bytes(4)], sensor=HOSTILE, modality="rgba", time_unix_nanos=_now(), **FRAME)

    def _spiked(self) -> None:
        """Send 20,000 values in 20 s: all are 1 except one of 1000 and three NaN; and 200 steps, one of them odd."""
        began = _now() - 30 * 10**9
        module = LearningModuleStep(
            evidence={"mug": 1.0}, margin=1.0, possible_matches=["mug"], rotation_error_degs=1.0
        )
        spiked = LearningModuleStep(
            evidence={"mug": 1000.0}, margin=1000.0, possible_matches=["mug"] * 9, rotation_error_degs=170.0
        )
        dealer = self._say("spiked", "main", [(schema.Status, {"status": "running"})])
        values = [1000.0 if number == 7003 else None if number in NANS else 1.0 for number in range(20_000)]
        for number, value in enumerate(values):
            kind = "nan" if value is None else None
            at = began + number * 10**6
            dealer.send(schema.Metric, number + 1, time_unix_nanos=at, name="loss", value=value, not_finite=kind)
        for number in range(200):
            cost = 1e6 if number == 77 else 60.0
            modules = {"lm": spiked if number == 77 else module}
            dealer.send(schema.Step, number + 20_001, time_unix_nanos=began + 2 * 10**10 + number * 10**7,
                        step_secs=cost / 1000, monitor_micros=cost, learning_modules=modules)  # fmt: skip
        dealer.acked(20_201, 60)


_last = itertools.count()


def _now() -> int:
    """Return the current time in ns since 1970, always later than the last one."""
    return time.time_ns() + next(_last)
