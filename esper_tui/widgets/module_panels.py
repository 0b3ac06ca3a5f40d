"""The panels of the attribution screen: modules, modules by slot, pairs of modules."""

from __future__ import annotations

from typing import ClassVar, Final

from esper.contracts.stages import SeedStage
from esper_tui.sources.base import Frame
from esper_tui.state.attribution import Spread
from esper_tui.state.metrics import MISSING
from esper_tui.widgets.figure_panel import FigurePanel, Focus
from esper_tui.widgets.text import Line, Role, Span, dim, label, line, pad, pad_left, wrap
from esper_tui.widgets.vocabulary import STAGE_SIGNS, short_module

NOTHING = "no seed of this run is over yet: a seed counts with its last ablation, when it is cut or its episode ends"


def spread_words(spread: Spread | None) -> str:
    """Mean ± half of the 95 % interval, and from how many seeds."""
    if spread is None:
        return MISSING
    interval = "" if spread.half_width is None else f"±{spread.half_width:.1f}"
    return f"{spread.mean:+.1f}{interval}"


def _is_clear(spread: Spread | None) -> bool:
    """The 95 % interval leaves zero out."""
    return spread is not None and spread.half_width is not None and abs(spread.mean) > spread.half_width


class ModulePanel(FigurePanel):
    """One row a kind of module."""

    TITLE: ClassVar = "MODULES · points of accuracy, mean ± 95 % over seeds"
    HINT: ClassVar = "★ the interval leaves zero out"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        modules = frame.snapshot.modules.modules
        if not modules:
            return [line(dim(NOTHING))]
        titles = f"{'module':16} {'tried':>5} {'kept':>5} {'cut':>5} {'kept%':>6} {'by policy':>9}"
        lines = [line(label(f"{titles} {'n':>4} {'solo':>11} {'drop-1':>11} {'Shapley':>11}   {'epochs':>7}"))]
        for one in modules:
            share = f"{100 * one.kept / one.tried:.0f}%" if one.tried else MISSING
            count = one.drop_one.count if one.drop_one else 0
            star = "★" if _is_clear(one.shapley) else " "
            lines.append(
                line(
                    f"{pad(one.blueprint.lower(), 16)} {one.tried:5d} {one.kept:5d} {one.cut:5d} {share:>6} ",
                    f"{one.cut_by_policy:9d} {count:4d} ",
                    pad_left(spread_words(one.solo), 11),
                    " ",
                    pad_left(spread_words(one.drop_one), 11),
                    " ",
                    pad_left(spread_words(one.shapley), 11),
                    Span(f" {star} ", Role.GOOD),
                    pad_left(MISSING if one.epochs is None else f"{one.epochs.mean:.1f}", 7),
                )
            )
        return lines


CELL_WIDTH: Final = 17
"""A cell of the table with both figures, for example "2/12 +13.3±38.0"."""


class ModuleSlotPanel(FigurePanel):
    """Kept of tried and drop-one, by module and slot; without drop-one where there is no room for it."""

    TITLE: ClassVar = "MODULE × SLOT · kept/tried, drop-one"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        figures, run = frame.snapshot.modules, frame.snapshot.run
        if run is None or not figures.slots:
            return [line(dim(NOTHING))]
        cells = {(one.slot_id, one.blueprint): one for one in figures.slots}
        room = (width - 7) // max(1, len(run.slot_ids))
        cell_width = CELL_WIDTH if room >= CELL_WIDTH else max(6, min(room, 8))
        lines = [line(label(pad("module", 7)), *(label(pad(slot_id, cell_width)) for slot_id in run.slot_ids))]
        for module in figures.modules:
            row: list[Span | str] = [label(pad(short_module(module.blueprint), 7))]
            for slot_id in run.slot_ids:
                cell = cells.get((slot_id, module.blueprint))
                text = "–" if cell is None else f"{cell.kept}/{cell.tried}"
                if cell is not None and cell_width == CELL_WIDTH:
                    text += f" {spread_words(cell.drop_one)}"
                row.append(pad(text, cell_width))
            lines.append(line(*row))
        return lines


def pair_word(interaction: float) -> str:
    """What a mean interaction says, once it is large enough to be shown."""
    if abs(interaction) < 0.05:
        return "neutral"
    return "helps" if interaction > 0 else "hurts"


class PairPanel(FigurePanel):
    """How two kinds of modules work together."""

    TITLE: ClassVar = "PAIRS · interaction, points"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        pairs = sorted(frame.snapshot.modules.pairs, key=lambda pair: -abs(pair.interaction.mean))
        lines = [
            line(
                label(pad(f"{short_module(pair.first)} × {short_module(pair.second)}", 12)),
                pad_left(spread_words(pair.interaction), 11),
                dim(f" n {pair.interaction.count} "),
                pair_word(pair.interaction.mean),
            )
            for pair in pairs
        ]
        text = "no two seeds were measured side by side and are over yet"
        return lines or wrap([dim(word) for word in text.split()], width, gap=" ")


class PopulationPanel(FigurePanel):
    """What is in the slots now, and how seeds fared over the rounds."""

    TITLE: ClassVar = "SEEDS now · and by round"

    def make(self, frame: Frame, focus: Focus, width: int, height: int) -> list[Line]:
        stages = [slot.stage for row in frame.snapshot.envs for slot in row.slots if slot is not None]
        places = sum(len(row.slots) for row in frame.snapshot.envs)
        if not places:
            return [line(dim("no env yet"))]
        rows: list[tuple[SeedStage, int]] = [(SeedStage.DORMANT, places - len(stages))]
        rows += [(stage, stages.count(stage)) for stage in SeedStage if stage in stages]
        lines: list[Line] = []
        for stage, count in rows:
            sign, role, _ = STAGE_SIGNS[stage]
            name = "empty" if stage is SeedStage.DORMANT else stage.name.lower()
            bar = "█" * round(count / places * max(0, min(24, width - 26)))
            lines.append(line(Span(f"{sign} ", role), f"{pad(name, 11)} {count:4d} ", Span(bar, role)))
        for group in frame.snapshot.groups:
            created = sum(one.seeds_created for one in group.rounds)
            kept, cut = sum(one.seeds_fossilized for one in group.rounds), sum(one.seeds_pruned for one in group.rounds)
            share = f"{100 * kept / created:.0f} %" if created else MISSING
            episodes = max(1, group.rounds[-1].episodes_completed) if group.rounds else 1
            rounds = f"{len(group.rounds)} finished round{'' if len(group.rounds) == 1 else 's'}"
            text = f"in {rounds}: {created} planted, {kept} kept ({share}), {cut} cut"
            text += f" · {created / episodes:.1f} an episode"
            lines += wrap([label(group.group_id), *[Span(word) for word in text.split()]], width, gap=" ")
        return lines
