"""Requests over a real socket: what they do, who may make them, and what a mad or a dead process leaves behind."""

from __future__ import annotations

import os
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from esper.contracts.actions import Blueprint, Op
from esper.contracts.orders import Order
from esper.control.address import LONGEST_ADDRESS, PATH_FILE, SOCKET_FILE, find_socket, open_socket
from esper.control.client import ask
from esper.control.messages import LONGEST_MESSAGE, Action, Answer, Request
from esper.control.server import answer_to, served_control
from esper.errors import ConfigError, ControlError, EsperError
from esper.history.codec import record_from_json, record_to_json
from esper.history.run_lock import RunLock
from esper.training.run_control import MOST_ORDERS, RunControl


def test_every_request_reaches_the_control_and_is_answered_with_its_state(run: Path, control: RunControl) -> None:
    still = Answer(
        pid=os.getpid(),
        paused=False,
        stopping=False,
        stopping_after_round=False,
        checkpoint_due=False,
        problem=None,
    )
    assert ask(run, Action.STATUS) == still
    assert ask(run, Action.PAUSE).paused
    assert control.is_paused
    assert ask(run, Action.CHECKPOINT).checkpoint_due
    assert control.checkpoint_requested
    assert not ask(run, Action.RESUME).paused
    assert not control.is_paused
    answer = ask(run, Action.STOP_AFTER_ROUND)
    assert (answer.stopping_after_round, answer.stopping) == (True, False)
    assert control.stop_after_round_requested
    assert ask(run, Action.STOP).stopping
    assert control.stop_requested


def test_an_order_reaches_the_control_and_one_that_is_none_is_refused(run: Path, control: RunControl) -> None:
    control.expect_envs(4)
    order = Order(env_id=3, op=Op.GERMINATE, slot_id="r0c1", blueprint=Blueprint.NORM)
    ask(run, order)
    assert control.take_orders() == (order,)
    for wrong, words in (
        (replace(order, env_id=4), "no env 4: the run has the envs 0 to 3"),
        (replace(order, epochs=2), "GERMINATE for 2 epochs"),
        (Order(env_id=0, op=Op.WAIT, epochs=10**12), "1 to 10,000"),
    ):
        with pytest.raises(ControlError, match=words):
            ask(run, wrong)
    assert answer_to(control, b'{"order":{"env_id":0}}').problem is not None
    assert control.take_orders() == ()


def test_orders_for_envs_that_the_run_turns_out_not_to_have_are_dropped_and_only_so_many_wait() -> None:
    control = RunControl()
    control.give_order(Order(env_id=7, op=Op.WAIT))
    control.give_order(Order(env_id=1, op=Op.WAIT))
    control.expect_envs(2)
    assert [order.env_id for order in control.take_orders()] == [1]
    for _ in range(MOST_ORDERS):
        control.give_order(Order(env_id=0, op=Op.WAIT))
    with pytest.raises(ConfigError, match="waiting already"):
        control.give_order(Order(env_id=0, op=Op.WAIT))


def test_only_the_owner_may_connect(run: Path, control: RunControl) -> None:
    assert stat.S_IMODE((run / SOCKET_FILE).stat().st_mode) == 0o600


def test_nothing_is_left_when_the_run_ends(run: Path) -> None:
    with served_control(RunControl(), run, print):
        assert (run / SOCKET_FILE).is_socket()
    assert list(run.iterdir()) == []


def test_a_path_that_is_too_long_for_a_socket_is_answered_elsewhere(run: Path) -> None:
    deep = run / ("d" * 80) / ("e" * 80)
    deep.mkdir(parents=True)
    lock = RunLock(deep)
    with served_control(RunControl(), deep, print):
        place = find_socket(deep)
        assert len(os.fsencode(place)) <= LONGEST_ADDRESS
        assert stat.S_IMODE(place.stat().st_mode) == 0o600
        assert stat.S_IMODE(place.parent.stat().st_mode) == 0o700
        assert ask(deep, Action.PAUSE).paused
    lock.close()
    assert not place.parent.exists()
    assert [item.name for item in deep.iterdir()] == ["lock"]


@pytest.mark.parametrize("length", [1, 120])
def test_what_a_killed_process_left_is_replaced(run: Path, length: int) -> None:
    folder = run / ("d" * length)
    folder.mkdir()
    open_socket(folder).close()  # The file outlives the socket, as after SIGKILL.
    dead = find_socket(folder)
    assert dead.is_socket()
    lock = RunLock(folder)
    with pytest.raises(ControlError, match=r"does not listen \(Connection refused\)"):
        ask(folder, Action.STATUS)
    with served_control(RunControl(), folder, print):
        assert ask(folder, Action.PAUSE).paused
    lock.close()
    assert not dead.exists()
    assert not (folder / PATH_FILE).exists()


