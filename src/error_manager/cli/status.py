"""``error-manager status``: processes and memory, queues, disk, and what became of everything received."""

from __future__ import annotations

import argparse
import json
import ssl
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from typing import Any, Final

from error_manager.cli.options import add_settings_options, settings_of
from error_manager.core.wording import plural
from error_manager.monitoring.dashboard import HostFacts
from error_manager.runtime.connection_file import read_connection
from error_manager.runtime.data_folder import holder_of
from error_manager.runtime.host import host_facts
from error_manager.runtime.presence import never_ready
from error_manager.runtime.settings import Settings

_TIMEOUT_S: Final = 5.0
_MIB: Final = 1024 * 1024


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("--json", action="store_true", help="print one JSON object instead")
    add_settings_options(parser)


def run(args: argparse.Namespace) -> int:
    """Print the status; exit code 0 when the server answers and its ledger is in order, else 1."""
    settings = settings_of(args)
    pid = holder_of(settings.data_dir)
    host = host_facts(settings.data_dir) if pid is not None else HostFacts()
    answer, reason = _ask(settings)
    ledger = (answer or {}).get("ledger")
    if args.json:
        print(
            json.dumps({"pid": pid, "processes": _process_objects(host), "server": answer, "reason": reason})
        )
    else:
        print("\n".join(_lines(settings, pid, host, answer, reason)))
    return 0 if ledger is not None and ledger.get("unexplained") == 0 else 1


def _ask(settings: Settings) -> tuple[dict[str, Any] | None, str]:
    """Return what the server says of itself, or None and why it said nothing."""
    connection = read_connection(settings.data_dir)
    if connection is None:
        return None, never_ready(settings.data_dir)
    request = urllib.request.Request(  # noqa: S310  # our own file says http or https
        f"{connection.url}/api/v1/status", headers={"Authorization": f"Bearer {connection.admin_token}"}
    )
    context = ssl.create_default_context()
    try:
        with urllib.request.urlopen(request, timeout=_TIMEOUT_S, context=context) as response:  # noqa: S310
            found = json.load(response)
    except urllib.error.HTTPError as error:
        return None, f"The server at {connection.url} answers {error.code} {error.reason}."
    except (OSError, ValueError) as error:
        return None, f"The server at {connection.url} does not answer ({error})."
    return (found, "") if isinstance(found, dict) else (None, "The server's answer cannot be read.")


def _lines(
    settings: Settings, pid: int | None, host: HostFacts, answer: Mapping[str, Any] | None, reason: str
) -> Iterator[str]:
    state = "does not run" if pid is None else f"runs (pid {pid})"
    yield f"Error Manager on {settings.data_dir}: {state}"
    if reason:
        yield reason
    yield from _memory_lines(host)
    if host.disks:
        yield ""
        yield f"{'Disk':<12}{'used':>16}{'free':>16}"
        for disk in host.disks:
            yield f"{disk.name:<12}{_mib(disk.used_bytes):>16}{_mib(disk.free_bytes):>16}"
    if answer is not None:
        yield from _ledger_lines(answer)
        yield from _analysis_lines(answer)


def _memory_lines(host: HostFacts) -> Iterator[str]:
    if not host.processes:
        return
    yield ""
    yield f"{'Process':<34}{'pid':>8}{'memory':>12}"
    kinds: dict[str, int] = {}
    for process in host.processes:
        kind = process.name.split(" ")[0].rstrip(":")
        kinds[kind] = kinds.get(kind, 0) + process.memory_bytes
        yield f"{process.name[:33]:<34}{process.pid:>8}{_mib(process.memory_bytes):>12}"
    parts = ", ".join(f"{kind} {_mib(size)}" for kind, size in kinds.items())
    yield f"Memory in all: {_mib(sum(kinds.values()))} ({parts}; shared pages counted once)"


def _ledger_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    ledger = answer.get("ledger")
    yield ""
    if ledger is None:
        yield "The database is away; the inbox keeps what is accepted."
        return
    outcomes = ", ".join(f"{name} {count:,}" for name, count in ledger["outcomes"].items() if count)
    yield f"Errors received {ledger['received']:,}, waiting {ledger['waiting']:,}: {outcomes or 'none yet'}"
    if ledger.get("unexplained"):
        yield f"UNEXPLAINED: {ledger['unexplained']:,} items have no outcome. Please report this fault."
    for slot in answer.get("slots", ()):
        yield f"Inbox slot {slot['slot']}: {slot['waiting']:,} waiting"
    database = answer.get("database")
    if database is not None:
        yield (
            f"Database {database['version']}: about {_counted(database['errors'], 'error')}, "
            f"{_counted(database['patterns'], 'pattern')}, "
            f"{_mib(database['size_bytes'])}, {_counted(database['dead_letters'], 'dead letter')}"
        )


def _analysis_lines(answer: Mapping[str, Any]) -> Iterator[str]:
    runs = answer.get("runs") or ()
    if not runs:
        return
    yield ""
    yield f"{'Analysis':<18}{'began':<26}{'took':>10}{'processor':>12}{'items':>14}"
    for run in runs:
        said = f"  {'' if run['is_done'] else 'FAILED: '}{run['detail']}".rstrip()
        yield (
            f"{run['step']:<18}{run['started_at'][:19]:<26}{run['took_s']:>8.2f} s{run['cpu_s']:>10.2f} s"
            f"{run['items']:>14,}{said}"
        )


def _process_objects(host: HostFacts) -> list[dict[str, object]]:
    return [
        {"name": each.name, "pid": each.pid, "memory_bytes": each.memory_bytes} for each in host.processes
    ]


def _counted(count: int, one: str) -> str:
    return f"{count:,} {plural(count, one)}"


def _mib(size_bytes: int) -> str:
    return f"{size_bytes / _MIB:,.1f} MiB"
