"""What the evaluation reads from the events of a run."""

from __future__ import annotations

from esper.contracts.actions import AlphaAlgorithm, AlphaCurve, Blueprint
from esper.contracts.stages import SeedStage
from esper.evaluation.collector import EpisodeCollector
from esper.telemetry.events import (
    EpisodeOutcome,
    Event,
    HeadChoice,
    LastAction,
    OutcomeType,
    Payload,
    SeedGerminated,
    SeedStageChanged,
)


def germinated(slot: str, blueprint: str, env_id: int = 0) -> SeedGerminated:
    return SeedGerminated(
        env_id=env_id,
        slot_id=slot,
        seed_id=f"seed in {slot}",
        blueprint=blueprint,
        params=10,
        tempo_epochs=3,
        alpha_target=1.0,
        alpha_algorithm=AlphaAlgorithm.ADD,
        alpha_curve=AlphaCurve.LINEAR,
    )


def moved(slot: str, to_stage: SeedStage, env_id: int = 0) -> SeedStageChanged:
    return SeedStageChanged(
        env_id=env_id,
        slot_id=slot,
        seed_id=f"seed in {slot}",
        blueprint="norm",
        from_stage=SeedStage.TRAINING,
        to_stage=to_stage,
        alpha=1.0,
        accuracy_delta=0.0,
        epochs_in_stage=1,
    )


def reblended(slot: str, style: str, *, success: bool = True) -> LastAction:
    head = HeadChoice(
        head="style",
        choice=style,
        probability=1.0,
        entropy=0.0,
        second=None,
        second_probability=None,
        legal=4,
        size=4,
        masked=False,
        relevant=True,
    )
    return LastAction(
        env_id=0,
        batch=1,
        epoch=1,
        op="SET_ALPHA_TARGET",
        effective_op="SET_ALPHA_TARGET",
        slot_id=slot,
        success=success,
        refusal=None,
        heads=(head,),
        legal_ops=(),
        op_masks=None,
        alternatives=(),
        decision_entropy=0.0,
        value_estimate=None,
        op_values=(),
        reward=0.0,
        reward_normalized=0.0,
        episode_reward=0.0,
        reward_terms=(),
    )


def outcome(env_id: int = 0, kind: OutcomeType = OutcomeType.TIMEOUT) -> EpisodeOutcome:
    return EpisodeOutcome(
        env_id=env_id,
        batch=1,
        episode=env_id,
        episode_length=5,
        outcome=kind,
        final_accuracy=40.0,
        test_accuracy=41.0,
        best_accuracy=45.0,
        episode_reward=1.5,
        stability=1.0,
        host_params=100,
        total_params=120,
        param_ratio=1.2,
        num_fossilized=1,
        num_contributing_fossilized=1,
        germinations=3,
        prunes=1,
        reward_mode="shaped",
    )


def collected(*payloads: Payload) -> EpisodeCollector:
    collector = EpisodeCollector(seed=7)
    for seq, payload in enumerate(payloads, start=1):
        collector.accept(Event(seq=seq, time=0.0, payload=payload))
    return collector


def test_only_what_is_in_the_forward_path_is_in_the_network() -> None:
    (episode,) = collected(
        germinated("r0c0", "norm"),
        moved("r0c0", SeedStage.FOSSILIZED),
        germinated("r0c1", "attention"),
        moved("r0c1", SeedStage.TRAINING),
        germinated("r0c2", "conv_light"),
        moved("r0c2", SeedStage.PRUNED),
        outcome(),
    ).episodes
    assert [(seed.slot_id, seed.blueprint) for seed in episode.network] == [("r0c0", Blueprint.NORM)]
    assert (episode.germinated, episode.fossilized, episode.wasted) == (3, 1, 2)
    assert (episode.seed, episode.test_accuracy, episode.reward) == (7, 41.0, 1.5)


def test_a_slot_may_be_used_again() -> None:
    (episode,) = collected(
        germinated("r0c0", "norm"),
        moved("r0c0", SeedStage.PRUNED),
        moved("r0c0", SeedStage.DORMANT),
        germinated("r0c0", "attention"),
        moved("r0c0", SeedStage.BLENDING),
        outcome(),
    ).episodes
    assert [seed.blueprint for seed in episode.network] == [Blueprint.ATTENTION]


def test_another_blend_is_noticed_unless_it_was_refused() -> None:
    life = (germinated("r0c0", "norm"), moved("r0c0", SeedStage.HOLDING))
    (gated,) = collected(*life, reblended("r0c0", "gated_gate"), outcome()).episodes
    (refused,) = collected(*life, reblended("r0c0", "gated_gate", success=False), outcome()).episodes
    assert [seed.algorithm for seed in gated.network] == [AlphaAlgorithm.GATE]
    assert [seed.algorithm for seed in refused.network] == [AlphaAlgorithm.ADD]


def test_envs_are_kept_apart_and_rollbacks_are_told() -> None:
    first, second = collected(
        germinated("r0c0", "norm", env_id=1),
        moved("r0c0", SeedStage.FOSSILIZED, env_id=1),
        outcome(0, OutcomeType.ROLLBACK),
        outcome(1),
    ).episodes
    assert (first.network, first.rolled_back) == ((), True)
    assert (len(second.network), second.rolled_back) == (1, False)
