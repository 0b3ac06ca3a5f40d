"""A run's directory: the resolved configuration, the event log, the history of batches, and the checkpoints."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from esper.errors import HistoryError
from esper.history.disk import sync_to_disk
from esper.history.group_settings import run_document, run_from_document
from esper.history.json_text import Document
from esper.history.lines import read_header
from esper.history.migrations import FIRST_SEALED, settings_from_1
from esper.history.presets import named_plugins
from esper.history.settings_file import check_complete, check_identity, read_settings, write_settings
from esper.training.config import TrainingConfig
from esper.training.group_spec import GroupSpec

CONFIG_FILE = "config.toml"
EVENTS_FILE = "events.jsonl"
HISTORY_FILE = "history.jsonl"
CHECKPOINTS = "checkpoints"


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDirectory:
    """The folder of one run's files. Its name is the run's id."""

    path: Path

    @classmethod
    def create(
        cls,
        runs_dir: Path,
        config: TrainingConfig,
        clock: Callable[[], float] = time.time,
        groups: Sequence[GroupSpec] = (),
    ) -> RunDirectory:
        """Make <runs_dir>/<UTC timestamp>-<preset>-<seed>, with -2, -3 ... if that is taken, and save config.toml.

        groups: the groups of a run with several. config is what they have in common.

        Raises:
            HistoryError: the directory cannot be made or written.
        """
        moment = datetime.fromtimestamp(clock(), UTC).strftime("%Y%m%dT%H%M%SZ")
        preset = re.sub(r"[^\w.-]", "_", config.run.preset)
        try:
            path = make_unused(runs_dir, f"{moment}-{preset}-{config.run.seed}")
            (path / CHECKPOINTS).mkdir()
            write_settings(path / CONFIG_FILE, run_document(config, groups))
            sync_to_disk(path.parent)
        except OSError as error:
            raise HistoryError(f"cannot make a run directory in {runs_dir}: {error}") from error
        return cls(path=path)

    @classmethod
    def open(cls, path: Path) -> RunDirectory:
        """The run that was saved at path.

        Raises:
            HistoryError: there is no run at path.
        """
        if not path.exists():
            raise HistoryError(f"{path} does not exist: give the path of a run directory")
        if not (path / EVENTS_FILE).is_file():
            raise HistoryError(f"{path} is not a run directory: it has no {EVENTS_FILE}")
        return cls(path=path)

    @property
    def run_id(self) -> str:
        return self.path.name

    @property
    def config_path(self) -> Path:
        return self.path / CONFIG_FILE

    @property
    def events_path(self) -> Path:
        return self.path / EVENTS_FILE

    @property
    def history_path(self) -> Path:
        return self.path / HISTORY_FILE

    @property
    def checkpoints_path(self) -> Path:
        return self.path / CHECKPOINTS

    def load_config(self) -> TrainingConfig:
        """The resolved configuration of the run. If it has several groups, this is what they have in common.

        Raises:
            HistoryError: config.toml is missing, damaged, incomplete, or another run's.
            ConfigError: it does not fit this version of Esper.
        """
        return self.load()[0]

    def load_groups(self) -> tuple[GroupSpec, ...]:
        """The policy groups of the run, in order, or one called "default" if the run did not name any.

        Raises:
            HistoryError: config.toml is missing, damaged, incomplete, or another run's.
            ConfigError: it does not fit this version of Esper.
        """
        config, groups = self.load()
        return groups or (GroupSpec(config=config),)

    def named_plugins(self) -> tuple[str, ...]:
        """The modules that the run's settings name; they must be imported before settings that need them are read.

        Raises:
            HistoryError: config.toml is missing or damaged.
        """
        return named_plugins(self._document())

    def _document(self) -> Document:
        """The tables of config.toml, in today's form."""
        sealed = read_header(self.events_path, "events").schema_version >= FIRST_SEALED
        document = read_settings(self.config_path, sealed=sealed)
        return document if sealed else settings_from_1(document)

    def load(self) -> tuple[TrainingConfig, tuple[GroupSpec, ...]]:
        """What all groups have in common, and the groups; no groups if the run did not name any.

        Raises:
            HistoryError: config.toml is missing, damaged, incomplete, or another run's.
            ConfigError: it does not fit this version of Esper.
        """
        header = read_header(self.events_path, "events")
        sealed = header.schema_version >= FIRST_SEALED
        document = read_settings(self.config_path, sealed=sealed)
        config, groups = run_from_document(document if sealed else settings_from_1(document))
        check_identity(self.config_path, document, header)
        if sealed:
            check_complete(self.config_path, document)
        return config, groups


def make_unused(parent: Path, name: str) -> Path:
    """A new folder of this name, or with -2, -3 and so on after it if that is taken, as it is to two processes at once.

    Raises:
        OSError: no folder can be made there.
    """
    parent.mkdir(parents=True, exist_ok=True)
    number = 1
    while True:
        path = parent / (name if number == 1 else f"{name}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            number += 1
        else:
            return path
