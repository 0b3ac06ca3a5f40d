"""What alarms remember: earlier accuracies, seeds already reported, and when memory was last reported."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

import torch

from esper.contracts.counterfactual import CounterfactualMatrix
from esper.contracts.seeds import SeedInfo
from esper.telemetry.events import AnomalyDetected, Severity
from esper.training.anomalies.detect import Place, accuracy_anomalies, memory_anomalies, seed_anomalies, seed_epoch
from esper.training.anomalies.memory import MemoryReading, read_memory
from esper.training.anomalies.rules import DROP_MIN_SAMPLES, SUSPICIOUS_EPOCHS, SeedEpoch, SeedReading
from esper.training.config import RunConfig

MEMORY_COOLDOWN_SECONDS: Final = 60.0


class AccuracyWatch:
    """Compares the envs of a group with themselves, batch after batch."""

    def __init__(self, config: RunConfig) -> None:
        self._batches = config.rounds
        self._window = max(config.rolling_window, DROP_MIN_SAMPLES)
        self._earlier: dict[int, deque[float]] = {}

    def after_batch(self, batch: int, accuracies: dict[int, float]) -> tuple[AnomalyDetected, ...]:
        """The alarms of a batch.

        accuracies: the final validation accuracy, in percent, by env_id.
        """
        found: list[AnomalyDetected] = []
        for env_id, accuracy in accuracies.items():
            earlier = self._earlier.get(env_id, ())
            found += accuracy_anomalies(accuracy, earlier, env_id=env_id, batch=batch, batches=self._batches)
        self.remember(accuracies)
        return tuple(found)

    def remember(self, accuracies: dict[int, float]) -> None:
        """Keep the accuracies of a batch for the batches to come."""
        for env_id, accuracy in accuracies.items():
            self._earlier.setdefault(env_id, deque(maxlen=self._window)).append(accuracy)


class SeedWatch:
    """Reports each suspicion of a seed once per level, in the epoch in which it has lasted long enough."""

    def __init__(self, slot_ids: Sequence[str], *, batch: int, batches: int, validation_predictions: int) -> None:
        """validation_predictions: how many predictions one validation pass makes for one env."""
        self._slot_ids = tuple(slot_ids)
        self._batch = batch
        self._batches = batches
        self._prediction = 100.0 / validation_predictions
        self._recent: dict[str, tuple[SeedEpoch, ...]] = {}
        self._told: set[tuple[str, str, Severity]] = set()

    def after_epoch(
        self, env_id: int, epoch: int, matrix: CounterfactualMatrix, seeds: Sequence[SeedInfo | None]
    ) -> tuple[AnomalyDetected, ...]:
        """The alarms of one env's epoch.

        seeds: the env's slots, in slot order.
        """
        new: list[AnomalyDetected] = []
        for slot, (slot_id, seed) in enumerate(zip(self._slot_ids, seeds, strict=True)):
            if seed is None:
                continue
            place = Place(batch=self._batch, batches=self._batches, epoch=epoch, env_id=env_id, slot_id=slot_id)
            for alarm in seed_anomalies(self._reading(seed.seed_id, seed_epoch(matrix, slot)), place):
                key = (seed.seed_id, alarm.rule, alarm.severity)
                if key not in self._told:
                    self._told.add(key)
                    new.append(alarm)
        return tuple(new)

    def _reading(self, seed_id: str, now: SeedEpoch | None) -> SeedReading:
        """The seed's latest epochs with this one. An epoch without a measurement breaks the row."""
        row = () if now is None else (*self._recent.get(seed_id, ()), now)[-SUSPICIOUS_EPOCHS:]
        self._recent[seed_id] = row
        return SeedReading(epochs=row, prediction=self._prediction)


class MemoryWatch:
    """Looks at the device's memory after every batch, and reports at most once in MEMORY_COOLDOWN_SECONDS."""

    def __init__(
        self,
        device: torch.device,
        *,
        batches: int,
        read: Callable[[torch.device], MemoryReading | None] = read_memory,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._device = device
        self._batches = batches
        self._read = read
        self._clock = clock
        self._silent_until = -float("inf")

    def after_batch(self, batch: int) -> tuple[AnomalyDetected, ...]:
        if self._clock() < self._silent_until:
            return ()
        found = memory_anomalies(self._read(self._device), batch, self._batches)
        if found:
            self._silent_until = self._clock() + MEMORY_COOLDOWN_SECONDS
        return found
