"""The operator takes the stick: the form, and an order from key press to the record of a real run."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from textual.pilot import Pilot

from esper.contracts.actions import AlphaTarget, Blueprint, Op
from esper.contracts.legality import IllegalReason
from esper.contracts.orders import Order
from esper.history import read_events
from esper.history.presets import resolve_config
from esper.history.recording import open_recording
from esper.process.console_log import ConsoleLog
from esper.process.signals import stop_on_signals
from esper.telemetry.events import Event, LastAction, OpMask
from esper.training.group_spec import GroupSpec
from esper.training.run_control import RunControl
from esper_tui.app import CockpitApp
from esper_tui.leaving import Leaving
from esper_tui.screens.detail import DetailScreen
from esper_tui.screens.order import OrderScreen, form_lines
from esper_tui.session import run_live, training_job
from esper_tui.sources.live import LiveSource
from esper_tui.state.order_form import OrderForm, order_words
from esper_tui.widgets.text import plain

OCCUPIED, EMPTY = IllegalReason.OCCUPIED, IllegalReason.EMPTY
MASKS = (
    OpMask(op="GERMINATE", slots=(OCCUPIED, None), gate=None),
    OpMask(op="SET_ALPHA_TARGET", slots=(IllegalReason.RAMPING, EMPTY), gate=None),
    OpMask(op="PRUNE", slots=(None, EMPTY), gate=None),
    OpMask(op="FOSSILIZE", slots=(IllegalReason.STAGE, EMPTY), gate=None),
    OpMask(op="ADVANCE", slots=(IllegalReason.GATE, EMPTY), gate="G3 not passed: alpha 0.4 (needs 1)"),
)


@pytest.fixture
def form() -> OrderForm:
    """The first slot has a seed, the second is empty."""
    events = ScriptedRun(envs=2, epochs=3).events()
    decision = next(one.payload for one in events if isinstance(one.payload, LastAction))
    return OrderForm(
        order=Order(env_id=3, op=Op.WAIT),
        slot_ids=("r0c0", "r0c1"),
        blueprints=(Blueprint.CONV_LIGHT, Blueprint.NORM),
        decision=replace(decision, legal_ops=("WAIT", "GERMINATE", "PRUNE"), op_masks=MASKS),
    )


def test_only_what_the_masks_allow_is_offered(form: OrderForm) -> None:
    assert form.options("op") == [Op.WAIT, Op.GERMINATE, Op.PRUNE]
    growing = form.changed(1)
    assert growing.fields == ("op", "slot_id", "blueprint", "style", "tempo", "alpha_target")
    assert growing.order == Order(env_id=3, op=Op.GERMINATE, slot_id="r0c1", blueprint=Blueprint.CONV_LIGHT)
    assert growing.options("slot_id") == ["r0c1"]
    assert growing.changed(1).order == Order(env_id=3, op=Op.PRUNE, slot_id="r0c0")
    assert form.changed(-1).order.op is Op.PRUNE, "the options go round"


def test_each_field_is_chosen_and_another_op_starts_anew(form: OrderForm) -> None:
    chosen = form.changed(1).moved(2).changed(1).moved(-3).changed(-1)
    assert (chosen.order.blueprint, chosen.order.alpha_target) == (Blueprint.NORM, AlphaTarget.SEVENTY)
    assert order_words(chosen.order) == "env 03 germinate r0c1 norm"
    assert chosen.moved(1).changed(1).order == Order(env_id=3, op=Op.PRUNE, slot_id="r0c0")
    assert order_words(form.moved(1).changed(2).order) == "env 03 wait 3 epochs"


def test_the_form_says_why_the_rest_is_not_legal(form: OrderForm) -> None:
    text = "\n".join(plain(line) for line in form_lines(form.changed(1), 76))
    assert "ADVN r0c0 G3 alpha 0.4 (needs 1)" in text
    assert "ALPH r0c0 α on a ramp" in text
    assert "not in  r0c0: no empty slot" in text
    assert "checked again at the next decision" in text


def test_before_the_first_decision_an_env_can_only_wait(form: OrderForm) -> None:
    blank = replace(form, decision=None)
    assert blank.options("op") == [Op.WAIT]
    assert "only be told to wait" in "\n".join(plain(line) for line in form_lines(blank, 76))


@dataclass
class Holder:
    """Holds the trainer after the first decisions, once."""

    control: RunControl
    name: str = "holder"
    critical: bool = True
    held: bool = False

    def accept(self, event: Event) -> None:
        if isinstance(event.payload, LastAction) and not self.held:
            self.held = True
            self.control.pause()

    def close(self) -> None:
        pass


def test_an_order_from_the_keys_is_carried_out_by_the_trainer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "120")
    monkeypatch.setenv("LINES", "36")
    values = {"run.rounds": 1, "fleet.envs": 2, "fleet.episode_length": 4, "run.threads": 1}
    config, control = resolve_config("digits", overrides=(), values=values), RunControl()

    async def steer(pilot: Pilot[Leaving]) -> None:
        app = pilot.app
        assert isinstance(app, CockpitApp)
        assert isinstance(app.source, LiveSource)
        deadline = time.monotonic() + 120.0

        async def until(*, over: bool = False) -> None:
            while not (app.source.is_over if over else _decided(app)):
                assert time.monotonic() < deadline, "the run does not go on"
                await pilot.pause(0.05)

        await until()
        await pilot.press("enter")
        await pilot.pause(0.3)
        assert isinstance(app.screen, DetailScreen)
        await pilot.press("o")
        await pilot.pause(0.1)
        assert isinstance(app.screen, OrderScreen)
        await pilot.press("down", "right", "enter")  # two epochs of waiting
        control.resume()
        await until(over=True)
        await pilot.press("q")

    with ExitStack() as stack:
        recording = stack.enter_context(open_recording(config, tmp_path))
        run = recording.directory.path
        recording.hub.add_sink(Holder(control))
        source = LiveSource(control=control, origin=str(run), clock=time.monotonic)
        app = CockpitApp(source, job=training_job([GroupSpec(config=config)], recording, stack, run / "failure.txt"))
        with stop_on_signals(control) as signals:
            run_live(app, source, signals, ConsoleLog(run), out=sys.stdout, pilot=steer)

    acts = [one.payload for one in read_events(run) if isinstance(one.payload, LastAction)]
    assert [(one.env_id, one.epoch, one.op) for one in acts if one.by_operator] == [(0, 2, "WAIT"), (0, 3, "WAIT")]


def _decided(app: CockpitApp) -> bool:
    assert isinstance(app.source, LiveSource)
    envs = app.source.latest().envs
    return len(envs) == 2 and all(row.decision is not None for row in envs)
