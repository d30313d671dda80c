"""Puts the analysing process together (seed boxes: Analyzer Pod, Message Queue)."""

from __future__ import annotations

from dataclasses import dataclass

from procrastinate import App, PsycopgConnector

from error_manager.flows.analysis import MinuteServices
from error_manager.flows.rate_watch import RateWatch
from error_manager.flows.state_watch import StateWatch
from error_manager.runtime.settings import Settings
from error_manager.runtime.wiring.analysis_parts import STATEMENT_S, Parts, parts
from error_manager.storage.postgres.connection import connection_parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Analysis:
    """What the analysing process runs: its services, and the queue its jobs come from."""

    services: MinuteServices
    jobs: App
    parts: Parts


def build(settings: Settings, *, index: int) -> Analysis:
    """Return the analysing process ``index`` of a data folder; nothing is open yet.

    Raises:
        DataFolderError: the master key is missing or wrong.
    """
    name = f"error-manager analysis {index}"
    shared = parts(settings, name=name)
    services = MinuteServices(
        **shared.services,
        rates=RateWatch(shared.source, shared.findings),
        states=StateWatch(shared.source, shared.findings),
    )
    return Analysis(services=services, jobs=_queue(settings, f"{name} jobs"), parts=shared)


def _queue(settings: Settings, name: str) -> App:
    """Return the queue, on one direct connection: the status of a job must not get lost in a pooler."""
    parameters = connection_parameters(
        settings.database_session_url, application_name=name, statement_timeout_s=STATEMENT_S
    )
    return App(
        connector=PsycopgConnector(
            min_size=1,
            max_size=2,
            max_idle=30.0,
            kwargs={"prepare_threshold": None, **parameters},
            name=name,
        )
    )
