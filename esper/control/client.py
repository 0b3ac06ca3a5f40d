"""Asks a run that another process trains."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Final

from esper.contracts.orders import Order
from esper.control.address import find_socket
from esper.control.messages import LONGEST_MESSAGE, Action, Answer, OrderRequest, Request
from esper.errors import ControlError, RecordError
from esper.history.codec import record_from_json, record_to_json
from esper.history.run_list import RunState, run_state
from esper.history.run_lock import is_locked

PATIENCE_SECONDS: Final = 5.0
"""How long an answer may take. The process answers at once unless it is stopped or the machine is overloaded."""


def ask(run: Path, wish: Action | Order, *, patience: float = PATIENCE_SECONDS) -> Answer:
    """Ask the process that trains a run for something, or tell one of its envs what to do.

    Raises:
        ControlError: nobody trains the run, or its process does not answer or refuses.
        HistoryError: the run cannot be read.
    """
    if not is_locked(run):
        raise ControlError(_nobody(run))
    try:
        request = OrderRequest(order=wish) if isinstance(wish, Order) else Request(action=wish)
        line = _exchange(run, record_to_json(request).encode() + b"\n", patience)
    except TimeoutError:
        raise ControlError(f"{run}: its process does not answer within {patience:g} s: is it stopped?") from None
    except PermissionError:
        raise ControlError(f"{run} belongs to another user: only that user may ask it for anything") from None
    except OSError as error:
        raise ControlError(
            f"{run} is being written, but does not listen ({error.strerror}): "
            "try again in a moment, and if it trains on another machine, ask it there"
        ) from None
    return _understood(run, line)


def _nobody(run: Path) -> str:
    state = run_state(run)
    way_on = f"; `esper train --resume {run}` goes on with it" if state in (RunState.STOPPED, RunState.CUT_OFF) else ""
    return f"{run} is not being written: it is {state.value}, so there is nobody to ask{way_on}"


def _exchange(run: Path, request: bytes, patience: float) -> bytes:
    """Send a line and read one."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(patience)
        connection.connect(str(find_socket(run)))
        connection.sendall(request)
        said = b""
        while b"\n" not in said and len(said) < LONGEST_MESSAGE:
            part = connection.recv(LONGEST_MESSAGE - len(said))
            if not part:
                break
            said += part
    return said


def _understood(run: Path, line: bytes) -> Answer:
    if not line:
        raise ControlError(f"{run}: its process hung up without an answer: it may be ending; try again in a moment")
    try:
        answer = record_from_json(line, Answer)
    except RecordError as error:
        raise ControlError(f"{run}: its process answers in the way of another version of Esper: {error}") from error
    if answer.problem is not None:
        raise ControlError(f"{run}: its process refuses: {answer.problem}")
    return answer
