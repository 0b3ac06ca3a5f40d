"""The command palette: every row of the key table by its words."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Protocol, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from esper_tui.key_rows import Key, written
from esper_tui.screens.base import CockpitScreen


class HasKeys(Protocol):
    """What the palette needs of the app: the user's table of keys."""

    @property
    def keys(self) -> tuple[Key, ...]: ...


class CockpitCommands(Provider):
    """Runs a key's action as the key itself would, on the screen below the palette."""

    def _entries(self) -> Iterator[tuple[str, Key]]:
        name = self.screen.NAME if isinstance(self.screen, CockpitScreen) else None
        for key in cast("HasKeys", self.app).keys:
            if not key.screens or name in key.screens:
                yield f"{key.words or key.name.replace('-', ' ')} ({written(key)})", key

    async def discover(self) -> Hits:
        for text, key in self._entries():
            yield DiscoveryHit(text, partial(self._run, key), help=key.help)

    async def search(self, query: str) -> Hits:
        matcher = self.matcher(query)
        for text, key in self._entries():
            score = max(matcher.match(text), matcher.match(key.help) / 2)
            if score > 0:
                yield Hit(score, matcher.highlight(text), partial(self._run, key), help=key.help)

    async def _run(self, key: Key) -> None:
        await self.app.run_action(key.action, self.screen)
