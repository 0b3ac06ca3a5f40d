"""A slot of a fleet as one operation: whatever grows there, for all rows at once (slot.c).

What a seed computes is described as a short program of layers, so that a chunk of samples goes through program and
blend, and back, without leaving the cache. Rows R of the features are envs; every bank holds seeds of some of them.
"""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol, cast

import torch
from torch import Tensor

from esper.layers.native import gate
from esper.layers.native.calls import LOGICAL_ORDER, empty_like, run, samples_innermost, sizes, view


class LayerKind(IntEnum):
    """What a layer of a program does; the values are those of layers.h."""

    CONVOLUTION = 0
    GROUP_NORM = 1
    RELU = 2
    SILU = 3
    ATTENTION = 4
    LESS_INPUT = 5


class BlendMode(IntEnum):
    """How a row's seed enters the features; the values are those of program.h. With gates ADD is GATE."""

    OFF = 0
    STRAIGHT_THROUGH = 1
    ADD = 2
    MULTIPLY = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramLayer:
    """One layer of f in x + gamma * f(x).

    outputs: channels after it; weights are stacked, [rows, ...].

    CONVOLUTION: weight [outputs, inputs / groups, k, k]. GROUP_NORM: weight, bias. ATTENTION: weight [hidden, inputs]
    squeezes, excite [inputs, hidden] and bias lead back. LESS_INPUT subtracts x. Others have no weights.
    """

    kind: LayerKind
    inputs: int
    outputs: int
    kernel_size: int = 1
    groups: int = 1
    hidden: int = 0
    weight: Tensor | None = None
    bias: Tensor | None = None
    excite: Tensor | None = None


Program = tuple[ProgramLayer, ...]


def activation(kind: LayerKind, channels: int) -> ProgramLayer:
    """A layer without weights."""
    return ProgramLayer(kind=kind, inputs=channels, outputs=channels)


@dataclass(frozen=True, slots=True, kw_only=True)
class GateWeights:
    """The gate of every row: sigmoid(output silu(hidden mean(x) + hidden_bias) + output_bias)."""

    hidden: Tensor
    hidden_bias: Tensor
    output: Tensor
    output_bias: Tensor


@dataclass(frozen=True, slots=True, kw_only=True)
class BankProgram:
    """The seeds of one bank as the kernels take them. All sequences have one entry per row of the bank.

    parameters: all of the bank, in the order in which they lie in a gradient row.
    gradients_rp: written by every backward pass, rows that are OFF with zeros.
    """

    program: Program
    gamma: Tensor
    gate: GateWeights | None
    parameters: Sequence[Tensor]
    envs: Sequence[int]
    modes: Sequence[BlendMode]
    isolated: Sequence[bool]
    alphas: Sequence[float]
    gradients_rp: Tensor


def can_run(program: Program, channels: int, parameters: Sequence[Tensor]) -> bool:
    """Whether the kernels can run this program: its layers fit each other, and its weights lie as they read them.

    A weight that is a view of another parameter, for example the transpose of tied weights, does not; such a seed is
    computed layer by layer.

    channels: of the features.
    parameters: all of the module that the program belongs to.
    """
    own = {id(parameter) for parameter in parameters}
    width = channels
    for layer in program:
        wanted = _weight_shapes(layer)
        tensors = (layer.weight, layer.bias, layer.excite)
        if layer.inputs != width or layer.groups < 1 or layer.inputs % layer.groups or layer.outputs % layer.groups:
            return False
        if any((tensor is None) != (shape is None) for tensor, shape in zip(tensors, wanted, strict=True)):
            return False
        for tensor, shape in zip(tensors, wanted, strict=True):
            if tensor is not None and not (
                id(tensor) in own and tensor.is_contiguous() and tuple(tensor.shape[1:]) == shape
            ):
                return False
        width = layer.outputs
    return width == channels


_Shape = tuple[int, ...] | None


def _weight_shapes(layer: ProgramLayer) -> tuple[_Shape, _Shape, _Shape]:
    """The shapes of weight, bias and excite in one row; None where the layer has no such weight."""
    match layer.kind:
        case LayerKind.CONVOLUTION:
            return (layer.outputs, layer.inputs // layer.groups, layer.kernel_size, layer.kernel_size), None, None
        case LayerKind.GROUP_NORM:
            return (layer.outputs,), (layer.outputs,), None
        case LayerKind.ATTENTION:
            return (layer.hidden, layer.inputs), (layer.inputs,), (layer.inputs, layer.hidden)
        case _:
            return None, None, None


class _Layer(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("kind", "inputs", "outputs", "k", "groups", "hidden")),
        *((name, ctypes.c_void_p) for name in ("w", "b", "v")),
        *((name, ctypes.c_int64) for name in ("dw", "db", "dv")),
    ]


class _Bank(ctypes.Structure):
    _fields_ = [
        *((name, ctypes.c_int64) for name in ("rows", "layers", "parameters", "gate_width")),
        *((name, ctypes.c_void_p) for name in ("layer", "env", "mode", "isolated", "alpha", "gamma")),
        *((name, ctypes.c_void_p) for name in ("gate_w", "gate_b", "gate_v", "gate_c")),
        *((name, ctypes.c_int64) for name in ("dgamma", "dgate_w", "dgate_b", "dgate_v", "dgate_c")),
        ("gradient", ctypes.c_void_p),
    ]


