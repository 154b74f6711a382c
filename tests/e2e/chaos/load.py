"""An experiment that publishes what it is told to, as a program that can be killed.

`python -m chaos.load PORT RUN WORKER [--pad BYTES]`, then on its standard input, one a line:

- `publish COUNT [PER_SECOND]`: so many messages of all sorts, at full speed or at a rate, and with every 50th a frame;
  then it rests, which is to publish nothing but take each chance to send and to hear
- `silent`: rests no more, as in one long step: nothing of ours runs until the next word
- `set_back SECS`: the wall clock is that much behind from now on
- `close SECS`: the end of the run, with so long for what is left; the process ends

It obeys every command by saying so; it reports which, and the broadcaster's counts. Seq 0 is its `info`, seq 1 its
`status`, the last one its `end`.
"""

from __future__ import annotations

import argparse
import queue
import sys
import threading
import time
from typing import Any

import msgspec

from chaos.program import say
from monty_mqtt import ZmqBroadcaster, process_info
from monty_mqtt.wire import schema
from monty_mqtt.wire.message_pieces import LearningModuleStep

REST_SECS = 0.01
REPORT_SECS = 0.05
FRAME: dict[str, Any] = {"sensor": "patch", "modality": "rgba", "episode": 0, "height": 64, "width": 64}
FRAME_BUFFER = bytes(64 * 64 * 4)
FRAME_EVERY = 50
EVIDENCE: dict[str, float | None] = {f"object_{number}": number * 0.37 for number in range(10)}


class Load:
    def __init__(self, broadcaster: ZmqBroadcaster, pad: str) -> None:
        self._broadcaster = broadcaster
        self._pad = pad
        self._words: queue.SimpleQueue[list[str]] = queue.SimpleQueue()
        self._obeyed: list[str] = []
        self._number = 0
        self._done = 0
        self._report_at = 0.0
        self._pause = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)

    def run(self) -> None:
        self._broadcaster.publish(schema.Info, **process_info.this_process(self._broadcaster.run))
        self._broadcaster.publish(schema.Status, status="running")
        self._reader.start()
        rests, closed = True, False
        while not closed:
            self.report()
            try:
                word, *arguments = self._words.get(timeout=REST_SECS if rests else None)
            except queue.Empty:
                self.obey()
                continue
            rests = word != "silent"
            if word == "publish":
                self.publish(*map(int, arguments))
            elif word == "set_back":
                self.set_back(float(arguments[0]))
            elif word == "close":
                self._broadcaster.close(flush_secs=float(arguments[0]))
                closed = True
            self._done += 1
            self.report(due=True)

    def publish(self, count: int, per_sec: int = 0) -> None:
        began = time.monotonic()
        for number in range(count):
            while per_sec and time.monotonic() < began + number / per_sec:
                self._broadcaster.pump()
                self._pause.wait(0.001)
            self._publish_one(self._number)
            if not self._number % FRAME_EVERY:
                self._broadcaster.publish(schema.Frame, [FRAME_BUFFER], step=self._number, **FRAME)
            self._number += 1
            if not number % 100:
                self.obey()
                self.report()

    def obey(self) -> None:
        for command in self._broadcaster.take_commands():
            self._obeyed.append(command.id)
            self._broadcaster.publish(schema.CommandResult, id=command.id, status="obeyed")

    def set_back(self, secs: float) -> None:
        self._broadcaster._outbox.stamps.wall = lambda: time.time_ns() - int(secs * 1e9)

    def report(self, *, due: bool = False) -> None:
        now = time.monotonic()
        if due or now >= self._report_at:
            self._report_at = now + REPORT_SECS
            say(done=self._done, obeyed=self._obeyed, **msgspec.structs.asdict(self._broadcaster.counts))

    def _publish_one(self, number: int) -> None:
        which = number % 10
        if which == 0:
            module = LearningModuleStep(evidence=EVIDENCE, possible_matches=["object_9"])
            place: dict[str, Any] = {"mode": "eval", "epoch": 0, "episode": 0, "step": number}
            self._broadcaster.publish(schema.Step, learning_modules={"LM_0": module}, **place)
        elif which == 1:
            self._broadcaster.publish_data("numbers", {"number": number})
        elif which == 2:
            self._broadcaster.publish_log("info", f"number {number}")
        elif which == 3:
            self._broadcaster.publish_state(number=number)
        else:
            self._broadcaster.publish_metric("number", number, pad=self._pad)

    def _read(self) -> None:
        for line in sys.stdin:
            self._words.put(line.split())
        self._words.put(["close", "0"])  # whoever started it is gone


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("port", type=int)
    parser.add_argument("run")
    parser.add_argument("worker")
    parser.add_argument("--pad", type=int, default=20)
    options = parser.parse_args()
    broadcaster = ZmqBroadcaster(run_id=options.run, worker=options.worker, zmq_port=options.port, strict=True)
    Load(broadcaster, "x" * options.pad).run()


if __name__ == "__main__":
    main()
