"""What happened to one env of the original within its episode."""

from __future__ import annotations

from esper.contracts.stages import COOLDOWN_STAGES, SeedStage
from esper.history.legacy.book import Book, EnvBook, GroupBook
from esper.history.legacy.fields import Fields, KeptAsideError
from esper.history.legacy.lines import LegacyLine
from esper.telemetry.events import (
    AblationConfig,
    CounterfactualMatrixComputed,
    EpisodeOutcome,
    EpochCompleted,
    GovernorRollback,
    OutcomeType,
    SlotSnapshot,
)


def _place(line: LegacyLine, book: Book) -> tuple[GroupBook, int, EnvBook]:
    """The group, the env's id over all groups, and the env's book."""
    group = book.group(line.group_id)
    env_id = group.first_env + line.data.integer("env_id")
    return group, env_id, group.env(env_id)


def epoch_completed(line: LegacyLine, book: Book) -> EpochCompleted:
    """The measurements of one env after one epoch. Its size is that of the host and of the seeds in its slots."""
    data = line.data
    group, env_id, env = _place(line, book)
    accuracy, table = data.number("val_accuracy"), data.table("seeds")
    slots = tuple(_slot(name, table.table(name), env, accuracy) for name in table.names())
    live = sum(slot.params for slot in slots if slot.stage not in COOLDOWN_STAGES)
    env.accuracies.append(accuracy)
    env.contributions.clear()
    return EpochCompleted(
        env_id=env_id,
        batch=group.batch,
        epoch=data.integer("inner_epoch"),
        train_loss=data.maybe_number("train_loss"),
        train_accuracy=data.maybe_number("train_accuracy"),
        val_loss=data.number("val_loss"),
        val_accuracy=accuracy,
        host_grad_norm=data.maybe_number("host_grad_norm"),
        total_params=group.started.host_params + live,
        host_params=group.started.host_params,
        slots=slots,
    )


def _slot(slot_id: str, data: Fields, env: EnvBook, accuracy: float) -> SlotSnapshot:
    """One occupied slot. What the original calls the gradient ratio here is the health of the gradient."""
    seed = env.seed(slot_id)
    seed.stage = data.member("stage", SeedStage)
    seed.epochs_total += 1
    if seed.accuracy_at_germination is None:
        seed.accuracy_at_germination = accuracy
    return SlotSnapshot(
        slot_id=slot_id,
        seed_id=seed.seed_id,
        stage=seed.stage,
        blueprint=seed.blueprint,
        params=seed.params,
        epochs_in_stage=data.integer("epochs_in_stage"),
        epochs_total=seed.epochs_total,
        alpha=data.number("alpha"),
        alpha_target=None,
        alpha_mode=None,
        improvement=accuracy - seed.accuracy_at_germination,
        contribution=env.contributions.get(slot_id),
        contribution_velocity=data.maybe_number("contribution_velocity"),
        gradient_norm=None,
        gradient_health=data.maybe_number("grad_ratio"),
        gradient_ratio=None,
    )


def counterfactual_matrix_computed(line: LegacyLine, book: Book) -> CounterfactualMatrixComputed:
    """The ablations of one env. They come before the epoch's measurements, to which they lend the contributions."""
    data = line.data
    group, env_id, env = _place(line, book)
    slot_ids = data.texts("slot_ids")
    configs = tuple(_config(config, len(slot_ids)) for config in data.tables("configs"))
    env.contributions = contributions(slot_ids, configs)
    stages = [env.seeds[slot].stage if slot in env.seeds else None for slot in slot_ids]
    return CounterfactualMatrixComputed(
        env_id=env_id,
        batch=group.batch,
        epoch=len(env.accuracies) + 1,
        slot_ids=slot_ids,
        active=tuple(any(config.slots_on[index] for config in configs) for index, _ in enumerate(slot_ids)),
        committed=tuple(stage is SeedStage.FOSSILIZED for stage in stages),
        configs=configs,
        strategy=data.text("strategy"),
        shapley=tuple(None for _ in slot_ids),
        compute_ms=data.number("compute_time_ms"),
    )


def _config(data: Fields, slots: int) -> AblationConfig:
    mask = data.flags("seed_mask")
    if len(mask) != slots:
        raise KeptAsideError("its masks are not about its slots")
    return AblationConfig(slots_on=mask, accuracy=data.number("accuracy"))


def contributions(slot_ids: tuple[str, ...], configs: tuple[AblationConfig, ...]) -> dict[str, float]:
    """By slot, the accuracy with all seeds minus that with all but this one, in points, where both were measured."""
    measured = {config.slots_on: config.accuracy for config in configs}
    whole = (True,) * len(slot_ids)
    found: dict[str, float] = {}
    for index, slot_id in enumerate(slot_ids):
        without = measured.get((*whole[:index], False, *whole[index + 1 :]))
        if whole in measured and without is not None:
            found[slot_id] = measured[whole] - without
    return found


def episode_outcome(line: LegacyLine, book: Book) -> EpisodeOutcome:
    """How an episode ended. Versions of the original divided different sizes by the host's, so it is divided anew."""
    data = line.data
    group, env_id, env = _place(line, book)
    host = group.started.host_params
    accuracy = data.number("final_accuracy")
    outcome = EpisodeOutcome(
        env_id=env_id,
        batch=group.batch,
        episode=data.integer("episode_idx"),
        episode_length=data.integer("episode_length"),
        outcome=data.member("outcome_type", OutcomeType),
        final_accuracy=accuracy,
        test_accuracy=None,
        best_accuracy=max(env.accuracies, default=accuracy),
        episode_reward=data.number("episode_reward"),
        stability=data.number("stability_score"),
        host_params=host,
        total_params=host + env.seed_params,
        param_ratio=(host + env.seed_params) / host,
        num_fossilized=data.integer("num_fossilized"),
        num_contributing_fossilized=data.integer("num_contributing_fossilized"),
        germinations=data.integer("germinate_count"),
        prunes=data.integer("prune_count"),
        reward_mode=data.text("reward_mode"),
    )
    group.outcomes.append(outcome)
    return outcome


def governor_rollback(line: LegacyLine, book: Book) -> GovernorRollback:
    """A host was lost. Which seeds were pruned is said by events of their own."""
    data = line.data
    group, env_id, env = _place(line, book)
    group.rollbacks += 1
    return GovernorRollback(
        env_id=env_id,
        batch=group.batch,
        epoch=len(env.accuracies),
        reason=data.maybe_text("panic_reason") or data.text("reason"),
        loss=data.maybe_number("loss_at_panic"),
        threshold=data.maybe_number("loss_threshold"),
        consecutive_panics=data.maybe_integer("consecutive_panics"),
        restored_epoch=None,
        penalty=None,
        pruned_slots=(),
    )
