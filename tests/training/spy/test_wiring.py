"""What the real trainer showed, allowed, did and paid in short runs, against rules written anew.

Each test is made to notice one kind of wrong wiring: what is read too late, too early or from the wrong place.
"""

from __future__ import annotations

import math
from collections import Counter

import pytest
from anew_governor import given_up, supervise
from anew_learning import paid, reward_scale, seen
from anew_rewards import Memory, Pay
from anew_seeds import BLENDED, BLUEPRINTS, COOLING, Ablations, possible, stage, succeeds
from spied import Spy
from spied_runs import Episode, Lived, all_episodes, episodes, lessons

from esper.contracts.actions import Head, Op
from esper.telemetry.events import EpisodeOutcome, GovernorRollback, OutcomeType

PLACEHOLDERS = {Head.STYLE: 2, Head.ALPHA_TARGET: 2}


def steps(spy: Spy) -> list[Lived]:
    return [step for episode in all_episodes(spy) for step in episode.steps]


def test_the_runs_hold_what_is_to_be_noticed(every_spy: list[Spy]) -> None:
    """Without these events the other tests of this folder would prove nothing."""
    lived = [step for spy in every_spy for step in steps(spy)]
    done = Counter((step.op.name, step.success) for step in lived)
    assert all(done[op.name, True] >= 5 for op in Op), done
    assert done["FOSSILIZE", False] + done["ADVANCE", False] >= 5, done
    seen_stages = {stage(seed) for step in lived for seed in step.act.before}
    assert seen_stages >= {"GERMINATED", "TRAINING", *BLENDED, "EMBARGOED", "RESETTING"}
    ramps = [seed for step in lived for seed in step.act.before if seed is not None and seed.alpha_mode.name != "HOLD"]
    assert any(seed.alpha_steps_done not in (0, seed.alpha_steps_total / 2) for seed in ramps)
    assert any(step.op is Op.FOSSILIZE and step.success and not step.last for step in lived)


def test_ops_are_offered_where_they_are_possible(spy: Spy) -> None:
    for group, batch, lesson in lessons(spy):
        for episode in episodes(spy, group, batch):
            for step, situation in zip(episode.steps, lesson.situations, strict=False):
                slots, rules = step.act.before, step.config.growth
                table = [[possible(op, slot, slots, rules) for slot in range(len(slots))] for op in Op]
                heads_hn = situation.masks.heads_ehn[episode.place].tolist()
                slots_on = situation.masks.slot_by_op_eon[episode.place].tolist()
                assert heads_hn[Head.OP][: len(Op)] == [any(row) for row in table]
                assert [slots_on[op][: len(slots)] for op in Op if any(table[op])] == [r for r in table if any(r)]
                assert heads_hn[Head.BLUEPRINT][: len(BLUEPRINTS)] == BLUEPRINTS
                blending = any(table[Op.GERMINATE]) or any(table[Op.SET_ALPHA_TARGET])
                for head, only in PLACEHOLDERS.items():
                    assert heads_hn[head][only]
                    assert sum(heads_hn[head]) > 1 if blending else sum(heads_hn[head]) == 1
                told = [op.name for op in Op if any(table[op])]
                assert list(step.told.legal_ops) == told


def test_actions_are_what_was_decided_and_succeed_where_they_can(spy: Spy) -> None:
    for group, batch, lesson in lessons(spy):
        for episode in episodes(spy, group, batch):
            for step, decided in zip(episode.steps, lesson.decisions, strict=False):
                choice = decided[episode.place].actions
                assert (step.op, step.slot) == (choice[Head.OP], choice[Head.SLOT])
                before, rules = step.act.before, step.config.growth
                assert step.success == succeeds(step.op, step.slot, before, rules)
                tried = possible(step.op, step.slot, before, rules)
                assert step.told.effective_op == (step.op.name if tried else "WAIT")
                assert (step.told.op, step.told.success) == (step.op.name, step.success)
                assert step.told.slot_id == step.slot_ids[step.slot]


def test_observations_are_what_was_measured(spy: Spy) -> None:
    for group, batch, lesson in lessons(spy):
        assert lesson.after_last is not None
        shown = [situation.observation for situation in lesson.situations] + [lesson.after_last]
        for episode in episodes(spy, group, batch):
            upto = len(episode.steps) + (not episode.lost)
            for number in range(upto):
                features_d = shown[number].features_ed[episode.place].tolist()
                assert features_d == pytest.approx(seen(episode.steps, number), abs=1e-6), (episode.row, number)


def test_clocks_tick_once_an_epoch_and_seeds_stay_as_the_last_step_left_them(spy: Spy) -> None:
    for episode in all_episodes(spy):
        for step, following in zip(episode.steps, episode.steps[1:], strict=False):
            for left, found in zip(step.act.after, following.act.before, strict=True):
                assert stage(left) == stage(found)
                if left is not None and found is not None:
                    same = ("seed_id", "stage", "epochs_total", "epochs_in_stage", "alpha", "alpha_mode")
                    assert [getattr(left, name) for name in same] == [getattr(found, name) for name in same]
        for step in episode.steps:
            for slot, (old, new) in enumerate(zip(step.act.before, step.act.after, strict=True)):
                if new is None:
                    continue
                assert new.epochs_total == (1 if old is None else old.epochs_total + 1)
                moved = old is None or old.stage is not new.stage or (slot == step.slot and step.op is not Op.WAIT)
                stayed = old is not None and new.epochs_in_stage == old.epochs_in_stage + 1
                assert stayed or (moved and new.epochs_in_stage == 1)


