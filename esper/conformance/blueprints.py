"""What every blueprint must do, Esper's own and yours, measured and judged against stated limits.

Legend: R rows, B minibatch, C channels.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final, cast

import torch
from torch import Tensor

from esper.conformance.agreement import AGREEMENT_LIMIT, largest_disagreement, with_gradients
from esper.conformance.report import ConformanceReport, Finding
from esper.contracts.actions import AlphaAlgorithm, Blueprint, Topology
from esper.growth.blueprints.registry import ESTIMATES, build_seed
from esper.growth.blueprints.residual import ResidualSeed
from esper.growth.lifecycle.state import SlotControl
from esper.growth.seeds.blending import BlendControls, blend_for_training, seed_input
from esper.growth.seeds.planted_seed import SeedModule, plant
from esper.growth.seeds.program import seed_program
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.build import cpu_algorithms
from esper.layers.native.program import SlotProgram
from esper.layers.rows import parameters_per_row

DISTANCE_LIMIT: Final = 0.01
"""The largest |output - input| / |input| (L2) at birth, with the default layer_scale of 0.001."""
STACKED_LIMIT: Final = 1e-4
"""The largest difference between a row of a stack and the same seed alone, with gamma at 1."""
ESTIMATE_FACTOR: Final = 3.0
"""A parameter count may be this many times above or below its declared estimate."""

_ROWS, _BATCH, _SIDE, _LENGTH = 3, 8, 6, 12
_LAYER_SCALE: Final = 1e-3


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """One property: what was found, and what is wanted."""

    name: str
    passed: bool
    found: str
    wanted: str


@dataclass(frozen=True, slots=True, kw_only=True)
class BlueprintReport:
    """What check_blueprint found. Numbers are None if the output's shape was wrong, so that nothing else was measured.

    distance_at_birth: |output - input| / |input|.
    smallest_gradient, largest_gradient: the extremes, over all blends, of the L2 norm of a parameter tensor in its
        weakest row.
    stacked_difference: how much a row differs from the same seed alone.
    """

    blueprint: Blueprint
    topology: Topology
    channels: int
    parameters: int
    distance_at_birth: float | None
    smallest_gradient: float | None
    largest_gradient: float | None
    stacked_difference: float | None
    checks: tuple[Check, ...]

    @property
    def passed(self) -> bool:
        return all(check.passed for check in self.checks)

    @property
    def report(self) -> ConformanceReport:
        """The same in the form that all checks share."""
        return ConformanceReport(
            subject=(
                f"blueprint {self.blueprint.name} ({self.topology}, {self.channels} channels, "
                f"{self.parameters} parameters)"
            ),
            findings=tuple(
                Finding(check=check.name, passed=check.passed, detail=f"{check.found} (wanted: {check.wanted})")
                for check in self.checks
            ),
        )

    @property
    def failures(self) -> tuple[Check, ...]:
        return tuple(check for check in self.checks if not check.passed)

    def __str__(self) -> str:
        return str(self.report)


def check_blueprint(blueprint: Blueprint, *, topology: Topology = Topology.CNN, channels: int = 16) -> BlueprintReport:
    """Build seeds of a registered blueprint on the CPU, and check what the fleet relies on.

    - The output has the shape of the input, and is close to it at birth.
    - Every parameter tensor of every row has a finite gradient that is not zero, under every blend, in TRAINING and in
      BLENDING.
    - A row equals the same seed alone.
    - All algorithms give the same values and gradients.
    - No gradient reaches the host through an isolated seed, and the host's features stay as they are.
    - Nothing looks ahead in a text.
    - The number of parameters is as declared.

    Raises:
        ValueError: no such blueprint is registered for this topology.
    """

    def build(rows: Sequence[int], layer_scale: float, algorithm: StackedAlgorithm) -> ResidualSeed:
        generators = [torch.Generator().manual_seed(row) for row in rows]
        return build_seed(
            blueprint,
            channels=channels,
            layer_scale=layer_scale,
            generators=generators,
            algorithm=algorithm,
            topology=topology,
        )

    examination = _Examination(build, topology, channels)
    parameters = parameters_per_row(build([0], _LAYER_SCALE, "loop"))
    shape = examination.shape()
    if not shape.passed:
        return BlueprintReport(
            blueprint=blueprint,
            topology=topology,
            channels=channels,
            parameters=parameters,
            distance_at_birth=None,
            smallest_gradient=None,
            largest_gradient=None,
            stacked_difference=None,
            checks=(shape,),
        )
    distance, difference = examination.distance(), examination.stacked_difference()
    norms = examination.gradient_norms()
    smallest, largest = min(norms.values()), max(norms.values())
    weakest = min(norms, key=norms.__getitem__)
    checks = [
        shape,
        Check(
            name="close to its input at birth",
            passed=distance <= DISTANCE_LIMIT,
            found=f"{distance:.2g}",
            wanted=f"at most {DISTANCE_LIMIT}",
        ),
        Check(
            name="every parameter learns",
            passed=smallest > 0.0 and largest < float("inf"),
            found=f"norms {smallest:.2g} to {largest:.2g}, least in {weakest}",
            wanted="finite, above 0",
        ),
        Check(
            name="stacked = solo",
            passed=difference <= STACKED_LIMIT,
            found=f"{difference:.2g}",
            wanted=f"at most {STACKED_LIMIT}",
        ),
        examination.agreement(),
        examination.isolation(),
        _parameter_check(parameters, ESTIMATES[topology][blueprint](channels)),
    ]
    if topology is Topology.TRANSFORMER:
        checks.append(examination.causality())
    native = examination.program()
    if native is not None:
        checks.append(native)
    return BlueprintReport(
        blueprint=blueprint,
        topology=topology,
        channels=channels,
        parameters=parameters,
        distance_at_birth=distance,
        smallest_gradient=smallest,
        largest_gradient=largest,
        stacked_difference=difference,
        checks=tuple(checks),
    )


def _parameter_check(count: int, estimate: int) -> Check:
    return Check(
        name="parameters as declared",
        passed=estimate / ESTIMATE_FACTOR <= count <= estimate * ESTIMATE_FACTOR,
        found=str(count),
        wanted=f"{estimate}, give or take a factor of {ESTIMATE_FACTOR:g}",
    )


class _Examination:
    """The measurements.

    build: makes seeds of these rows, each row from its own number.
    """

    def __init__(
        self,
        build: Callable[[Sequence[int], float, StackedAlgorithm], ResidualSeed],
        topology: Topology,
        channels: int,
    ) -> None:
        self._build = build
        self._channels = channels
        images = topology is Topology.CNN
        shape = (_ROWS, _BATCH, channels, _SIDE, _SIDE) if images else (_ROWS, _BATCH, _LENGTH, channels)
        generator = torch.Generator().manual_seed(1)
        features = torch.randn(shape, generator=generator)
        # The features of a convolutional host's blocks are rectified, and the tokens of a transformer are not.
        self._features = features.relu() if images else features
        self._direction = torch.randn(shape, generator=generator)

    def shape(self) -> Check:
        with torch.no_grad():
            found = [tuple(self._stack(_LAYER_SCALE, kind)(self._features).shape) for kind in cpu_algorithms()]
        wanted = tuple(self._features.shape)
        return Check(
            name="shape kept", passed=all(one == wanted for one in found), found=str(found[0]), wanted=str(wanted)
        )

    def distance(self) -> float:
        """The distance between output and input, which is infinite if the output is not finite."""
        with torch.no_grad():
            change: Tensor = self._stack(_LAYER_SCALE, "grouped")(self._features) - self._features
        lengths = [cast(Tensor, torch.linalg.vector_norm(one)) for one in (change, self._features)]
        return _finite(lengths[0] / lengths[1])

    def stacked_difference(self) -> float:
        worst = 0.0
        for algorithm in cpu_algorithms():
            with torch.no_grad():
                together = self._stack(1.0, algorithm)(self._features)
                for row in range(_ROWS):
                    alone = self._build([row], 1.0, algorithm)(self._features[row : row + 1])
                    worst = max(worst, _finite((together[row] - alone[0]).abs().max()))
        return worst

    def agreement(self) -> Check:
        def compute(algorithm: StackedAlgorithm) -> dict[str, Tensor]:
            stack, inputs = self._stack(1.0, algorithm), self._features.clone().requires_grad_()
            output = stack(inputs)
            return with_gradients(stack, output, (output * self._direction).sum(), inputs)

        worst = largest_disagreement(compute)
        return Check(
            name="all algorithms agree",
            passed=worst.passed,
            found=str(worst),
            wanted=f"at most {AGREEMENT_LIMIT} of the largest value",
        )

    def program(self) -> Check | None:
        """Native kernels must compute what the layers do, and the same gradients. None without a program or kernels."""
        if "native" not in cpu_algorithms() or self._stack(1.0, "native").own_program() is None:
            return None
        worst = 0.0
        for algorithm in AlphaAlgorithm:
            module = self._planted("native", gated=algorithm is AlphaAlgorithm.GATE, layer_scale=1.0)
            control = SlotControl(
                alpha=0.5, straight_through=False, isolate=False, frozen=False, committed=False, algorithm=algorithm
            )
            program = seed_program(module, range(_ROWS), [control] * _ROWS)
            assert program is not None
            inputs = [self._features.clone().requires_grad_() for _ in range(2)]
            native = SlotProgram([program], rows=_ROWS)(inputs[0])
            layers = self._blended(module, inputs[1], algorithm, training=False, isolate=False)
            for blended in (native, layers):
                torch.autograd.backward((blended * self._direction).sum())
            own = torch.cat([_gradient(parameter).flatten(1) for parameter in module.parameters()], dim=1)
            pairs = ((native, layers), (_gradient(inputs[0]), _gradient(inputs[1])), (program.gradients_rp, own))
            worst = max(
                worst, *(_finite(((mine - other).abs().max() / other.abs().max()).detach()) for mine, other in pairs)
            )
        return Check(
            name="native = layers",
            passed=worst <= STACKED_LIMIT,
            found=f"values and gradients off by {worst:.2g}",
            wanted=f"at most {STACKED_LIMIT} of the largest",
        )

    def gradient_norms(self) -> dict[str, float]:
        """The least L2 norm of all rows, by parameter, blend and stage. It is infinite if any norm is not finite."""
        norms: dict[str, float] = {}
        for algorithm in AlphaAlgorithm:
            for training in (True, False):
                module = self._planted("grouped", gated=algorithm is AlphaAlgorithm.GATE)
                blended = self._blended(module, self._features, algorithm, training=training, isolate=True)
                torch.autograd.backward((blended * self._direction).sum())
                stage = "TRAINING" if training else "BLENDING"
                for name, parameter in module.named_parameters():
                    norms[f"{name} under {algorithm.name} in {stage}"] = _least_row_norm(parameter)
        return norms

    def isolation(self) -> Check:
        """The host's gradient must be what it is without a seed, and the host's features must stay as they are."""
        worst = 0.0
        for algorithm in AlphaAlgorithm:
            host = torch.ones(_ROWS, requires_grad=True)
            h = self._features * host.view(-1, *[1] * (self._features.dim() - 1))
            before = h.detach().clone()
            (wanted,) = torch.autograd.grad((h * self._direction).sum(), host, retain_graph=True)
            module = self._planted("grouped", gated=algorithm is AlphaAlgorithm.GATE, layer_scale=1.0)
            # The committed pass comes first, with gradients to the host: a seed that kept its input could use it
            # afterwards.
            self._blended(module, h, algorithm, training=False, isolate=False)
            for training in (True, False):
                blended = self._blended(module, h, algorithm, training=training, isolate=True)
                (found,) = torch.autograd.grad((blended * self._direction).sum(), host, retain_graph=True)
                worst = max(worst, _finite((found - wanted).abs().max() / wanted.abs().max()))
            if not torch.equal(h.detach(), before):
                worst = float("inf")
        return Check(
            name="isolation holds",
            passed=worst <= STACKED_LIMIT,
            found=f"host's gradient off by {worst:.2g}",
            wanted=f"at most {STACKED_LIMIT} of it, and the host's features unchanged",
        )

    def causality(self) -> Check:
        with torch.no_grad():
            module, changed = self._stack(1.0, "grouped"), self._features.clone()
            changed[:, :, _LENGTH // 2 :] += 1.0
            early = module(self._features)[:, :, : _LENGTH // 2] - module(changed)[:, :, : _LENGTH // 2]
        worst = _finite(early.abs().max())
        return Check(
            name="no look ahead",
            passed=worst <= STACKED_LIMIT,
            found=f"{worst:.2g}",
            wanted=f"later tokens change earlier ones by at most {STACKED_LIMIT}",
        )

    def _stack(self, layer_scale: float, algorithm: StackedAlgorithm) -> ResidualSeed:
        return self._build(range(_ROWS), layer_scale, algorithm)

    def _planted(self, algorithm: StackedAlgorithm, *, gated: bool, layer_scale: float = _LAYER_SCALE) -> SeedModule:
        generators = [torch.Generator().manual_seed(100 + row) for row in range(_ROWS)]
        seed = self._stack(layer_scale, algorithm)
        return plant(seed, channels=self._channels, gated=gated, generators=generators)

    def _blended(
        self, module: SeedModule, h: Tensor, algorithm: AlphaAlgorithm, *, training: bool, isolate: bool
    ) -> Tensor:
        controls = BlendControls(
            alpha_r1111=torch.full((_ROWS, *[1] * (h.dim() - 1)), 0.0 if training else 0.5),
            running=True,
            straight_through=training,
            isolate=isolate,
            multiply=algorithm is AlphaAlgorithm.MULTIPLY,
        )
        x = seed_input(h, isolate)
        return blend_for_training(h, x, module(x), controls)


def _least_row_norm(parameter: Tensor) -> float:
    """The least norm of a row's gradient: 0 if a row has none, infinite if one is not finite."""
    if parameter.grad is None:
        return 0.0
    norms_r = cast(Tensor, torch.linalg.vector_norm(parameter.grad.flatten(1), dim=1))
    return float(norms_r.min()) if bool(norms_r.isfinite().all()) else float("inf")


def _gradient(tensor: Tensor) -> Tensor:
    assert tensor.grad is not None, "what was blended takes a gradient"
    return tensor.grad


def _finite(value: Tensor) -> float:
    return float(value) if bool(value.isfinite()) else float("inf")
