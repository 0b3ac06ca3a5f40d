"""The only way in which anything outside the trainer may influence a run.

Every request is one assignment. A signal handler can therefore make it wherever the program happens to be: a lock might
be held by the very code that was interrupted. The price is that a paused trainer looks twenty times a second.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from typing import Final

from esper.contracts.actions import Op
from esper.contracts.orders import Order
from esper.errors import ConfigError

LOOK_SECONDS: Final = 0.05
"""How often a paused trainer looks whether it may go on."""

MOST_ORDERS: Final = 1000
"""How many orders may wait to be taken."""

LONGEST_WAIT: Final = 10_000
"""At how many decisions in a row an env may be told to wait."""


class RunControl:
    """Pause, resume, save, steer and stop a run from any thread. The trainer reads it between host epochs."""

    def __init__(self) -> None:
        self._paused = False
        self._stop = False
        self._stop_after_round = False
        self._checkpoint = False
        self._signal: str | None = None
        self._envs: int | None = None
        self._orders: deque[Order] = deque()  # Adding and taking one are atomic.

    def pause(self) -> None:
        """Hold the trainer before its next host epoch."""
        self._paused = True

    def resume(self) -> None:
        """Let a paused trainer go on."""
        self._paused = False

    def request_checkpoint(self) -> None:
        """Ask the trainer to save the last complete round before its next host epoch, or while it is paused."""
        self._checkpoint = True

    def request_stop(self, *, signal: str | None = None) -> None:
        """Ask the trainer to end after the current host epoch. A paused trainer ends at once.

        signal: the name of the signal that asks for it, if one does. The first that asks names the end, also after a
            request without one.
        """
        self._signal = self._signal or signal
        self._stop = True
        self._paused = False

    def request_stop_after_round(self) -> None:
        """Ask the trainer to finish the current batch, with its update, and then to end."""
        self._stop_after_round = True
        self._paused = False

    def give_order(self, order: Order) -> None:
        """Tell one env what to do at its next decision that has no order yet.

        Raises:
            ConfigError: there is no such env, or the order asks for too much.
        """
        if self._envs is not None and not 0 <= order.env_id < self._envs:
            raise ConfigError(f"there is no env {order.env_id}: the run has the envs 0 to {self._envs - 1}")
        longest = LONGEST_WAIT if order.op is Op.WAIT else 1
        if not 1 <= order.epochs <= longest:
            raise ConfigError(f"{order.op.name} for {order.epochs} epochs: 1 to {longest:,} are possible")
        if len(self._orders) >= MOST_ORDERS:
            raise ConfigError(f"{MOST_ORDERS:,} orders are waiting already: the trainer takes them at its next epoch")
        self._orders.append(order)

    def expect_envs(self, envs: int) -> None:
        """Tell how many envs the run has, for the trainer. What was ordered for others before is dropped."""
        self._envs = envs
        self._orders = deque(order for order in self._orders if 0 <= order.env_id < envs)

    def take_orders(self) -> tuple[Order, ...]:
        """What was ordered since the last call, for the trainer."""
        return tuple(self._orders.popleft() for _ in range(len(self._orders)))

    @property
    def is_paused(self) -> bool:
        return self._paused

    @property
    def stop_requested(self) -> bool:
        return self._stop

    @property
    def stop_after_round_requested(self) -> bool:
        return self._stop_after_round

    @property
    def checkpoint_requested(self) -> bool:
        """Whether a checkpoint was asked for that is not written yet."""
        return self._checkpoint

    @property
    def stop_signal(self) -> str | None:
        """The name of the signal that asked for the end, for example SIGTERM; None if something else did or nobody."""
        return self._signal

    def save_if_asked(self, save: Callable[[], None]) -> None:
        """Call save if a checkpoint was asked for that is not written yet."""
        if self._checkpoint:
            save()
            self._checkpoint = False

    def wait_while_paused(self, save: Callable[[], None]) -> None:
        """Block the calling thread, which is the trainer's, while the run is paused.

        save: writes a checkpoint of the last complete round. It is called if one was asked for.
        """
        while True:
            self.save_if_asked(save)
            if not self._paused or self._stop:
                return
            time.sleep(LOOK_SECONDS)