def test_seeds_carry_what_ablation_measured(spy: Spy) -> None:
    for step in steps(spy):
        ablations = Ablations(step.measured[-1].counterfactual)
        for slot, seed in enumerate(step.act.before):
            active = stage(seed) in BLENDED and seed is not None and seed.alpha > 0
            assert (slot in ablations.active) == active
            if seed is not None and stage(seed) not in COOLING:
                assert seed.current_accuracy == step.measured[-1].val_accuracy
                assert seed.interaction_sum == pytest.approx(ablations.interactions(slot))
                if active:
                    assert seed.contribution == pytest.approx(ablations.contribution(slot))


def test_rewards_follow_from_the_state_before_and_after_the_action(spy: Spy) -> None:
    for episode in all_episodes(spy):
        memory = Memory()
        for step in episode.steps:
            pay = Pay(step, memory)
            terms = pay.loss_family() if step.config.reward.family == "loss" else pay.shaped()
            told = {term.name: term.value for term in step.told.reward_terms}
            assert told == pytest.approx(terms, abs=1e-9), (episode.batch, episode.row, step.epoch, step.op)
            assert step.told.reward == pytest.approx(sum(terms.values()), abs=1e-9)


def test_rewards_are_divided_by_the_scale_of_the_batches_before(spy: Spy) -> None:
    earlier: dict[int, list[float]] = {}
    for group, batch, lesson in lessons(spy):
        before = earlier.setdefault(group, [])
        scale, now = reward_scale(before), list[float]()
        for episode in episodes(spy, group, batch):
            for step, result in zip(episode.steps, lesson.results, strict=False):
                expected = paid(step.told.reward, scale, step.config.reward.clip, first=batch == 1)
                assert step.told.reward_normalized == pytest.approx(expected)
                assert result.rewards[episode.place] == pytest.approx(expected)
                assert result.active[episode.place]
                now.append(step.told.reward)
            missed = lesson.results[len(episode.steps) :]
            assert not any(result.active[episode.place] for result in missed)
        before += now


def outcome(spy: Spy, episode: Episode) -> EpisodeOutcome:
    (found,) = [o for o in spy.of(EpisodeOutcome) if (o.batch, o.env_id) == (episode.batch, episode.row)]
    return found


def test_an_outcome_tells_the_whole_episode(spy: Spy) -> None:
    for episode in all_episodes(spy):
        told, log = outcome(spy, episode), spy.batches[episode.batch - 1]
        lived = len(episode.steps) + episode.lost
        accuracies = [rows[episode.row].val_accuracy for rows in log.measurements[:lived]]
        assert told.episode_length == lived
        assert (told.best_accuracy, told.final_accuracy) == (max(accuracies), accuracies[-1])
        rewards = [step.told.reward for step in episode.steps]
        if episode.lost and rewards:
            rewards[-1] = -episode.steps[-1].config.governor.penalty
        assert told.episode_reward == pytest.approx(sum(rewards))
        assert told.germinations == sum(step.op is Op.GERMINATE and step.success for step in episode.steps)
        assert (told.outcome is OutcomeType.ROLLBACK) == episode.lost


def test_some_episode_ends_below_its_best(every_spy: list[Spy]) -> None:
    told = [found for spy in every_spy for found in spy.of(EpisodeOutcome)]
    assert sum(found.best_accuracy > found.final_accuracy for found in told) >= 5


def test_the_governor_copies_and_gives_up_hosts_when_it_must(spy: Spy) -> None:
    for episode in all_episodes(spy):
        log = spy.batches[episode.batch - 1]
        slots = [step.act.before for step in episode.steps]
        slots += [log.lost[episode.row]] if episode.lost else []
        losses = [rows[episode.row].val_loss for rows in log.measurements[: len(slots)]]
        committed = [False] + [step.op is Op.FOSSILIZE and step.success for step in episode.steps]
        rules = episode.steps[0].config.governor
        expected = supervise(losses, slots, committed[: len(slots)], rules, math.log(10))
        assert log.snapshots[episode.row] == expected.snapshots, (episode.batch, episode.row)
        assert episode.lost == (expected.lost is not None)
        if expected.lost is not None:
            reports = [r for r in spy.of(GovernorRollback) if (r.batch, r.env_id) == (episode.batch, episode.row)]
            assert [(r.epoch, r.reason, r.restored_epoch) for r in reports] == [
                (*expected.lost, expected.snapshots[-1])
            ]
            ids = log.world.fleet.slot_config.slot_ids
            assert [r.pruned_slots for r in reports] == [tuple(ids[slot] for slot in given_up(slots[-1]))]


def test_a_lost_host_keeps_no_open_seed(lost: Spy) -> None:
    """Seeds of every live stage are there when hosts are lost, and none is left."""
    found = Counter(stage(seed) for log in lost.batches for slots in log.lost.values() for seed in slots)
    assert found["HOLDING"] >= 2
    assert found["BLENDING"] >= 1
    assert found["FOSSILIZED"] >= 1
    for log in lost.batches:
        for row, slots in log.lost.items():
            garden = log.world.garden
            kept = [stage(seed) for seed in garden.infos(row) if stage(seed) not in ("EMPTY", *COOLING)]
            assert kept == ["FOSSILIZED"] * sum(stage(seed) == "FOSSILIZED" for seed in slots)
