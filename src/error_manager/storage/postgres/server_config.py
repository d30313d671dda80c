"""The configuration of the embedded PostgreSQL, written at each start (seed box: PostgreSQL)."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import Final

from error_manager.storage.postgres.cluster import Cluster

_HBA: Final = """\
# Written by Error Manager at each start. Passwords are in DIR/keys; nobody is trusted.
local  all  all                scram-sha-256
"""
_HBA_TCP: Final = "host   all  all  127.0.0.1/32  scram-sha-256\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClusterOptions:
    """What of the server can be set (see ``runtime.settings``)."""

    shared_buffers_mb: int = 64
    max_connections: int = 60
    has_tcp: bool = False
    is_durable: bool = True  # False: no fsync; for databases of tests only


def write_config(cluster: Cluster, options: ClusterOptions) -> None:
    """Write the configuration and the access rules anew; PostgreSQL's own copies are not used."""
    text = _config_text(cluster, options)
    hba = _HBA + (_HBA_TCP if options.has_tcp else "")
    for path, content in ((cluster.config_file, text), (cluster.hba_file, hba)):
        fresh = path.with_suffix(".new")
        fresh.write_text(content, encoding="utf-8")
        fresh.chmod(0o640)
        if cluster.account is not None:
            os.chown(fresh, 0, cluster.account.gid)
        fresh.rename(path)


def _config_text(cluster: Cluster, options: ClusterOptions) -> str:
    values: dict[str, str | int] = {
        "hba_file": _quoted(cluster.seen(cluster.hba_file)),
        "listen_addresses": "'127.0.0.1'" if options.has_tcp else "''",
        "port": cluster.port,
        "unix_socket_directories": _quoted(cluster.seen(cluster.socket_dir)),
        "unix_socket_permissions": "0700",
        "password_encryption": "scram-sha-256",
        "max_connections": options.max_connections,
        "superuser_reserved_connections": 3,
        "shared_buffers": f"{options.shared_buffers_mb}MB",
        "huge_pages": "off",
        "jit": "off",  # costs memory per backend and milliseconds per statement; nothing here runs long
        "work_mem": "8MB",
        "maintenance_work_mem": "64MB",
        "effective_cache_size": "1GB",
        "random_page_cost": "1.1",
        "io_method": "sync",  # saves three helper processes; they serve scans of large tables
        "max_logical_replication_workers": 0,
        "max_worker_processes": 4,
        "max_parallel_workers": 2,
        "max_parallel_workers_per_gather": 0,
        "wal_level": "replica",
        "wal_compression": "on",
        "max_wal_size": "512MB",
        "min_wal_size": "80MB",
        "checkpoint_timeout": "10min",
        "checkpoint_completion_target": "0.9",
        "autovacuum_naptime": "30s",
        "autovacuum_max_workers": 2,
        "autovacuum_vacuum_scale_factor": "0.05",  # rollup rows are updated all the time
        "autovacuum_vacuum_cost_delay": "2ms",
        "autovacuum_analyze_scale_factor": "0.05",
        "track_activity_query_size": 4096,
        "TimeZone": "'UTC'",
        "log_timezone": "'UTC'",
        "log_line_prefix": "'%m [%p] %a '",
        "log_checkpoints": "off",
        "log_min_duration_statement": "2s",
        "log_parameter_max_length": 0,  # values of errors do not belong into a log
        "log_parameter_max_length_on_error": 0,
        "log_error_verbosity": "terse",
        "log_lock_waits": "on",
        "logging_collector": "off",  # our supervisor rotates the file; saves a process
    }
    if not options.is_durable:
        values |= {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
    lines = [f"{name} = {value}" for name, value in values.items()]
    custom = cluster.data_dir / "postgres" / "custom.conf"
    return "\n".join(
        [
            "# Written by Error Manager at each start. Your own lines go to the file at the end; they win.",
            *lines,
            f"include_if_exists = {_quoted(cluster.seen(custom))}",
            "",
        ]
    )


def _quoted(path: str) -> str:
    return "'" + path.replace("\\", "\\\\").replace("'", "''") + "'"
