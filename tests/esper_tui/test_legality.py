"""Why an op was not legal, in the words of the decision panels."""

from __future__ import annotations

from dataclasses import replace

import pytest
from scripted_run import ScriptedRun

from esper.contracts.legality import IllegalReason
from esper.telemetry.events import HeadChoice, LastAction, OpMask
from esper_tui.widgets.decision_panel import decision_lines, table_lines
from esper_tui.widgets.legality import illegal_lines, reason_words
from esper_tui.widgets.text import plain, width_of

SLOTS = ("r0c0", "r0c1")
EMPTY, OCCUPIED, GATE = IllegalReason.EMPTY, IllegalReason.OCCUPIED, IllegalReason.GATE
MASKS = (
    OpMask(op="GERMINATE", slots=(OCCUPIED, OCCUPIED), gate=None),
    OpMask(op="SET_ALPHA_TARGET", slots=(IllegalReason.STAGE, EMPTY), gate=None),
    OpMask(op="PRUNE", slots=(None, EMPTY), gate=None),
    OpMask(op="FOSSILIZE", slots=(EMPTY, GATE), gate="G5 not passed: held 0 (needs 1)"),
    OpMask(op="ADVANCE", slots=(None, None), gate=None),
)


@pytest.fixture
def decision() -> LastAction:
    """A germination of the scripted run, with the masks of above."""
    events = ScriptedRun(envs=2, epochs=8).events()
    found = next(one.payload for one in events if isinstance(one.payload, LastAction) and one.payload.op == "GERMINATE")
    return replace(found, legal_ops=("WAIT", "PRUNE", "ADVANCE"), op_masks=MASKS)


def test_the_slot_that_lacks_the_least_gives_the_reason() -> None:
    assert reason_words(MASKS[0], SLOTS) == "no empty slot"
    assert reason_words(MASKS[1], SLOTS) == "none blends or holds"
    assert reason_words(MASKS[3], SLOTS) == "r0c1 G5 held 0 (needs 1)"
    young = OpMask(op="PRUNE", slots=(IllegalReason.TOO_YOUNG, IllegalReason.STAGE), gate=None)
    assert reason_words(young, SLOTS) == "r0c0 too young"


def test_every_reason_has_words() -> None:
    for reason in IllegalReason:
        assert reason_words(OpMask(op="GERMINATE", slots=(reason,), gate=None), SLOTS)


def test_each_illegal_op_is_told_with_its_reason(decision: LastAction) -> None:
    lines = [plain(line).strip() for line in illegal_lines(decision, SLOTS, 36)]
    assert lines == ["illegal GERM no empty slot", "ALPH none blends or holds", "FOSS r0c1 G5 held 0 (needs …"]


def test_ops_with_the_same_reason_share_a_row(decision: LastAction) -> None:
    nothing = replace(
        decision, legal_ops=("WAIT",), op_masks=tuple(OpMask(op=m.op, slots=(EMPTY, EMPTY), gate=None) for m in MASKS)
    )
    assert [plain(line) for line in illegal_lines(nothing, SLOTS, 60)] == ["illegal GERM ALPH PRUN FOSS ADVN no seed"]


def test_where_everything_was_legal_nothing_is_listed(decision: LastAction) -> None:
    free = replace(decision, legal_ops=("WAIT", *(mask.op for mask in MASKS)))
    assert [plain(line) for line in illegal_lines(free, SLOTS, 40)] == ["illegal none"]


def test_the_second_choice_of_each_head_is_shown(decision: LastAction) -> None:
    heads = tuple(_with_second(head) for head in decision.heads)
    text = "\n".join(plain(line) for line in table_lines(replace(decision, heads=heads), SLOTS, 80))
    assert "norm .21" in text
    assert "WAIT .14" in text
    short = decision_lines(replace(decision, heads=heads), SLOTS, 36)
    assert "(norm .21)" in "\n".join(plain(line) for line in short)
    assert max(width_of(line) for line in short) <= 36


def _with_second(head: HeadChoice) -> HeadChoice:
    if head.head == "blueprint":
        return replace(head, second="norm", second_probability=0.21)
    return replace(head, second="WAIT", second_probability=0.14) if head.head == "op" else head
