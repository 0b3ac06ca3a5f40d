"""Every type of event that the original declares, and what becomes of it today."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from esper.history.legacy import decisions, env_events, policy_events, run_events, seed_events
from esper.history.legacy.book import Book
from esper.history.legacy.fields import KeptAsideError
from esper.history.legacy.lines import SNAPSHOT, LegacyLine
from esper.telemetry.events import BatchEpochCompleted, EventKind, Payload, RunEnd, TrainingEnded

CONVERTED: Final[Mapping[str, Callable[[LegacyLine, Book], Payload]]] = {
    "TRAINING_STARTED": run_events.training_started,
    "SEED_GERMINATED": seed_events.seed_germinated,
    "SEED_STAGE_CHANGED": seed_events.seed_stage_changed,
    "SEED_GATE_EVALUATED": seed_events.seed_gate_evaluated,
    "SEED_FOSSILIZED": seed_events.seed_fossilized,
    "SEED_PRUNED": seed_events.seed_pruned,
    "EPOCH_COMPLETED": env_events.epoch_completed,
    "COUNTERFACTUAL_MATRIX_COMPUTED": env_events.counterfactual_matrix_computed,
    "EPISODE_OUTCOME": env_events.episode_outcome,
    "GOVERNOR_ROLLBACK": env_events.governor_rollback,
    "PPO_UPDATE_COMPLETED": policy_events.ppo_update_completed,
    "PLATEAU_DETECTED": run_events.trend_detected,
    "DEGRADATION_DETECTED": run_events.trend_detected,
    "IMPROVEMENT_DETECTED": run_events.trend_detected,
    "BATCH_EPOCH_COMPLETED": run_events.batch_epoch_completed,
    "PERFORMANCE_DEGRADATION": policy_events.performance_degradation,
    "MEMORY_WARNING": policy_events.memory_warning,
    "REWARD_HACKING_SUSPECTED": policy_events.reward_hacking_suspected,
    **dict.fromkeys(policy_events.ANOMALY_LABELS, policy_events.update_anomaly),
    f"{SNAPSHOT}/last_action": decisions.last_action,
    f"{SNAPSHOT}/batch_stats": run_events.batch_stats,
    f"{SNAPSHOT}/action_distribution": run_events.action_distribution,
}
"""What has a counterpart today."""

WITHOUT_COUNTERPART: Final[Mapping[str, str]] = {
    "CHECKPOINT_LOADED": "checkpoints of the original cannot be loaded",
    "TAMIYO_INITIATED": "today's controllers decide from the first epoch on",
    "ISOLATION_VIOLATION": "the original never sends it",
    "PHASE_PROFILE_COMPLETED": "its phases are not today's",
    "MORPHOLOGY_CAUSAL_LOG": "today's decisions say all of it themselves",
    "TOPOLOGY_MANIFEST_RECORDED": "today's networks are files in hosts/",
    "ALLOCATOR_STATS": "today's alarms watch the memory",
    f"{SNAPSHOT}/summary_table": "it is text for a console",
    f"{SNAPSHOT}/shapley_computed": "it comes after the matrix that would hold it",
    f"{SNAPSHOT}/heuristic_config": "it is a start without what a start holds",
    f"{SNAPSHOT}/heuristic_episode": "it has no rounds",
    f"{SNAPSHOT}/heuristic_warning": "it is text for a console",
    f"{SNAPSHOT}/throughput": "the original never sends it",
    f"{SNAPSHOT}/reward_summary": "the original never sends it",
    f"{SNAPSHOT}/mask_hit_rates": "the original never sends it",
}
"""What has none, and why."""

_UNKNOWN: Final = "this type is not known"


@dataclass(slots=True, kw_only=True)
class Dialect:
    """Converts a file line by line.

    read: the lines by label.
    became: the events by the label of the line and their kind.
    aside: the lines without a counterpart, by label and reason.
    """

    read: Counter[str] = field(default_factory=Counter[str])
    became: Counter[tuple[str, EventKind]] = field(default_factory=Counter[tuple[str, EventKind]])
    aside: Counter[tuple[str, str]] = field(default_factory=Counter[tuple[str, str]])
    _book: Book = field(default_factory=Book)
    _first_time: float | None = None
    _rounds: dict[str, int] = field(default_factory=dict[str, int])

    def convert(self, line: LegacyLine) -> Payload | None:
        """Today's event for a line; None if it has none.

        Raises:
            RecordError: the line is damaged.
        """
        self.read[line.label] += 1
        self._first_time = line.time if self._first_time is None else self._first_time
        convert = CONVERTED.get(line.label)
        try:
            if convert is None:
                raise KeptAsideError(WITHOUT_COUNTERPART.get(line.label, _UNKNOWN))
            payload = convert(line, self._book)
        except KeptAsideError as reason:
            self.aside[line.label, str(reason)] += 1
            return None
        self.became[line.label, payload.kind] += 1
        if isinstance(payload, BatchEpochCompleted):
            self._rounds[line.group_id] = payload.batch
        return payload

    def ending(self, time: float) -> TrainingEnded | None:
        """The end of the run, which the original does not record: it is over once every round is. None before that.

        time: that of the last line.
        """
        groups = self._book.groups
        if not groups or any(self._rounds.get(name, 0) < group.started.max_batches for name, group in groups.items()):
            return None
        assert self._first_time is not None, "a group starts with a line"
        return TrainingEnded(
            end=RunEnd.FINISHED, batches_completed=max(self._rounds.values()), wall_seconds=time - self._first_time
        )
