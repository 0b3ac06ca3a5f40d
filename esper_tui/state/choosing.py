"""Which envs and log lines are shown, and in which order: the filter language, sorting and pins."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Final

from esper.errors import ConfigError
from esper_tui.state.rules import Level
from esper_tui.state.snapshot import EnvRow, LogLine

FIELDS: Final[dict[str, Callable[[EnvRow], float | None]]] = {
    "env": lambda row: float(row.env_id),
    "acc": lambda row: row.accuracy,
    "best": lambda row: row.best_accuracy,
    "delta": lambda row: row.delta10,
    "loss": lambda row: row.val_loss,
    "return": lambda row: row.episode_return,
    "growth": lambda row: row.growth,
    "epoch": lambda row: None if row.epoch is None else float(row.epoch),
    "level": lambda row: float(row.level),
}
"""Numbers of an env that can be compared, and by which the table can be sorted."""

WORDS: Final[dict[str, Callable[[EnvRow], str]]] = {
    "status": lambda row: row.status.value,
    "slot": lambda row: " ".join(f"{slot.stage.name} {slot.blueprint}" for slot in row.slots if slot is not None),
    "group": lambda row: row.episode.group_id,
    "op": lambda row: row.decision.op if row.decision else "",
    "refused": lambda row: "yes" if row.decision is not None and not row.decision.success else "no",
}
"""Texts of an env, compared without regard to case."""

TERM: Final = re.compile(r"^([a-z]+)(<=|>=|!=|<|>|=)(.+)$")
SORTS: Final = ("attention", "acc", "delta", "return", "growth", "loss", "group", "env")


@dataclass(frozen=True, slots=True)
class Term:
    """One part of a filter. field is empty for a plain word."""

    field: str
    sign: str
    value: str

    def fits(self, row: EnvRow) -> bool:
        if not self.field:
            return self.value in " ".join([f"env{row.env_id:02d}", *(read(row) for read in WORDS.values())]).lower()
        if self.field in WORDS:
            text = WORDS[self.field](row).lower()
            found = any(part in text for part in self.value.split(","))
            return found if self.sign == "=" else not found
        number = FIELDS[self.field](row)
        if number is None:
            return False
        limits = [float(part) for part in self.value.split(",")]
        match self.sign:
            case "=":
                return number in limits
            case "!=":
                return number not in limits
            case "<":
                return number < limits[0]
            case ">":
                return number > limits[0]
            case "<=":
                return number <= limits[0]
            case _:
                return number >= limits[0]


@dataclass(frozen=True, slots=True)
class Filter:
    """What a reader typed, taken apart; all terms must hold."""

    text: str = ""
    terms: tuple[Term, ...] = ()

    @property
    def is_empty(self) -> bool:
        return not self.terms

    def rows(self, rows: Sequence[EnvRow]) -> Sequence[EnvRow]:
        """The envs that fit."""
        return [row for row in rows if all(term.fits(row) for term in self.terms)] if self.terms else rows

    def lines(self, lines: Sequence[LogLine]) -> Sequence[LogLine]:
        """The log lines that hold every plain word, and belong to an env that env= names."""
        if not self.terms:
            return lines
        return [line for line in lines if all(_line_fits(term, line) for term in self.terms)]


def _line_fits(term: Term, line: LogLine) -> bool:
    if term.field == "env" and term.sign == "=":
        return line.env_id is not None and str(line.env_id) in [
            part.lstrip("0") or "0" for part in term.value.split(",")
        ]
    if term.field == "level" and term.sign == "=":
        return line.level is Level(int(float(term.value)))
    if term.field:
        return True
    env = "" if line.env_id is None else f"env{line.env_id:02d}"
    return term.value in f"{line.word} {line.text} {env}".lower()


NO_FILTER: Final = Filter()


def parse_filter(text: str) -> Filter:
    """Take a filter apart.

    Raises:
        ConfigError: a field is not known, or a number is none.

    >>> [term.field for term in parse_filter("acc>40 conv status=fall,stal").terms]
    ['acc', '', 'status']
    """
    terms: list[Term] = []
    for word in text.lower().split():
        match = TERM.match(word)
        if match is None:
            terms.append(Term("", "", word))
            continue
        field, sign, value = match.groups()
        if field not in FIELDS and field not in WORDS:
            raise ConfigError(f"{field}: no such field; there are {', '.join([*FIELDS, *WORDS])}")
        if field in WORDS and sign not in ("=", "!="):
            raise ConfigError(f"{word}: {field} is text and knows only = and !=")
        if field in FIELDS:
            _check_numbers(word, value)
        terms.append(Term(field, sign, value))
    return Filter(text.strip(), tuple(terms))


def _check_numbers(word: str, value: str) -> None:
    for part in value.split(","):
        try:
            float(part)
        except ValueError:
            raise ConfigError(f"{word}: {part!r} is not a number") from None


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """How the env table is sorted.

    pinned: envs that come first.
    """

    by: str = SORTS[0]
    reverse: bool = False
    pinned: frozenset[int] = frozenset()

    @property
    def words(self) -> str:
        """The order as the table's title names it."""
        if self.by == "attention":
            return "best first" if self.reverse else "worst first"
        return f"by {self.by} {'↑' if self.reverse else '↓'}"

    def next(self) -> Order:
        """The following column, in its own direction."""
        return replace(self, by=SORTS[(SORTS.index(self.by) + 1) % len(SORTS)], reverse=False)

    def toggled(self, env_id: int) -> Order:
        """With an env pinned, or let go."""
        return replace(self, pinned=self.pinned ^ {env_id})

    def sorted(self, rows: Sequence[EnvRow]) -> list[EnvRow]:
        """Pinned envs first; missing numbers last; equal ones by env."""
        ordered = sorted(rows, key=lambda row: row.env_id)
        if self.by == "attention":
            ordered.sort(key=lambda row: row.level, reverse=not self.reverse)
        elif self.by in WORDS:
            ordered.sort(key=WORDS[self.by], reverse=self.reverse)
        else:
            read = FIELDS[self.by]
            known = [row for row in ordered if read(row) is not None]
            descending = not self.reverse if self.by != "env" else self.reverse
            known.sort(key=lambda row: read(row) or 0.0, reverse=descending)
            ordered = [*known, *(row for row in ordered if read(row) is None)]
        return sorted(ordered, key=lambda row: row.env_id not in self.pinned)


BY_ATTENTION: Final = Order()
