"""The tables of a report as plain rows, for a terminal and for a page alike."""

from __future__ import annotations

from dataclasses import dataclass

from esper.export.run_report import RunReport

NOT_MEASURED = "--"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportTable:
    """A titled table. The first column holds names, and the others hold figures."""

    title: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def report_tables(report: RunReport) -> list[ReportTable]:
    """The tables of a report. One without rows says that nothing of its kind happened."""
    return [
        _rounds(report),
        _outcomes(report),
        _best_hosts(report),
        _ops(report),
        _blueprints(report),
        _alerts(report),
        _phases(report),
    ]


def _rounds(report: RunReport) -> ReportTable:
    rows = tuple(
        (
            group,
            str(len(rounds)),
            _figure(rounds[0].avg_accuracy),
            _figure(rounds[-1].avg_accuracy),
            _figure(max(stats.avg_accuracy for stats in rounds)),
            _figure(rounds[-1].avg_test_accuracy),
        )
        for group, rounds in report.rounds.items()
    )
    headings = ("group", "rounds", "first %", "last %", "best %", "last test %")
    return ReportTable(title="Accuracy", headings=headings, rows=rows)


def _outcomes(report: RunReport) -> ReportTable:
    total = len(report.episodes)
    rows = tuple((name, str(count), _share(count, total)) for name, count in report.outcomes.most_common())
    return ReportTable(title="Outcomes of episodes", headings=("outcome", "episodes", "share"), rows=rows)


def _best_hosts(report: RunReport) -> ReportTable:
    rows = tuple(
        (
            f"env {host.env_id}, round {host.batch}",
            group,
            _figure(host.final_accuracy),
            _figure(host.test_accuracy),
            f"{host.total_params:,}",
            f"{host.param_ratio:.2f}",
            str(host.num_fossilized),
        )
        for group, host in report.best_hosts()
    )
    headings = ("host", "group", "val %", "test %", "parameters", "x host", "fossilised")
    return ReportTable(title="Best hosts by validation accuracy", headings=headings, rows=rows)


def _ops(report: RunReport) -> ReportTable:
    total = sum(report.chosen.values())
    rows = tuple(
        (op, str(chosen), _share(chosen, total), _share(report.succeeded[op], report.judged[op]))
        for op, chosen in report.chosen.most_common()
    )
    headings: tuple[str, ...] = ("op", "chosen", "share", "succeeded")
    if report.by_operator:
        headings = (*headings, "by the operator")
        rows = tuple((*row, str(report.by_operator[row[0]])) for row in rows)
    return ReportTable(title="Ops", headings=headings, rows=rows)


def _blueprints(report: RunReport) -> ReportTable:
    rows = tuple(
        (name, str(tally.germinated), str(tally.fossilized), str(tally.pruned), _figure(tally.mean_contribution))
        for name, tally in sorted(report.blueprints.items(), key=lambda entry: -entry[1].germinated)
    )
    headings = ("blueprint", "germinated", "fossilised", "pruned", "mean contribution, points")
    return ReportTable(title="Blueprints", headings=headings, rows=rows)


def _alerts(report: RunReport) -> ReportTable:
    rows = tuple((rule, severity, str(count)) for (rule, severity), count in report.alerts.most_common())
    if report.rollbacks:
        rows += (("governor rollback", "critical", str(report.rollbacks)),)
    return ReportTable(title="Alerts", headings=("rule", "severity", "times"), rows=rows)


def _phases(report: RunReport) -> ReportTable:
    total = sum(report.phases.values())
    rows = tuple(
        (phase, f"{milliseconds / 1000:.2f}", _share(milliseconds, total))
        for phase, milliseconds in sorted(report.phases.items(), key=lambda entry: -entry[1])
    )
    return ReportTable(title="Time by phase", headings=("phase", "seconds", "share"), rows=rows)


def _figure(value: float | None) -> str:
    return NOT_MEASURED if value is None else f"{value:.1f}"


def _share(part: float, whole: float) -> str:
    return f"{100 * part / whole:.1f} %" if whole else NOT_MEASURED
