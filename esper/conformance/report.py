"""What every conformance check reports, whatever its subject: one finding per promise that was checked."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One check.

    detail: what was found, in plain words and numbers.
    """

    check: str
    passed: bool
    detail: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ConformanceReport:
    """What a check found about its subject, for example "task digits". As a string it has one line per check."""

    subject: str
    findings: tuple[Finding, ...]

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return all(finding.passed for finding in self.findings)

    def __str__(self) -> str:
        width = max(len(finding.check) for finding in self.findings)
        lines = [
            f"{'ok  ' if finding.passed else 'FAIL'}  {finding.check:{width}}  {finding.detail}"
            for finding in self.findings
        ]
        return "\n".join((self.subject, *lines))
