"""All settings of the server: one typed tree, read once at start (seed box: Configuration).

Sources, the first that speaks wins: command line, environment (``ERROR_MANAGER_SECTION__KEY``),
``config.toml`` in the data folder, default. Each field carries unit, range and help;
docs/reference/settings.md comes from them.
"""

from __future__ import annotations

import os
import tomllib
from collections.abc import Collection, Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from difflib import get_close_matches
from pathlib import Path
from types import NoneType
from typing import Any, Final, get_args, get_type_hints

from error_manager.core.errors import ConfigurationError
from error_manager.runtime.setting_value import ENVIRONMENT_PREFIX, SettingInfo, convert
from error_manager.storage.postgres.cluster import APP, MIGRATOR, SOCKET_PORT, Cluster

CONFIG_FILE: Final = "config.toml"
_NOT_OURS: Final = frozenset({"DSN", "RELEASE", "ENVIRONMENT"})  # the client's three variables
_MIB: Final = 1024 * 1024
_LIKE: Final = 0.75  # share of letters that agree; two slips in a short key are still found
_REACHED_AT: Final = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}  # noqa: S104  # compared, not bound


def _setting(
    default: Any,  # noqa: ANN401  # as `dataclasses.field`: the field's annotation is the type
    text: str,
    *,
    unit: str = "",
    low: float | None = None,
    high: float | None = None,
    choices: tuple[str, ...] = (),
    is_secret: bool = False,
) -> Any:  # noqa: ANN401
    meta = {"help": text, "unit": unit, "low": low, "high": high, "choices": choices, "is_secret": is_secret}
    return field(default=default, repr=not is_secret, metadata=meta)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerSettings:
    """The HTTP side."""

    host: str = _setting("127.0.0.1", "Address to listen on. Anything but loopback should have TLS.")
    port: int = _setting(8000, "TCP port to listen on.", low=1, high=65535)
    processes: int = _setting(2, "How many accepting processes share the port.", low=1, high=64)
    # ruff takes a type with a path for mutable; None is not
    tls_cert: Path | None = _setting(None, "Certificate chain (PEM). None = no TLS.")  # noqa: RUF009
    tls_key: Path | None = _setting(None, "Private key (PEM, PKCS#8). None = no TLS.")  # noqa: RUF009
    public_url: str | None = _setting(
        None,
        "URL under which browsers and clients reach the server. None = from host and port.",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerSettings:
    """The processing side."""

    processes: int = _setting(
        2,
        "How many processes drain the inbox; more than server.processes find nothing to do.",
        low=1,
        high=64,
    )
    batch_size: int = _setting(400, "Most items per transaction.", unit="items", low=1, high=10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class AnalysisSettings:
    """What looks at the stored errors: anomalies, correlations, forecasts, risks."""

    is_enabled: bool = _setting(True, "Let `up` run the process that analyses.")  # noqa: FBT003
    keep_days: int = _setting(
        400,
        "Anomalies that ended, changes, and notes of when errors were taken in are kept this long.",
        unit="days",
        low=60,
        high=3650,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """PostgreSQL: our own embedded one, or any of version 15 or newer by URL."""

    url: str | None = _setting(
        None, "postgresql:// URL; may go through a pooler. None = the embedded server.", is_secret=True
    )
    session_url: str | None = _setting(
        None, "Direct URL for LISTEN, advisory locks and migrations. None = the same as url.", is_secret=True
    )
    owner_url: str | None = _setting(
        None,
        "URL of the role that owns the tables, for migrations. None = the same as session_url.",
        is_secret=True,
    )
    statement_timeout_s: float = _setting(
        5.0, "Longest statement of pages and the API.", unit="s", low=0.1, high=3600
    )
    worker_statement_timeout_s: float = _setting(
        60.0, "Longest statement of processing and upkeep.", unit="s", low=1, high=86_400
    )
    shared_buffers_mb: int = _setting(
        64, "Page cache of the embedded server.", unit="MiB", low=16, high=1_048_576
    )
    max_connections: int = _setting(60, "Most connections of the embedded server.", low=20, high=1000)
    tcp_port: int | None = _setting(
        None, "Port on 127.0.0.1 of the embedded server, with passwords. None = no TCP.", low=1, high=65535
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexSettings:
    """The index of pattern vectors, for similar errors: our own embedded one, or a Qdrant server by URL."""

    is_enabled: bool = _setting(
        True,  # noqa: FBT003  # the default of the setting
        "Run the process that finds similar errors. Without it those answers are left out.",
    )
    qdrant_url: str | None = _setting(
        None,
        "http(s):// URL of a Qdrant server, with the extra [qdrant]. None = the embedded engine.",
        is_secret=True,
    )
    qdrant_api_key: str | None = _setting(None, "Its API key. None = it asks for none.", is_secret=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class InboxSettings:
    """The durable queue between accepting and processing."""

    segment_bytes: int = _setting(
        64 * _MIB, "A segment is finished at this size.", unit="bytes", low=_MIB, high=1024 * _MIB
    )
    max_bytes: int | None = _setting(
        None,
        "Most bytes that may wait. None = the smaller of 4 GiB and 20 % of the free disk.",
        unit="bytes",
        low=_MIB,
    )
    commit_interval_s: float = _setting(
        0.005, "Longest wait for others to share an fsync with.", unit="s", low=0.0, high=1.0
    )
    min_free_share: float = _setting(
        0.05, "Nothing is accepted when less of the disk is free.", unit="share", low=0.0, high=0.9
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitSettings:
    """What one request may cost."""

    body_bytes: int = _setting(
        20 * _MIB, "Largest body as received.", unit="bytes", low=1024, high=1024 * _MIB
    )
    inflated_bytes: int = _setting(
        100 * _MIB, "Largest body after decompression.", unit="bytes", low=1024, high=4096 * _MIB
    )
    item_bytes: int = _setting(_MIB, "Largest single error.", unit="bytes", low=1024, high=64 * _MIB)
    body_timeout_s: float = _setting(
        30.0, "A body must have arrived after this time.", unit="s", low=0.1, high=3600
    )
    connections: int = _setting(1000, "Most open connections per accepting process.", low=10, high=100_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogSettings:
    """The server's own logs."""

    level: str = _setting(
        "info", "Lowest level that is written.", choices=("debug", "info", "warning", "error")
    )
    to: str = _setting(
        "files", "DIR/logs (rotated), or stderr for containers and journald.", choices=("files", "stderr")
    )
    file_bytes: int = _setting(
        10 * _MIB, "A log file is rotated at this size; one older file is kept.", unit="bytes", low=65_536
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class DebugSettings:
    """For tests of Error Manager itself."""

    failpoints: bool = _setting(False, "Let tests end a process at named steps (loopback only).")  # noqa: FBT003


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The whole tree."""

    data_dir: Path
    server: ServerSettings = field(default_factory=ServerSettings)
    worker: WorkerSettings = field(default_factory=WorkerSettings)
    analysis: AnalysisSettings = field(default_factory=AnalysisSettings)
    database: DatabaseSettings = field(default_factory=DatabaseSettings)
    index: IndexSettings = field(default_factory=IndexSettings)
    inbox: InboxSettings = field(default_factory=InboxSettings)
    limits: LimitSettings = field(default_factory=LimitSettings)
    log: LogSettings = field(default_factory=LogSettings)
    debug: DebugSettings = field(default_factory=DebugSettings)
    retention_days: int = _setting(
        30, "Errors are kept this long; then their day is dropped.", unit="days", low=1, high=3650
    )

    @property
    def cluster(self) -> Cluster:
        """Return where the embedded server lies (also when another database is used)."""
        return Cluster(self.data_dir, port=self.database.tcp_port or SOCKET_PORT)

    @property
    def database_url(self) -> str:
        """Return the URL for everything short: given, or that of the embedded server's app role.

        Raises:
            DataFolderError: the embedded server was never started on this folder.
        """
        return self.database.url or self.cluster.url(APP)

    @property
    def database_session_url(self) -> str:
        """Return the URL for LISTEN, advisory locks and jobs.

        Raises:
            DataFolderError: as for ``database_url``.
        """
        return self.database.session_url or self.database_url

    @property
    def database_owner_url(self) -> str:
        """Return the URL for migrations.

        Raises:
            DataFolderError: as for ``database_url``.
        """
        if self.database.url is None:
            return self.cluster.url(MIGRATOR)
        return self.database.owner_url or self.database_session_url

    @property
    def public_url(self) -> str:
        """Return the URL under which the server is reached, without a slash at the end."""
        if self.server.public_url is not None:
            return self.server.public_url.rstrip("/")
        host = _REACHED_AT.get(self.server.host, self.server.host)
        if ":" in host and not host.startswith("["):
            host = f"[{host}]"
        return f"{'https' if self.server.tls_cert else 'http'}://{host}:{self.server.port}"


def default_data_dir(environ: Mapping[str, str] | None = None, *, is_root: bool | None = None) -> Path:
    """Return the data folder used when none is named: below the home, or /var/lib as root."""
    if os.geteuid() == 0 if is_root is None else is_root:
        return Path("/var/lib/error-manager")
    env = os.environ if environ is None else environ
    base = env.get("XDG_DATA_HOME") or str(Path(env.get("HOME") or "~").expanduser() / ".local" / "share")
    return Path(base) / "error-manager"


def all_settings() -> tuple[SettingInfo, ...]:
    """Return every setting that can be given, in the order of the tree."""
    return tuple(_describe(Settings, ""))


def load_settings(
    command_line: Mapping[str, object] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """Return the settings from all sources.

    Args:
        command_line: dotted key -> value; values may be texts. ``data_dir`` may be among them.
        environ: environment variables; those of this process when None.

    Raises:
        ConfigurationError: with every unknown key and every wrong value of all sources, each with its source.
    """
    given = dict(command_line or {})
    env = os.environ if environ is None else environ
    problems: list[str] = []
    folder = given.pop("data_dir", None) or env.get(ENVIRONMENT_PREFIX + "DATA_DIR") or default_data_dir(env)
    try:
        data_dir = Path(str(folder)).expanduser().absolute()
    except RuntimeError as error:
        raise ConfigurationError([f"data_dir: {folder}: there is no such home"]) from error
    known = {info.key: info for info in all_settings()}
    values: dict[str, object] = {}
    for source, entries in (
        (str(data_dir / CONFIG_FILE), _from_file(data_dir / CONFIG_FILE, problems)),
        ("environment", _from_environment(env)),
        ("command line", given),
    ):
        for key, raw in entries.items():
            info = known.get(key)
            if info is None:
                problems.append(
                    f"{_named(key, source)}: there is no such setting{_meant(key, source, known)}"
                )
                continue
            try:
                values[key] = convert(info, raw)
            except ValueError as error:
                shown = "" if info.is_secret else f", not {raw!r}"
                problems.append(f"{_named(key, source)}: expected {error}{shown}")
    settings = _build(data_dir, values)
    problems.extend(_check(settings))
    if problems:
        raise ConfigurationError(problems)
    return settings


def _describe(tree: type, prefix: str) -> Iterator[SettingInfo]:
    hints = get_type_hints(tree)
    entries: tuple[Field[Any], ...] = fields(tree)
    for entry in entries:
        hint = hints[entry.name]
        if is_dataclass(hint) and isinstance(hint, type):
            yield from _describe(hint, f"{prefix}{entry.name}.")
        elif entry.default is not MISSING:
            kinds = [kind for kind in get_args(hint) if kind is not NoneType] or [hint]
            yield SettingInfo(
                key=prefix + entry.name,
                type=kinds[0],
                is_optional=NoneType in get_args(hint),
                default=entry.default,
                **entry.metadata,
            )


def _from_file(path: Path, problems: list[str]) -> dict[str, object]:
    try:
        tree = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        problems.append(f"{path}: cannot be read: {error}")
        return {}
    flat: dict[str, object] = {}
    for name, value in tree.items():
        if isinstance(value, dict):
            flat.update({f"{name}.{key}": inner for key, inner in value.items()})
        else:
            flat[name] = value
    return flat


def _from_environment(environ: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name, value in environ.items():
        rest = name.removeprefix(ENVIRONMENT_PREFIX)
        if rest != name and rest not in _NOT_OURS and rest != "DATA_DIR":
            found[rest.lower().replace("__", ".")] = value
    return found


def _named(key: str, source: str) -> str:
    if source == "environment":
        return f"{ENVIRONMENT_PREFIX}{key.upper().replace('.', '__')} (environment)"
    return f"{key} ({source})"


def _meant(key: str, source: str, known: Collection[str]) -> str:
    """Return the question whether a known key was meant, as its source writes it; "" when none is like it."""
    same_end = [each for each in known if each.rpartition(".")[2] == key.rpartition(".")[2]]
    like = get_close_matches(key, known, n=1, cutoff=_LIKE) or (same_end if len(same_end) == 1 else [])
    return f"; did you mean {_named(like[0], source).partition(' ')[0]}?" if like else ""


def _build(data_dir: Path, values: Mapping[str, object]) -> Settings:
    sections: dict[str, Any] = {}
    hints = get_type_hints(Settings)
    for name, hint in hints.items():
        if is_dataclass(hint) and isinstance(hint, type):
            prefix = f"{name}."
            mine = {key.removeprefix(prefix): v for key, v in values.items() if key.startswith(prefix)}
            sections[name] = hint(**mine)
        elif name in values:
            sections[name] = values[name]
    return Settings(data_dir=data_dir, **sections)


def _check(settings: Settings) -> Iterator[str]:
    """Yield what is wrong between settings that are each right."""
    server, database = settings.server, settings.database
    if (server.tls_cert is None) != (server.tls_key is None):
        yield "server.tls_cert and server.tls_key: give both or none"
    for key, path in (("server.tls_cert", server.tls_cert), ("server.tls_key", server.tls_key)):
        if path is not None and not path.is_file():
            yield f"{key}: there is no file {path}"
    if server.public_url is not None and not server.public_url.startswith(("http://", "https://")):
        yield "server.public_url: expected a URL that starts with http:// or https://"
    for key, url in (
        ("database.url", database.url),
        ("database.session_url", database.session_url),
        ("database.owner_url", database.owner_url),
    ):
        if url is not None and not url.startswith(("postgresql://", "postgres://")):
            yield f"{key}: expected a URL that starts with postgresql://"
    if database.url is None and (database.session_url or database.owner_url):
        yield "database.session_url and database.owner_url: mean nothing without database.url"
    if settings.debug.failpoints and not is_loopback(server.host):
        yield "debug.failpoints: only with server.host on loopback"


def is_loopback(host: str) -> bool:
    """Return whether only this machine can reach ``host``."""
    return host in {"localhost", "::1"} or host.startswith("127.")
