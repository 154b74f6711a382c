"""What somebody asks of a running experiment, and the answer.

Place in the flow: the bridge sends a Command down; the broadcaster hands each over once, at the next step; this obeys
it and publishes the CommandResult.
"""

from __future__ import annotations

from typing import Optional

from monty_mqtt.broadcaster import ZmqBroadcaster
from monty_mqtt.errors import AbortRequested
from monty_mqtt.schema import Command, CommandResult, Status

__all__ = ["Commands"]


class Commands:
    """Obeys commands; the only one now is `abort`.

    Args:
        broadcaster: Where commands come from and answers go to.

    Attributes:
        abort_reason: Why the run is being aborted; None while it is not.
    """

    def __init__(self, broadcaster: ZmqBroadcaster) -> None:
        self._broadcaster = broadcaster
        self.abort_reason: Optional[str] = None

    def obey(self, step: Optional[int]) -> None:
        """Take what came and do it.

        Args:
            step: The step within the episode, None between episodes.

        Raises:
            AbortRequested: The run is to end, now or because it was told so before.
        """
        for command in self._broadcaster.take_commands():
            self._do(command, step)
        if self.abort_reason is not None:
            raise AbortRequested(self.abort_reason)

    def _do(self, command: Command, step: Optional[int]) -> None:
        if command.command != "abort":
            detail = f"{command.command!r} is not a command of this version; it knows: abort"
            self._broadcaster.publish(CommandResult, id=command.id, status="refused", detail=detail)
            return
        where = "between episodes" if step is None else f"at step {step}"
        if self.abort_reason is None:
            self.abort_reason = command.reason or "aborted by command"
            self._broadcaster.publish(Status, status="aborting", reason=self.abort_reason)
        self._broadcaster.publish(CommandResult, id=command.id, status="obeyed", detail=f"aborting {where}")
