"""This module publishes the model's state after every step, and obeys commands.

Called by Monty as its hook; calls the user's own hook for the actions, then publishes Step, frames and hypotheses.
It runs on the experiment's thread: it encodes no images, and waits only while the run is paused.
"""

from __future__ import annotations

import time
from typing import Any, Callable, Dict, List, Optional

from monty_mqtt.broadcast.broadcaster import ZmqBroadcaster
from monty_mqtt.config import LiveViewConfig
from monty_mqtt.monitor.commands import CommandObeyer
from monty_mqtt.monitor.error_guard import ErrorGuard
from monty_mqtt.monitor.monitor_cost import MonitorCost
from monty_mqtt.monitor.progress import ProgressTracker
from monty_mqtt.observe.action_amounts import amounts_of
from monty_mqtt.observe.model_reader import ModelReader, has_evidence, mode_of
from monty_mqtt.observe.raw_arrays import hypothesis_cloud, images
from monty_mqtt.wire.schema import Frame, Hypotheses, Progress, Step

__all__ = ["LiveViewStepHook", "StepPublisher"]

_GREATEST_CLOUD_SHARE = 0.001
"""Largest share of the experiment's time that clouds may take; if one costs more, they are sent less often."""


class LiveViewStepHook:
    """LiveViewStepHook is Monty's StepHook, chained after the user's own.

    Args:
        user_hook: The hook that the configuration names; it sees and decides the same as without the monitor.

    Attributes:
        publisher: Publishes the steps while a monitored run lasts; otherwise None.
    """

    def __init__(self, user_hook: Any) -> None:
        self._user_hook = user_hook
        self.publisher: Optional[StepPublisher] = None

    def __call__(self, ctx: Any, monty: Any, supervised_lm_ids: Any, step: int, observations: Any, actions: Any) -> Any:
        """Return the actions of the user's hook, and publish the step.

        Raises:
            AbortRequested: A command asks for an abort.
        """
        actions = self._user_hook(ctx, monty, supervised_lm_ids, step, observations, actions)
        if self.publisher is not None:
            self.publisher.publish(monty, step, observations, actions)
        return actions

    def close(self) -> None:
        """Close the user's hook; the monitor's part holds nothing."""
        self._user_hook.close()


class StepPublisher:
    """StepPublisher publishes the steps of one monitored run.

    Args:
        broadcaster: Publishes the messages.
        config: Says what is published, and how often.
        progress: Counts the steps that are reported here.
        commands: Obeys the commands that the run receives.
        guard: Counts the errors that occur here.
        cost: Sums up the monitor's time; this adds its own, and publishes the sum.
        clock: Returns nanoseconds of a clock that is never set.
    """

    def __init__(
        self,
        broadcaster: ZmqBroadcaster,
        config: LiveViewConfig,
        progress: ProgressTracker,
        commands: CommandObeyer,
        guard: ErrorGuard,
        cost: MonitorCost,
        clock: Callable[[], int] = time.perf_counter_ns,
    ) -> None:
        self._broadcaster = broadcaster
        self._config = config
        self._progress = progress
        self._commands = commands
        self._guard = guard
        self._cost = cost
        self._clock = clock
        self._reader: Optional[ModelReader] = None
        self._action_names: Dict[type, str] = {}
        self._last_began: Optional[int] = None
        self._last_step = -1
        self._frames_due = 0
        self._cloud_due = 0
        self._cloud_turn = 0

    def publish(self, monty: Any, step: int, observations: Any, actions: Any) -> None:
        """Publish the results of one step, then obey the commands that have arrived.

        Raises:
            AbortRequested: A command asks for an abort.
        """
        began = self._clock()
        with self._guard:
            total_step = self._progress.stepped(step)
            self._publish_step(monty, step, total_step, actions, began)
            if self._config.frames and began >= self._frames_due:
                self._frames_due = began + self._config.sensor_image_throttle_ms * 1_000_000
                self._publish_frames(observations, step, total_step)
            if self._config.max_hypotheses and began >= self._cloud_due:
                self._publish_cloud(monty, step, began)
            self._publish_progress(began)
        self._last_began = began
        self._cost.add(self._clock() - began)
        with self._guard:
            paused_secs = self._commands.obey(step, self._progress.position.episode)
            if paused_secs:
                self._progress.paused(paused_secs)
                self._last_began += int(paused_secs * 1e9)

    def _publish_step(self, monty: Any, step: int, total_step: int, actions: Any, began: int) -> None:
        seen = self._reader_of(monty, step).read()
        amounts = amounts_of(actions or ())
        micros = self._cost.take_micros()
        target = getattr(monty, "primary_target", None)
        position = self._progress.position
        self._broadcaster.publish(
            Step,
            mode=position.mode or mode_of(monty),
            epoch=position.epoch,
            episode=position.episode,
            step=step,
            total_step=total_step,
            step_type=getattr(monty, "step_type", None),
            is_motor_only=getattr(monty, "is_motor_only_step", None),
            step_secs=None if self._last_began is None or step == 0 else (began - self._last_began) / 1e9,
            monitor_micros=None if self._last_began is None else micros,
            actions=[self._name_of(action) for action in actions or ()],
            action_amounts=amounts.of_actions,
            target_object=target["object"] if target else None,
            learning_modules=seen.learning_modules,
            sensor_modules=seen.sensor_modules,
            non_finite=seen.non_finite + amounts.non_finite,
        )

    def _reader_of(self, monty: Any, step: int) -> ModelReader:
        reader = self._reader
        if reader is None or not reader.of(monty):
            reader = self._reader = ModelReader(monty)
        if step <= self._last_step:
            reader.begin_episode()
        self._last_step = step
        return reader

    def _name_of(self, action: Any) -> str:
        kind = type(action)
        name = self._action_names.get(kind)
        if name is None:
            name = self._action_names[kind] = str(getattr(action, "name", None) or kind.__name__)
        return name

    def _publish_frames(self, observations: Any, step: int, total_step: int) -> None:
        episode = self._progress.position.episode
        for image in images(observations):
            self._broadcaster.publish(
                Frame,
                (image.pixels,),
                sensor=image.sensor,
                modality=image.modality,
                episode=episode,
                step=step,
                total_step=total_step,
                height=image.height,
                width=image.width,
                camera=image.camera,
            )

    def _publish_cloud(self, monty: Any, step: int, began: int) -> None:
        """Publish the cloud of one learning module, in turn: no step pays for all, and short episodes have clouds."""
        before = self._clock()
        with_evidence: List[Any] = [lm for lm in monty.learning_modules if has_evidence(lm)]
        if with_evidence:
            lm = with_evidence[self._cloud_turn % len(with_evidence)]
            self._cloud_turn += 1
            cloud = hypothesis_cloud(lm, self._config.max_hypotheses)
            if cloud is not None:
                self._broadcaster.publish(
                    Hypotheses,
                    cloud.buffers,
                    learning_module=lm.learning_module_id,
                    episode=self._progress.position.episode,
                    step=step,
                    objects=cloud.objects,
                    count=cloud.kept,
                    total=cloud.total,
                )
        cost = self._clock() - before
        interval = 1e9 / self._config.hypotheses_per_sec / max(1, len(with_evidence))
        self._cloud_due = began + int(max(interval, cost / _GREATEST_CLOUD_SHARE))

    def _publish_progress(self, began: int) -> None:
        now = began / 1e9
        if self._progress.due(now):
            self._broadcaster.publish(Progress, **self._progress.fields(now, time.time_ns()))