class SlotProgram:
    """All banks of one slot that have a program. Valid as long as the banks' parameters stay where they are."""

    def __init__(self, banks: Sequence[BankProgram], *, rows: int) -> None:
        """rows: of the features."""
        self._kept: list[object] = list(banks)
        self._rows = rows
        self._gammas = [bank.gamma for bank in banks]
        self._banks = (_Bank * len(banks))(*map(self._bank, banks))
        held = {env for bank in banks for env in bank.envs}
        self._others = torch.tensor([row for row in range(rows) if row not in held], dtype=torch.int64)

    def __call__(self, h_rbchw: Tensor) -> Tensor:
        """The blended features, with gradients; those of the seeds' parameters go to gradients_rp.

        Raises:
            KernelInputError: the features do not fit the seeds.
        """
        gate.features(h_rbchw)
        if h_rbchw.shape[0] != self._rows:
            raise gate.KernelInputError(f"the features have {h_rbchw.shape[0]} rows: the slot has {self._rows}")
        for gamma in self._gammas:
            gate.fitting(gamma, (gamma.shape[0], h_rbchw.shape[2]), h_rbchw.dtype, "a seed's gamma")
        return cast(Tensor, _Slot.apply(samples_innermost(h_rbchw), self))

    def forward(self, h_rbchw: Tensor, out_rchwb: Tensor) -> None:
        size = sizes(h_rbchw, outputs=h_rbchw.shape[2], kernel_size=1)
        run("slot", h_rbchw.dtype, size, view(h_rbchw), *self._arguments(), out_rchwb)

    def backward(self, h_rbchw: Tensor, gradient_rbchw: Tensor, dh_rchwb: Tensor) -> None:
        size = sizes(h_rbchw, outputs=h_rbchw.shape[2], kernel_size=1)
        run("slot_backward", h_rbchw.dtype, size, view(h_rbchw), view(gradient_rbchw), *self._arguments(), dh_rchwb)

    def _arguments(self) -> tuple[ctypes.Array[_Bank], int, Tensor, int]:
        return self._banks, len(self._banks), self._others, len(self._others)

    def _bank(self, bank: BankProgram) -> _Bank:
        offsets = _offsets(bank.parameters)
        layers = (_Layer * len(bank.program))(*(_layer(one, offsets) for one in bank.program))
        env = torch.tensor(list(bank.envs), dtype=torch.int64)
        mode = torch.tensor([int(mode) for mode in bank.modes], dtype=torch.uint8)
        isolated = torch.tensor(list(bank.isolated), dtype=torch.uint8)
        alpha = torch.tensor(list(bank.alphas), dtype=bank.gamma.dtype)
        self._kept += [layers, env, mode, isolated, alpha]
        gate = bank.gate
        weights = (None,) * 4 if gate is None else (gate.hidden, gate.hidden_bias, gate.output, gate.output_bias)
        return _Bank(
            len(bank.envs),
            len(bank.program),
            bank.gradients_rp.shape[1],
            0 if gate is None else gate.hidden.shape[1],
            ctypes.addressof(layers),
            *(tensor.data_ptr() for tensor in (env, mode, isolated, alpha, bank.gamma)),
            *map(_address, weights),
            *(_place(tensor, offsets) for tensor in (bank.gamma, *weights)),
            bank.gradients_rp.data_ptr(),
        )


def _offsets(parameters: Sequence[Tensor]) -> dict[int, int]:
    """Where each parameter's gradient begins in a row, by its address."""
    offsets: dict[int, int] = {}
    begin = 0
    for parameter in parameters:
        assert parameter.is_contiguous(), "kernels read parameters as they lie"
        offsets[parameter.data_ptr()] = begin
        begin += parameter[0].numel()
    return offsets


def _layer(layer: ProgramLayer, offsets: dict[int, int]) -> _Layer:
    weights = (layer.weight, layer.bias, layer.excite)
    return _Layer(
        int(layer.kind),
        layer.inputs,
        layer.outputs,
        layer.kernel_size,
        layer.groups,
        layer.hidden,
        *map(_address, weights),
        *(_place(tensor, offsets) for tensor in weights),
    )


def _address(tensor: Tensor | None) -> int | None:
    return None if tensor is None else tensor.data_ptr()


def _place(tensor: Tensor | None, offsets: dict[int, int]) -> int:
    return 0 if tensor is None else offsets[tensor.data_ptr()]


class _Context(Protocol):
    """What autograd hands from forward to backward."""

    saved_tensors: tuple[Tensor, ...]
    slot: SlotProgram

    def save_for_backward(self, *tensors: Tensor) -> None: ...


class _Slot(torch.autograd.Function):
    @staticmethod
    def forward(ctx: _Context, h_rbchw: Tensor, slot: SlotProgram) -> Tensor:
        out_rchwb = empty_like(h_rbchw)
        slot.forward(h_rbchw, out_rchwb)
        ctx.save_for_backward(h_rbchw)
        ctx.slot = slot
        return out_rchwb.permute(LOGICAL_ORDER)

    @staticmethod
    def backward(ctx: _Context, *gradients: Tensor) -> tuple[Tensor, None]:
        (h_rbchw,) = ctx.saved_tensors
        dh_rchwb = empty_like(h_rbchw)
        ctx.slot.backward(h_rbchw, samples_innermost(gradients[0]), dh_rchwb)
        return dh_rchwb.permute(LOGICAL_ORDER), None
