"""Shows what checks found, in one form for every kind of part."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from dataclasses import asdict

from esper.cli.streams import say
from esper.conformance.report import ConformanceReport
from esper.console import PlainConsole
from esper.contracts.text import printable


def show_reports(reports: Iterable[ConformanceReport], *, verbose: bool, as_json: bool) -> int:
    """Print each report as soon as it is there, and return the exit code: 1 if one of them failed.

    A part that passes takes one line, unless everything is wanted.
    """
    passed = failed = 0
    for report in reports:
        if report.passed:
            passed += 1
        else:
            failed += 1
        if as_json:
            sys.stdout.write(json.dumps({**asdict(report), "passed": report.passed}) + "\n")
            sys.stdout.flush()
        else:
            _print(report, verbose=verbose)
    if not as_json:
        say(f"{passed} passed, {failed} failed")
    return 1 if failed else 0


def _print(report: ConformanceReport, *, verbose: bool) -> None:
    console = PlainConsole()
    count = len(report.findings)
    wrong = sum(not finding.passed for finding in report.findings)
    result = f"{count} checks" if report.passed else f"{wrong} of {count} checks failed"
    console.print(f"{'ok  ' if report.passed else 'FAIL'}  {report.subject}: {result}", soft_wrap=True)
    shown = [finding for finding in report.findings if verbose or not finding.passed]
    width = max((len(finding.check) for finding in shown), default=0)
    for finding in shown:
        mark = "ok  " if finding.passed else "FAIL"
        console.print(printable(f"      {mark}  {finding.check:{width}}  {finding.detail}"), soft_wrap=True)
