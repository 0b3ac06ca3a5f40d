"""The cockpit in a browser: `esper watch RUN --serve` and `esper replay RUN --serve`, through textual-serve.

Each visitor gets a viewer process of their own (viewer.py), which reads the run's files and can change nothing. A
training is never served: a visitor who leaves would take it along.

On this machine's own addresses everybody who may open a page on it may look. Anywhere else, the address has a random
token in it, and nothing is served without it.
"""

from __future__ import annotations

import ipaddress
import secrets
import shlex
import socket
import sys
from collections.abc import Awaitable, Callable, Sequence
from contextvars import ContextVar
from typing import Final
from urllib.parse import urlsplit

from aiohttp import web
from textual_serve.server import Server

from esper.errors import ConfigError

MOST_VISITORS: Final = 16
"""Viewer processes at the same time; each of them needs about as much memory as a cockpit."""

HEADERS: Final = {
    "Content-Security-Policy": "default-src 'self' 'unsafe-inline' data:; connect-src 'self' ws: wss:",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}
"""The page of textual-serve asks another site for a font, which would tell that site of it."""

_origin: ContextVar[str] = ContextVar("origin")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


class ViewerServer(Server):
    """Serves viewers of one run, each a process of its own.

    token: the first part of every path that is served; empty on loopback.
    visitors: how many there are now.
    """

    def __init__(self, command: Sequence[str], *, host: str, port: int, title: str) -> None:
        """command: what a visitor's process runs."""
        self.token = "" if is_loopback(host) else secrets.token_urlsafe(24)
        self.visitors = 0
        super().__init__(f"exec {shlex.join(command)}", host=host, port=port, title=title, public_url="")

    @property
    def address(self) -> str:
        """What is typed into a browser."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{host}:{self.port}/{f'{self.token}/' if self.token else ''}"

    @property
    def public_url(self) -> str:
        """The start of the addresses on a page: whatever name the visitor knows this machine by."""
        return _origin.get("")

    @public_url.setter
    def public_url(self, _value: str) -> None:
        """textual-serve sets one address for all visitors."""

    async def make_app(self) -> web.Application:
        """The application, behind the check of the token and of where a request comes from."""
        inner = await super()._make_app()
        if not self.token:
            inner.middlewares.append(self._check)
            return inner
        outer = web.Application(middlewares=[self._check])
        outer.add_subapp(f"/{self.token}/", inner)
        return outer

    async def _make_app(self) -> web.Application:
        return await self.make_app()

    @web.middleware
    async def _check(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Refuse whoever does not know the token, and pages of other sites that a visitor has open.

        Those could otherwise look at a run on the visitor's own machine, under a name of theirs that leads there.
        """
        first = request.path.split("/")[1]
        if self.token and not secrets.compare_digest(first.encode(), self.token.encode()):
            raise web.HTTPNotFound
        asked = urlsplit(f"//{request.host}").hostname or ""
        if not self.token and not is_loopback(asked):
            raise web.HTTPForbidden
        origin = request.headers.get("Origin")
        if origin is not None and urlsplit(origin).netloc != request.host:
            raise web.HTTPForbidden
        _origin.set(f"{request.scheme}://{request.host}")
        response = await handler(request)
        if not response.prepared:
            response.headers.update(HEADERS)
        return response

    async def handle_websocket(self, request: web.Request) -> web.WebSocketResponse:
        """A visitor's session."""
        if self.visitors >= MOST_VISITORS:
            raise web.HTTPServiceUnavailable(text="too many visitors: close another page first")
        self.visitors += 1
        try:
            return await super().handle_websocket(request)
        finally:
            self.visitors -= 1

    def initialize_logging(self) -> None:
        """Leave logging as it is."""

    async def on_startup(self, app: web.Application) -> None:
        """Say where it is, once it listens."""
        print(f"{self.address}\nOpen this address in a browser. Ctrl-C ends it.", flush=True)


def serve(arguments: Sequence[str], *, host: str, port: int, title: str) -> None:
    """Serve viewers with these arguments of viewer.py, until Ctrl-C.

    Raises:
        ConfigError: nobody may listen at this address.
    """
    try:
        socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET).close()
    except OSError as error:
        raise ConfigError(
            f"--serve cannot listen at {host}:{port}: {error.strerror or error}; give another --port or --host"
        ) from error
    server = ViewerServer([sys.executable, "-m", "esper_tui.viewer", *arguments], host=host, port=port, title=title)
    server.serve()
