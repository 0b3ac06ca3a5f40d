"""The life of a seed in the original."""

from __future__ import annotations

from esper.contracts.actions import AlphaCurve
from esper.contracts.gates import Gate, GateCheck
from esper.contracts.seeds import PruneInitiator
from esper.contracts.stages import SeedStage
from esper.history.legacy.book import Book, EnvBook, PlantedSeed
from esper.history.legacy.fields import KeptAsideError
from esper.history.legacy.lines import LegacyLine
from esper.telemetry.events import (
    SeedFossilized,
    SeedGateEvaluated,
    SeedGerminated,
    SeedPruned,
    SeedStageChanged,
)


def _place(line: LegacyLine, book: Book) -> tuple[int, EnvBook, str]:
    """The env's id over all groups, its book, and the slot."""
    group = book.group(line.group_id)
    env_id = group.first_env + line.data.integer("env_id")
    return env_id, group.env(env_id), line.data.text("slot_id")


def _seed_id(line: LegacyLine) -> str:
    if line.seed_id is None:
        raise KeptAsideError("it does not name its seed")
    return line.seed_id


def seed_germinated(line: LegacyLine, book: Book) -> SeedGerminated:
    """The alpha target and the algorithm stand only in the decision, which follows."""
    data = line.data
    env_id, env, slot_id = _place(line, book)
    planted = PlantedSeed(
        seed_id=_seed_id(line),
        blueprint=data.text("blueprint_id"),
        params=data.integer("params"),
        accuracy_at_germination=env.accuracies[-1] if env.accuracies else None,
    )
    event = SeedGerminated(
        env_id=env_id,
        slot_id=slot_id,
        seed_id=planted.seed_id,
        blueprint=planted.blueprint,
        params=planted.params,
        tempo_epochs=data.integer("blend_tempo_epochs"),
        alpha_target=None,
        alpha_algorithm=None,
        alpha_curve=data.member("alpha_curve", AlphaCurve),
    )
    env.seeds[slot_id] = planted
    return event


def seed_stage_changed(line: LegacyLine, book: Book) -> SeedStageChanged:
    """A seed entered a stage. Once its slot is empty again, it is forgotten."""
    data = line.data
    env_id, env, slot_id = _place(line, book)
    seed, stage = env.seed(slot_id), data.member("to_stage", SeedStage)
    event = SeedStageChanged(
        env_id=env_id,
        slot_id=slot_id,
        seed_id=seed.seed_id,
        blueprint=seed.blueprint,
        from_stage=data.member("from_stage", SeedStage),
        to_stage=stage,
        alpha=data.maybe_number("alpha"),
        accuracy_delta=data.number("accuracy_delta"),
        epochs_in_stage=data.integer("epochs_in_stage"),
    )
    seed.stage = stage
    if stage is SeedStage.DORMANT:
        del env.seeds[slot_id]
    return event


def seed_gate_evaluated(line: LegacyLine, book: Book) -> SeedGateEvaluated:
    """The original names the checks of a gate, without their values and limits."""
    data = line.data
    env_id, _, slot_id = _place(line, book)
    names = [(name, True) for name in data.texts("checks_passed")]
    names += [(name, False) for name in data.texts("checks_failed")]
    return SeedGateEvaluated(
        env_id=env_id,
        slot_id=slot_id,
        seed_id=_seed_id(line),
        gate=data.member("gate", Gate),
        target_stage=data.member("target_stage", SeedStage),
        passed=data.flag("passed"),
        score=None,
        checks=tuple(GateCheck(name=name, value=None, threshold=None, passed=passed) for name, passed in names),
    )


def seed_fossilized(line: LegacyLine, book: Book) -> SeedFossilized:
    """A seed was kept for good."""
    data = line.data
    env_id, env, slot_id = _place(line, book)
    event = SeedFossilized(
        env_id=env_id,
        slot_id=slot_id,
        seed_id=env.seed(slot_id).seed_id,
        blueprint=data.text("blueprint_id"),
        params_added=data.integer("params_added"),
        alpha=data.number("alpha"),
        epochs_total=data.integer("epochs_total"),
        improvement=data.number("improvement"),
        contribution=data.maybe_number("counterfactual"),
    )
    env.seed(slot_id).stage = SeedStage.FOSSILIZED
    return event


def seed_pruned(line: LegacyLine, book: Book) -> SeedPruned:
    """A seed was cut. Its stage may have been told before, or is told by nothing else."""
    data, group = line.data, book.group(line.group_id)
    env_id, env, slot_id = _place(line, book)
    seed = env.seed(slot_id)
    event = SeedPruned(
        env_id=env_id,
        slot_id=slot_id,
        seed_id=seed.seed_id,
        blueprint=seed.blueprint,
        reason=data.text("reason"),
        initiator=data.member("initiator", PruneInitiator),
        epochs_total=data.integer("epochs_total"),
        improvement=data.number("improvement"),
        contribution=data.maybe_number("counterfactual"),
    )
    seed.stage = SeedStage.PRUNED
    group.pruned += 1
    return event
