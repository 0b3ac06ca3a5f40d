"""The cockpit in a browser: who is served, and what a visitor can do."""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from pathlib import Path

import pytest
from scripted_run import ScriptedRun
from typer.testing import CliRunner

from esper.cli.main import app as esper
from esper.history import open_recording
from esper.training.config import TrainingConfig
from esper_tui.app import CockpitApp
from esper_tui.keys import KEYS
from esper_tui.sources.replay import ReplaySource

pytest.importorskip("textual_serve")

from aiohttp import WSMsgType
from aiohttp.test_utils import TestClient, TestServer

from esper_tui import serving
from esper_tui.serving import ViewerServer, is_loopback

EVENTS = ScriptedRun(envs=3, epochs=3, rounds=1).events()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    with open_recording(TrainingConfig(), tmp_path) as recording:
        for event in EVENTS:
            recording.hub.emit(event.payload)
    return recording.directory.path


async def client_of(server: ViewerServer) -> TestClient:
    client = TestClient(TestServer(await server.make_app()))
    await client.start_server()
    return client


def viewers_of(run: Path) -> list[str]:
    """The processes that show a run."""
    found: list[str] = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # It may have ended meanwhile.
            found.append(path.read_text(errors="replace"))
    return [line for line in found if str(run) in line]


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("10.0.0.7", False), ("box", False)],
)
def test_only_addresses_of_this_machine_need_no_token(host: str, loopback: bool) -> None:
    server = ViewerServer(["true"], host=host, port=8000, title="x")
    assert is_loopback(host) is loopback
    assert bool(server.token) is not loopback
    assert (len(server.address) > 40) is not loopback


async def test_without_the_token_nothing_is_served() -> None:
    server = ViewerServer(["true"], host="0.0.0.0", port=8000, title="x")
    client = await client_of(server)
    try:
        for path in ("/", "/ws", "/static/js/textual.js", "/download/x", "/wrong/", f"/{server.token[:-1]}/"):
            assert (await client.get(path)).status == 404
        page = await client.get(f"/{server.token}/")
        assert page.status == 200
        assert page.headers["Referrer-Policy"] == "no-referrer"
        text = await page.text()
        assert f"{client.host}:{client.port}/{server.token}/ws" in text
        assert (await client.get(f"/{server.token}/static/js/textual.js")).status == 200
    finally:
        await client.close()


async def test_pages_of_other_sites_cannot_look_at_a_run_on_this_machine() -> None:
    client = await client_of(ViewerServer(["true"], host="127.0.0.1", port=8000, title="x"))
    try:
        assert (await client.get("/")).status == 200
        assert (await client.get("/", headers={"Host": "evil.example"})).status == 403
        assert (await client.get("/ws", headers={"Origin": "http://evil.example"})).status == 403
    finally:
        await client.close()


async def test_a_visitor_sees_the_run_and_leaves_no_process_behind(run: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[list[str]] = []
    monkeypatch.setattr(ViewerServer, "serve", lambda server: started.append([server.command]))
    monkeypatch.setattr(serving, "MOST_VISITORS", 1)
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    assert CliRunner().invoke(esper, ["watch", str(run), "--serve", "--port", str(port)]).exit_code == 0
    server = ViewerServer(["true"], host="127.0.0.1", port=8000, title="x")
    server.command = started[0][0]
    client = await client_of(server)
    try:
        visitor = await client.ws_connect("/ws?width=120&height=36")
        shown = b""
        while b"ENVS 3" not in shown:
            message = await asyncio.wait_for(visitor.receive(), timeout=60)
            assert message.type in (WSMsgType.BINARY, WSMsgType.TEXT), shown
            shown += message.data if message.type is WSMsgType.BINARY else b""
        assert (await client.get("/ws")).status == 503  # One visitor is the most here.
        await visitor.close()
        for _ in range(600):  # The visitor's process notices that its pipe is closed.
            if not viewers_of(run):
                break
            await asyncio.sleep(0.05)
        assert not viewers_of(run)
        await asyncio.sleep(0.1)  # asyncio learns of its end.
    finally:
        await client.close()
    assert server.visitors == 0


async def test_a_served_cockpit_has_no_key_that_writes_on_this_machine(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    app = CockpitApp(ReplaySource(EVENTS, origin="x", clock=lambda: 0.0), read_only=True, served=True)
    left_out = {key.name for key in KEYS} - {key.name for key in app.keys}
    assert left_out >= {"export", "theme", "bookmark", "bookmarks", "checkpoint", "order", "pause"}
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("b", "T", "x")
        await pilot.pause()
        assert len(app.screen_stack) == 1
        assert app.theme == "esper-dark"
        assert not list(tmp_path.iterdir())


def test_a_missing_run_and_a_port_in_use_are_one_line(run: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        result = CliRunner().invoke(esper, ["replay", str(run), "--serve", "--port", str(port)])
    assert f"127.0.0.1:{port}: Address already in use" in str(result.exception)
    result = CliRunner().invoke(esper, ["replay", str(run / "none"), "--serve"])
    assert "none" in str(result.exception)


def test_a_training_is_never_served() -> None:
    result = CliRunner().invoke(esper, ["train", "--serve"])
    assert result.exit_code == 2
