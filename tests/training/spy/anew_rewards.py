"""The raw reward of a step, term by term, written anew from docs/rewards.md.

Legend: c is what a seed contributes, I what all contribute together, A the credit of a seed, e epochs in its stage.
"""

from __future__ import annotations

import math
from itertools import permutations

from anew_seeds import BLENDED, COOLING, LIVE, Ablations, possible, stage
from spied_runs import Lived

from esper.contracts.actions import Op
from esper.contracts.seeds import SeedInfo

PHI = {"GERMINATED": (1.0, 1.0), "TRAINING": (2.0, 1.5), "BLENDING": (3.5, 2.0), "HOLDING": (5.5, 0.5)}
PHI["FOSSILIZED"] = (6.0, 2.0)
PRICES = {Op.GERMINATE: 0.15, Op.FOSSILIZE: 0.01, Op.PRUNE: 0.005, Op.SET_ALPHA_TARGET: 0.005}


class Memory:
    """What an env's reward remembers within an episode."""

    def __init__(self) -> None:
        self.helped: list[tuple[str, float, int]] = []  # Seed that was helped, by how many points, in which epoch.
        self.due = 0.0
        self.unpaid = 0.0


class Pay:
    """One step, and the formulas on it."""

    def __init__(self, lived: Lived, memory: Memory) -> None:
        self.lived, self.memory = lived, memory
        self.rules = lived.config.reward
        self.before, self.after = lived.act.before, lived.act.after
        self.ablations = Ablations(lived.measured[-1].counterfactual)
        self.control = lived.control_accuracy
        self.seeds = [(slot, seed) for slot, seed in enumerate(self.before) if seed is not None]
        tried = possible(lived.op, lived.slot, self.before, lived.config.growth)
        self.op = lived.op if tried else Op.WAIT
        self.terminal = lived.last and lived.config.ppo.horizon == "terminate"

    def hits(self, op: Op, slot: int) -> bool:
        return self.op is op and self.lived.success and self.lived.slot == slot

    def shaping(self, weight: float) -> dict[str, float]:
        before = sum(phi(seed) for seed in self.before)
        after = 0.0 if self.terminal else sum(phi(seed) for seed in self.after)
        fresh = sum(phi(seed) for seed in self.after if stage(seed) in ("GERMINATED", "TRAINING"))
        late = self.lived.last and not self.terminal
        gamma = self.rules.gamma
        return {
            "pbrs_bonus": weight * (gamma * after - before),
            "germination_clawback": -weight * gamma * fresh if late else 0.0,
        }

    def confirmed(self, slot: int, seed: SeedInfo) -> float:
        c = self.ablations.contribution(slot)
        assert c is not None
        if c <= 0:
            return 0.0
        found = [self.ablations.contribution(other) for other in range(len(self.before))]
        claims = sum(value for value in found if value is not None and value > 0)
        if self.control is not None:
            return c * min(1.0, (self.ablations.main - self.control) / claims)
        harm = -sum(value for value in found if value is not None and value < 0)
        assert self.ablations.total is not None
        together = c * min(1.0, (self.ablations.total + harm) / claims)
        return min(self.ablations.main - seed.accuracy_at_germination, together)

    def credit(self, slot: int, seed: SeedInfo) -> float:
        """A, before the op."""
        value = self._undiscounted(slot, seed)
        born, warm, floor = (
            self.lived.epoch - seed.epochs_total,
            self.rules.timing_warmup_epochs,
            self.rules.timing_discount_floor,
        )
        early = born < warm and value > 0
        return value * (floor + (1 - floor) * born / warm) if early else value

    def _undiscounted(self, slot: int, seed: SeedInfo) -> float:
        c = self.ablations.contribution(slot)
        if c is None:
            proxy = stage(seed) in BLENDED and self.control is None
            return 0.3 * max(0.0, seed.current_accuracy - seed.accuracy_at_stage_start) if proxy else 0.0
        if c < 0:
            return c
        s = self.confirmed(slot, seed)
        if self.control is not None:
            return s
        if s <= 0:
            return 0.0
        return 2 * s * c / (s + c) if c > s else c

    def credit_after(self, slot: int, seed: SeedInfo) -> float:
        value = self.credit(slot, seed)
        return -max(value, 0.0) if self.hits(Op.PRUNE, slot) else value

    def shaped(self) -> dict[str, float]:
        """Every term of the shaped mode."""
        terms = {
            "bounded_attribution": sum(self.credit_after(slot, seed) for slot, seed in self.seeds),
            "ratio_penalty": sum(self._ratio(slot) for slot, _ in self.seeds),
            **self.warnings(),
            **self.shaping(self.rules.shaping_weight),
            "synergy_bonus": sum(self._synergy(slot, seed) for slot, seed in self.seeds),
            **self.rents(),
            "action_cost": -PRICES.get(self.op, 0.0),
            "action_shaping": self._moment(),
            "fossilize_terminal_bonus": 3 * math.tanh(1 / 3) * self._maturity() if self._committed() else 0.0,
            "hindsight_credit": self.memory.due,
            "auto_prune_penalty": -0.2 * sum(self._timed_out(slot, seed) for slot, seed in self.seeds),
            "terminal_bonus": self._final(),
        }
        self._remember()
        return terms

    def loss_family(self) -> dict[str, float]:
        """Every term of the loss family."""
        losses = [one.val_loss for one in self.lived.measured]
        std, host = self.rules.loss_delta_std, self.lived.host_params
        fall = self.memory.unpaid + (losses[-2] - losses[-1] if len(losses) > 1 else 0.0)
        paid = max(-5 * std, min(5 * std, fall))
        self.memory.unpaid = fall - paid
        extra = sum(seed.parameter_count for _, seed in self.seeds if seed.epochs_total >= 3)
        guess = math.log(10)
        reached = (guess - losses[-1]) / (guess - 0.13 * guess)
        return {
            "loss_progress": 5 * paid / std,
            "loss_rent": -min(0.05 * math.log(1 + extra / host), 5.0),
            **self.shaping(self.rules.loss_shaping_weight),
            "loss_terminal": min(max(reached, 0.0), 1.0) if self.lived.last else 0.0,
        }

    def warnings(self) -> dict[str, float]:
        total = self.ablations.total
        harmful = total is not None and total < 0
        blending = [seed for _, seed in self.seeds if stage(seed) == "BLENDING" and harmful]
        waiting = [
            seed
            for slot, seed in self.seeds
            if stage(seed) == "HOLDING" and seed.epochs_in_stage >= 2 and self.credit(slot, seed) > 0
        ]
        decided = self.op in (Op.FOSSILIZE, Op.PRUNE)
        return {
            "blending_warning": -sum(0.1 + min(0.05 * seed.epochs_in_stage, 0.3) for seed in blending),
            "holding_warning": 0.0
            if decided
            else -sum(min(0.1 + 0.05 * (seed.epochs_in_stage - 2), 0.3) for seed in waiting),
        }

    def rents(self) -> dict[str, float]:
        host, rules = self.lived.host_params, self.rules
        size = max(host, rules.rent_host_params_floor)
        effective = sum(
            rules.slot_overhead_share * host + seed.alpha * seed.parameter_count
            for _, seed in self.seeds
            if stage(seed) in BLENDED
        )
        shock = sum(
            ((0.0 if after is None else after.alpha) - seed.alpha) ** 2 * seed.parameter_count
            for (_, seed), after in ((pair, self.after[pair[0]]) for pair in self.seeds)
        )
        held = sum(1 for _, seed in self.seeds if stage(seed) not in COOLING)
        kept = sum(1 for _, seed in self.seeds if stage(seed) == "FOSSILIZED")
        return {
            "compute_rent": -min(0.5 * math.log(1 + effective / size), 1.5),
            "occupancy_rent": -0.01 * max(0, held - 1),
            "fossilized_rent": -0.002 * kept,
            "alpha_shock": -min(0.1958 * shock / size, 1.0),
        }

    def _ratio(self, slot: int) -> float:
        c, total = self.ablations.contribution(slot), self.ablations.total
        if c is None or total is None or c <= 1 or total < 0:
            return 0.0
        if total <= 0.1:
            return -0.3 * min(1.0, c / 10)
        return -min(0.3, 0.1 * (c / total - 5) / 5) if c / total > 5 else 0.0

    def _synergy(self, slot: int, seed: SeedInfo) -> float:
        together = self.ablations.interactions(slot)
        fits = stage(seed) in LIVE and together is not None and together > 0 and self.credit_after(slot, seed) > 0
        return 0.1 * math.tanh(0.5 * together) if fits and together is not None else 0.0

    def _maturity(self) -> float:
        seed = self.before[self.lived.slot]
        assert seed is not None
        return min(1.0, seed.epochs_in_stage / 5)

    def _committed(self) -> float:
        """The points that this step commits; 0 if it commits nothing that counts."""
        slot = self.lived.slot
        seed, c = self.before[slot], self.ablations.contribution(slot)
        if not self.hits(Op.FOSSILIZE, slot) or seed is None or c is None:
            return 0.0
        points = min(c, self.confirmed(slot, seed))
        return points if points >= self.lived.config.growth.min_fossilize_contribution else 0.0

    def _moment(self) -> float:
        slot, total = self.lived.slot, self.ablations.total
        seed, c = self.before[slot], self.ablations.contribution(slot)
        if self.op is Op.ADVANCE:
            return -0.1 if stage(seed) == "TRAINING" else 0.0
        if self.op is Op.FOSSILIZE:
            if total is not None and total < 0:
                ransom = 0.3 if c is not None and c > 0.1 and total < -0.2 else 0.0
                return -0.5 - min(0.2 * -total, 1.0) - ransom
            points = self._committed()
            return (0.5 + 0.1 * points) * self._maturity() if points else -0.2
        if self.op is not Op.PRUNE or seed is None:
            return 0.0
        if c is None:
            return -0.1 if seed.epochs_total < 5 else 0.0
        if c >= 0:
            return -min(0.3 + 0.05 * c, 0.9)
        return -0.1 if seed.epochs_total < 3 else 0.15 if c < -0.5 else 0.1

    def _timed_out(self, slot: int, seed: SeedInfo) -> bool:
        gone = stage(self.after[slot]) in ("EMPTY", *COOLING)
        return stage(seed) == "HOLDING" and gone and not self.hits(Op.PRUNE, slot)

    def _final(self) -> float:
        if not self.lived.last:
            return 0.0
        accuracy = self.ablations.main
        return 0.05 * accuracy if self.control is None else 60.0 * (accuracy - self.control - self._unproven())

    def _unproven(self) -> float:
        """The points of what the last op has pruned or moved, because nothing measures the host without it."""
        points = 0.0
        for slot, seed in self.seeds:
            c, after = self.ablations.contribution(slot) or 0.0, self.after[slot]
            if seed.alpha <= 0 or stage(seed) in COOLING:
                continue
            alpha = 0.0 if after is None else after.alpha
            if after is None or stage(after) in COOLING:
                points += max(c, 0.0)
            elif self.hits(Op.SET_ALPHA_TARGET, slot) or self.hits(Op.PRUNE, slot):
                points += max(c, 0.0) * abs(alpha - seed.alpha) / max(alpha, seed.alpha)
        return points

    def _remember(self) -> None:
        now = self.lived.epoch
        for (one, _), (other, seed) in permutations(self.seeds, 2):
            points = self.ablations.interaction(one, other) if {one, other} <= self.ablations.active else None
            if points is not None and points > 0 and stage(seed) in LIVE:
                self.memory.helped.append((seed.seed_id, points, now))
        slot = self.lived.slot
        seed, c = self.before[slot], self.ablations.contribution(slot)
        owed = 0.0
        if self.hits(Op.FOSSILIZE, slot) and seed is not None and c is not None and c > 0:
            owed = sum(
                0.1 * math.tanh(0.1 * points * c) * self.rules.gamma ** (now - then)
                for name, points, then in self.memory.helped
                if name == seed.seed_id
            )
        self.memory.due = min(owed, 0.2)


def phi(seed: SeedInfo | None) -> float:
    """The potential of a slot."""
    if stage(seed) not in PHI or seed is None:
        return 0.0
    own, limit = PHI[stage(seed)]
    return own + min(0.3 * seed.epochs_in_stage, limit)
