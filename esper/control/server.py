"""Answers on a run's control socket, in a thread of the process that trains.

The thread does nothing but assign flags, so that no client can hold the trainer up. It takes at most fifty connections
a second and gives each a second of patience; a client that asks faster waits in line, and one that says nothing is
dropped.
"""

from __future__ import annotations

import asyncio
import os
import socket
import threading
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from esper.control.address import open_socket, remove_socket
from esper.control.messages import LONGEST_MESSAGE, Action, Answer, OrderRequest, Request
from esper.errors import ConfigError, RecordError
from esper.history.codec import record_from_json, record_to_json
from esper.training.run_control import RunControl

_PACE_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 1.0


@contextmanager
def served_control(control: RunControl, run: Path, note: Callable[[str], object]) -> Generator[None]:
    """While the block runs, other processes of this user may ask the run for what its control offers.

    run: its directory, whose lock the caller holds.
    note: is told in one line why there is no socket, if there is none. The run goes on without.
    """
    try:
        listener = open_socket(run)
    except OSError as error:
        note(f"no control socket: {error}; `esper stop` still works, pausing from elsewhere does not")
        yield
        return
    server = _Server(control, listener)
    try:
        yield
    finally:
        server.close()
        remove_socket(run)


def obey(control: RunControl, action: Action) -> None:
    """Do what was asked."""
    match action:
        case Action.STATUS:
            pass
        case Action.PAUSE:
            control.pause()
        case Action.RESUME:
            control.resume()
        case Action.CHECKPOINT:
            control.request_checkpoint()
        case Action.STOP:
            control.request_stop()
        case Action.STOP_AFTER_ROUND:
            control.request_stop_after_round()


def answer_to(control: RunControl, line: bytes) -> Answer:
    """Do what a line asks for, and say how the run stands. A line that is no request changes nothing."""
    problem = None
    try:
        if b'"order"' in line:
            control.give_order(record_from_json(line, OrderRequest).order)
        else:
            obey(control, record_from_json(line, Request).action)
    except (RecordError, ConfigError) as error:
        problem = str(error)
    return Answer(
        pid=os.getpid(),
        paused=control.is_paused,
        stopping=control.stop_requested,
        stopping_after_round=control.stop_after_round_requested,
        checkpoint_due=control.checkpoint_requested,
        problem=problem,
    )


class _Server:
    """The thread, from its making to close()."""

    def __init__(self, control: RunControl, listener: socket.socket) -> None:
        self._control = control
        self._listener = listener
        self._listener.setblocking(False)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="control", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread. Clients that are being answered are dropped."""
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join()
        self._listener.close()

    def _run(self) -> None:
        self._serving = self._loop.create_task(self._serve())
        with suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._serving)
        self._loop.close()

    def _end(self) -> None:
        self._serving.cancel()

    async def _serve(self) -> None:
        async with asyncio.TaskGroup() as clients:
            while True:
                with suppress(OSError):  # The client is gone already, or this process has too many files open.
                    connection, _ = await self._loop.sock_accept(self._listener)
                    clients.create_task(self._answer(connection))
                await asyncio.sleep(_PACE_SECONDS)

    async def _answer(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):
            connection.setblocking(False)
            async with asyncio.timeout(_PATIENCE_SECONDS):
                line = await self._read_line(connection)
                answer = record_to_json(answer_to(self._control, line))
                await self._loop.sock_sendall(connection, f"{answer}\n".encode())

    async def _read_line(self, connection: socket.socket) -> bytes:
        """What the client says up to its first newline, its end, or the most that a message may have."""
        said = b""
        while b"\n" not in said and len(said) < LONGEST_MESSAGE:
            part = await self._loop.sock_recv(connection, LONGEST_MESSAGE - len(said))
            if not part:
                break
            said += part
        return said.partition(b"\n")[0]
