"""Checks that a host keeps the promises of HostProtocol, for authors of hosts and for our own tests.

Legend: R rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import torch
import torch.nn.functional as F
from torch import Tensor

from esper.conformance.agreement import AGREEMENT_LIMIT, largest_disagreement, with_gradients
from esper.conformance.report import ConformanceReport, Finding
from esper.growth.hosts.config import HostConfig
from esper.growth.hosts.kinds import IMAGE_SAMPLE_DIMS, TOKEN_SAMPLE_DIMS, host_kind, injection_specs, list_host_kinds
from esper.growth.hosts.protocol import HostProtocol
from esper.growth.hosts.registry import build_host
from esper.layers.algorithm import StackedAlgorithm
from esper.layers.native.build import cpu_algorithms
from esper.layers.rows import row_tensors

_ROWS: Final = 3
_SAMPLES: Final = 8
_TOLERANCE: Final = 1e-4
_SHAPES: Final[dict[int, tuple[int, ...]]] = {IMAGE_SAMPLE_DIMS: (1, 8, 8), TOKEN_SAMPLE_DIMS: (6,)}
"""The samples on which a kind is checked, by the number of their axes."""
_CLASSES: Final = 11


@dataclass(frozen=True, slots=True, kw_only=True)
class _Subject:
    """What is checked, and how to build it."""

    config: HostConfig
    input_shape: tuple[int, ...]
    num_classes: int

    @property
    def has_tokens(self) -> bool:
        return len(self.input_shape) == TOKEN_SAMPLE_DIMS

    def build(self, algorithm: StackedAlgorithm, *rows: int) -> HostProtocol:
        return build_host(
            self.config,
            input_shape=self.input_shape,
            num_classes=self.num_classes,
            generators=[torch.Generator().manual_seed(row) for row in rows],
            algorithm=algorithm,
        )

    def samples(self) -> Tensor:
        """The inputs for three rows."""
        generator = torch.Generator().manual_seed(1)
        shape = (_ROWS, _SAMPLES, *self.input_shape)
        if self.has_tokens:
            return torch.randint(self.num_classes, shape, generator=generator)
        return torch.randn(shape, generator=generator)


def check_host(config: HostConfig, *, input_shape: tuple[int, ...], num_classes: int) -> ConformanceReport:
    """Build the host that config names, and check what the fleet relies on.

    - The features at each point have the declared width.
    - Logits have one number per class.
    - The first axis of every parameter and buffer is the row.
    - Every parameter of every row receives a finite gradient that is not zero.
    - A row equals the host alone.
    - All algorithms give the same logits and gradients.
    - The loss of one row reaches no other row.
    - With tokens, nothing looks ahead.

    The first three concern shapes, without which the others mean nothing. If one of them fails, the others are left
    out.

    Raises:
        ConfigError: the host cannot be built for samples of this shape.
    """
    subject = _Subject(config=config, input_shape=input_shape, num_classes=num_classes)
    findings = [check(subject) for check in (_points, _logits_shape, _rows_first)]
    if all(finding.passed for finding in findings):
        checks = (_gradients, _solo, _agreement, _apart, *([_causal] if subject.has_tokens else []))
        findings += [check(subject) for check in checks]
    return ConformanceReport(subject=f"host {config.kind}", findings=tuple(findings))


def _forward(host: HostProtocol, features: Tensor) -> tuple[Tensor, list[Tensor]]:
    """The logits, and the features at every point."""
    points: list[Tensor] = []
    for segment in range(host.segments):
        features = host.run_segment(segment, features)
        points.append(features)
    return host.classify(features), points


def _points(subject: _Subject) -> Finding:
    host = subject.build("grouped", *range(_ROWS))
    _, points = _forward(host, subject.samples())
    widths = [point.shape[-1 if subject.has_tokens else 2] for point in points]
    declared = [spec.width for spec in host.injection_specs]
    same = host.injection_specs == injection_specs(subject.config)
    return Finding(
        check="points are as declared",
        passed=widths == declared and same,
        detail=", ".join(
            f"{spec.slot_id} {spec.width} wide, found {width}"
            for spec, width in zip(host.injection_specs, widths, strict=True)
        ),
    )


def _logits_shape(subject: _Subject) -> Finding:
    logits, _ = _forward(subject.build("grouped", *range(_ROWS)), subject.samples())
    expected = (_ROWS, _SAMPLES, *(subject.input_shape if subject.has_tokens else ()), subject.num_classes)
    return Finding(
        check="logits have one number per class",
        passed=tuple(logits.shape) == expected,
        detail=f"{tuple(logits.shape)}, expected {expected}",
    )


def _rows_first(subject: _Subject) -> Finding:
    host = subject.build("grouped", *range(_ROWS))
    wrong = [name for name, tensor in (*host.named_parameters(), *host.named_buffers()) if tensor.shape[:1] != (_ROWS,)]
    return Finding(
        check="the row comes first",
        passed=not wrong,
        detail=f"not in {', '.join(wrong)}" if wrong else f"{host.parameter_count:,} parameters per row",
    )


def _row_losses(host: HostProtocol, subject: _Subject) -> Tensor:
    return _losses(_forward(host, subject.samples())[0], subject)


def _losses(logits: Tensor, subject: _Subject) -> Tensor:
    """The mean loss of each row."""
    targets = torch.randint(subject.num_classes, logits.shape[:-1], generator=torch.Generator().manual_seed(2))
    losses = F.cross_entropy(logits.flatten(0, -2), targets.flatten(), reduction="none")
    return losses.view(_ROWS, -1).mean(1)


def _gradients(subject: _Subject) -> Finding:
    host = subject.build("grouped", *range(_ROWS))
    torch.autograd.backward(_row_losses(host, subject).sum())
    bad = [name for name, parameter in host.named_parameters() if not _alive(parameter.grad)]
    return Finding(
        check="every parameter learns",
        passed=not bad,
        detail=f"no finite non-zero gradient in {', '.join(bad)}" if bad else "finite non-zero gradients everywhere",
    )


def _alive(gradient_r: Tensor | None) -> bool:
    if gradient_r is None or not bool(gradient_r.isfinite().all()):
        return False
    return bool((gradient_r.flatten(1).abs().amax(1) > 0).all())


@torch.no_grad()
def _solo(subject: _Subject) -> Finding:
    worst = 0.0
    for algorithm in cpu_algorithms():
        together, alone = subject.build(algorithm, *range(_ROWS)).eval(), subject.build(algorithm, 1).eval()
        for mine, other in zip(row_tensors(together), row_tensors(alone), strict=True):
            worst = max(worst, float((mine[1] - other[0]).abs().max()))
        logits, _ = _forward(together, subject.samples())
        expected, _ = _forward(alone, subject.samples()[1:2])
        worst = max(worst, float((logits[1] - expected[0]).abs().max()))
    return Finding(
        check="a row equals the host alone",
        passed=worst <= _TOLERANCE,
        detail=f"largest difference {worst:.1e}, allowed {_TOLERANCE:.0e}",
    )


def _agreement(subject: _Subject) -> Finding:
    def compute(algorithm: StackedAlgorithm) -> dict[str, Tensor]:
        host = subject.build(algorithm, *range(_ROWS))
        logits, _ = _forward(host, subject.samples())
        return with_gradients(host, logits, _losses(logits, subject).sum(), None)

    worst = largest_disagreement(compute)
    return Finding(check="all algorithms agree", passed=worst.passed, detail=f"{worst}, allowed {AGREEMENT_LIMIT:.0e}")


def _apart(subject: _Subject) -> Finding:
    leaks: list[str] = []
    for algorithm in cpu_algorithms():
        host = subject.build(algorithm, *range(_ROWS))
        torch.autograd.backward(_row_losses(host, subject)[0])
        for name, parameter in host.named_parameters():
            if parameter.grad is not None and bool((parameter.grad[1:] != 0).any()):
                leaks.append(f"{name} ({algorithm})")
    return Finding(
        check="rows are apart",
        passed=not leaks,
        detail=f"another row's loss reaches {', '.join(leaks)}" if leaks else "no gradient crosses rows",
    )


@torch.no_grad()
def _causal(subject: _Subject) -> Finding:
    host = subject.build("grouped", *range(_ROWS)).eval()
    before = subject.samples()
    (length,) = subject.input_shape
    changed = before.clone()
    changed[..., length // 2 :] = (changed[..., length // 2 :] + 1) % subject.num_classes
    first, second = (_forward(host, ids)[0][:, :, : length // 2] for ids in (before, changed))
    worst = float((first - second).abs().max())
    return Finding(
        check="nothing looks ahead",
        passed=worst <= _TOLERANCE,
        detail=f"later tokens change earlier logits by {worst:.1e}, allowed {_TOLERANCE:.0e}",
    )


def check_every_host(names: Sequence[str] = ()) -> tuple[ConformanceReport, ...]:
    """Check hosts as their kinds make them by default, on small samples of the shape that each kind reads.

    names: the kinds; without one, every registered kind.

    Raises:
        ConfigError: there is no such host, or it cannot read such samples.
    """
    kinds = [host_kind(name) for name in names] or list_host_kinds()
    return tuple(
        check_host(HostConfig(kind=kind.name), input_shape=_SHAPES[kind.sample_dims], num_classes=_CLASSES)
        for kind in kinds
    )
