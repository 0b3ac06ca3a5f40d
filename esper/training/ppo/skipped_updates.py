"""Why a PPO update was skipped, and when skipping has to stop the run."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Final

from esper.errors import SkippedUpdatesError

MAX_SKIPPED_IN_A_ROW: Final = 3


class SkipCause(StrEnum):
    """What made an update impossible. The first of these that holds is the cause."""

    NO_STEPS = "no env executed a step: every host was lost before its first decision"
    VALUES = "a value estimate of the rollout is not finite"
    RETURNS = "a reward of the rollout is not finite"
    POLICY_LOSS = "the policy loss is not finite"
    VALUE_LOSS = "the value loss is not finite"
    ENTROPY_LOSS = "the entropy loss is not finite"
    GRADIENT = "the gradient of the policy is not finite"
    DISPLAY_GRADIENT = "the gradient of a display head is not finite"


class SkipCounter:
    """Counts the skipped updates of one group since its last successful update."""

    def __init__(self) -> None:
        self._causes: list[str] = []

    def recall(self, causes: Sequence[str | None]) -> None:
        """Continue after earlier batches, given one cause or None for each.

        A run that had to stop there starts afresh.
        """
        self._causes.clear()
        for cause in causes:
            self._causes = [] if cause is None else [*self._causes, cause]
        if len(self._causes) >= MAX_SKIPPED_IN_A_ROW:
            self._causes.clear()

    def count(self, cause: str | None) -> None:
        """Take note of a batch's update.

        cause: why it was skipped, or None if it was not.

        Raises:
            SkippedUpdatesError: this was the third skipped update in a row.
        """
        if cause is None:
            self._causes.clear()
            return
        self._causes.append(cause)
        if len(self._causes) >= MAX_SKIPPED_IN_A_ROW:
            raise SkippedUpdatesError(self._causes)