def test_a_run_from_elsewhere_cannot_have_a_file_removed(run: Path, tmp_path: Path) -> None:
    precious = tmp_path / "esper-control-x" / "file"
    precious.parent.mkdir()
    precious.write_text("precious")
    (run / PATH_FILE).write_text(f"{precious}\n")
    with served_control(RunControl(), run, print):
        pass
    assert precious.read_text() == "precious"


def test_a_run_goes_on_without_a_socket_and_says_so(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise OSError(95, "Operation not supported")

    monkeypatch.setattr(socket.socket, "bind", refuse)
    notes: list[str] = []
    lock = RunLock(run)
    with served_control(RunControl(), run, notes.append):
        assert [note.partition(";")[0] for note in notes] == ["no control socket: [Errno 95] Operation not supported"]
        with pytest.raises(ControlError, match="is being written, but does not listen"):
            ask(run, Action.PAUSE)
    lock.close()


def test_nobody_trains_the_run(run: Path) -> None:
    (run / "events.jsonl").write_text("")
    with pytest.raises(EsperError, match="is not being written"):
        ask(run, Action.PAUSE)


def connect(run: Path) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    connection.settimeout(10)
    connection.connect(str(run / SOCKET_FILE))
    return connection


def test_silent_and_mad_clients_do_not_keep_others_from_being_answered(run: Path, control: RunControl) -> None:
    with ExitStack() as clients:
        for number in range(10):
            client = clients.enter_context(connect(run))
            if number % 2:
                client.sendall(b"\x00" * LONGEST_MESSAGE)
        assert ask(run, Action.PAUSE).paused


def test_a_silent_client_is_dropped(run: Path, control: RunControl) -> None:
    with connect(run) as client:
        assert client.recv(1) == b""


def test_a_client_that_never_stops_asking_takes_little_of_the_process(run: Path, control: RunControl) -> None:
    """The pace bounds what any number of clients can cost: the flood is answered at fifty a second at most."""
    code = (
        "import socket, sys\n"
        "while True:\n"
        "    with socket.socket(socket.AF_UNIX) as one:\n"
        '        one.connect(sys.argv[1]); one.sendall(b\'{"action":"status"}\\n\'); one.recv(9999)\n'
    )
    before = time.process_time()
    flood = subprocess.Popen([sys.executable, "-c", code, str(run / SOCKET_FILE)])
    time.sleep(1.0)
    assert ask(run, Action.PAUSE).paused
    flood.kill()
    flood.wait()
    assert time.process_time() - before < 0.5


@settings(max_examples=50, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    line=st.one_of(
        st.binary(max_size=200),
        st.text(max_size=50).map(lambda text: f'{{"action":"{text}"}}'.encode()),
        st.sampled_from([b"[" * 4000, b'{"action":"stop","action":"stop"}', b'{"action":"stop","now":true}', b"{}"]),
    )
)
def test_a_line_that_is_no_request_is_refused_and_changes_nothing(line: bytes) -> None:
    control = RunControl()
    answer = answer_to(control, line)
    assert answer.problem is not None
    assert not any([control.is_paused, control.stop_requested, control.checkpoint_requested])
    assert record_from_json(record_to_json(answer), Answer) == answer
    assert len(record_to_json(answer)) < LONGEST_MESSAGE


@pytest.mark.parametrize("action", Action)
def test_a_request_is_one_short_line(action: Action) -> None:
    line = record_to_json(Request(action=action))
    assert line == f'{{"action":"{action.value}"}}'
    assert record_from_json(line, Request).action is action


def answering(run: Path, text: bytes) -> Callable[[], None]:
    """A process of another kind on the run's socket, which says something to the first client."""
    listener = open_socket(run)

    def answer() -> None:
        with listener:
            connection, _ = listener.accept()
            with connection:
                connection.recv(9999)
                connection.sendall(text)

    return answer


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"", "hung up without an answer"),
        (b'{"pid":1}\n', "another version of Esper"),
        (b"x" * 9000, "is not JSON"),
    ],
)
def test_an_answer_that_is_none_is_one_line(run: Path, text: bytes, words: str) -> None:
    from threading import Thread

    lock, thread = RunLock(run), Thread(target=answering(run, text))
    thread.start()
    with pytest.raises(ControlError, match=words) as caught:
        ask(run, Action.STATUS)
    assert "\n" not in str(caught.value)
    thread.join()
    lock.close()


def test_a_process_that_is_stopped_is_not_waited_for(run: Path) -> None:
    lock, listener = RunLock(run), open_socket(run)
    with pytest.raises(ControlError, match=r"does not answer within 0.1 s"):
        ask(run, Action.STATUS, patience=0.1)
    listener.close()
    lock.close()
