"""Finds the grown network of a run that is meant. Nothing here needs torch."""

from __future__ import annotations

from pathlib import Path

from esper.errors import ConfigError, HistoryError
from esper.history.host_files import HOSTS, SavedHost, list_hosts


def find_host(run: Path, which: str = "best") -> SavedHost:
    """One of the networks that a run kept.

    which: "best" by validation accuracy; "last" for the best one of the last round of which any was kept; the name of
        its folder; or "env,episode", for example "3,27".

    Raises:
        HistoryError: the run kept none, or what it kept is damaged.
        ConfigError: it did not keep the network that is asked for.
    """
    hosts = list_hosts(run)
    if not hosts:
        raise HistoryError(
            f"{run} has no networks in {HOSTS}/: a run keeps them from its first complete round on, unless "
            "run.keep_hosts is none"
        )
    if which == "best":
        return hosts[0]
    if which.lower() == "last":
        newest = max(host.description.batch for host in hosts)
        return next(host for host in hosts if host.description.batch == newest)
    for host in hosts:
        if which in (host.path.name, f"{host.description.env_id},{host.description.episode}"):
            return host
    names = ", ".join(host.path.name for host in hosts)
    raise ConfigError(
        f"there is no network {which!r} in {run}: choose best, last, {names}, or ENV,EPISODE of one of them"
    )
