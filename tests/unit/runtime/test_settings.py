"""Settings: sources, their order, and every problem at once."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.errors import ConfigurationError
from error_manager.runtime.setting_value import SettingInfo, convert
from error_manager.runtime.settings import (
    Settings,
    all_settings,
    default_data_dir,
    is_loopback,
    load_settings,
)


def _load(folder: Path, *, toml: str = "", environ: dict[str, str] | None = None, **line: object) -> Settings:
    (folder / "config.toml").write_text(toml)
    given_values = {key.replace("__", "."): value for key, value in line.items()}
    return load_settings({"data_dir": folder, **given_values}, environ=environ or {})


def _problems(folder: Path, **sources: object) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        _load(folder, **sources)
    return caught.value.problems


def test_without_any_source_the_defaults_hold(tmp_path):
    """No file, no variable, no option: the documented defaults."""
    assert _load(tmp_path) == Settings(data_dir=tmp_path)


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        ({}, 8000),
        ({"toml": "[server]\nport = 1001"}, 1001),
        ({"toml": "[server]\nport = 1001", "environ": {"ERROR_MANAGER_SERVER__PORT": "1002"}}, 1002),
        ({"environ": {"ERROR_MANAGER_SERVER__PORT": "1002"}, "server__port": 1003}, 1003),
    ],
)
def test_the_command_line_wins_over_environment_over_file_over_default(tmp_path, sources, expected):
    """Of several sources the nearest to the person wins."""
    assert _load(tmp_path, **sources).server.port == expected


def test_every_problem_is_named_at_once_with_its_source(tmp_path):
    """Unknown keys and wrong values of all sources are in one error."""
    problems = _problems(
        tmp_path,
        toml="retention_days = 0\n[server]\nprot = 1\n",
        environ={"ERROR_MANAGER_WORKER__BATCH_SIZE": "many", "ERROR_MANAGER_NOTHING": "1"},
        inbox__min_free_share="2",
    )
    assert len(problems) == 5
    text = "\n".join(problems)
    for words in (
        "retention_days",
        "server.prot",
        "ERROR_MANAGER_WORKER__BATCH_SIZE (environment)",
        "expected a whole number from 1 to 10000 items, not 'many'",
        "ERROR_MANAGER_NOTHING",
        "inbox.min_free_share (command line)",
        "config.toml",
    ):
        assert words in text


def test_a_data_folder_in_the_home_of_nobody_is_refused():
    """A ``~name`` that no account has is a problem like any other."""
    with pytest.raises(ConfigurationError, match="no such home"):
        load_settings({"data_dir": "~0/data"}, environ={})


def test_a_file_that_is_no_toml_is_named(tmp_path):
    """A syntax error in config.toml is a problem like any other."""
    assert "config.toml: cannot be read" in _problems(tmp_path, toml="[server")[0]


def test_the_variables_of_the_client_are_not_ours(tmp_path):
    """DSN, RELEASE and ENVIRONMENT belong to the client library."""
    environ = {f"ERROR_MANAGER_{name}": "x" for name in ("DSN", "RELEASE", "ENVIRONMENT")}
    assert _load(tmp_path, environ=environ) == Settings(data_dir=tmp_path)


def test_secrets_are_neither_in_repr_nor_in_problems(tmp_path):
    """A password in a URL is never shown."""
    assert "hunter2" not in repr(_load(tmp_path, database__url="postgresql://u:hunter2@h/d"))
    assert "hunter2" not in "".join(_problems(tmp_path, database__url="mysql://u:hunter2@h/d"))


@pytest.mark.parametrize(
    ("given_values", "words"),
    [
        ({"server__tls_cert": "/nowhere.pem"}, "give both or none"),
        ({"server__tls_cert": "/nowhere.pem", "server__tls_key": "/nowhere.key"}, "there is no file"),
        ({"server__public_url": "ftp://here"}, "server.public_url"),
        ({"database__session_url": "postgresql://h/d"}, "mean nothing without database.url"),
        ({"debug__failpoints": "true", "server__host": "0.0.0.0"}, "only with server.host on loopback"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(tmp_path, given_values, words):
    """Each value alone is right, together they are not."""
    assert any(words in problem for problem in _problems(tmp_path, **given_values))


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:8000"),
        ("0.0.0.0", "http://127.0.0.1:8000"),
        ("::", "http://[::1]:8000"),
        ("::1", "http://[::1]:8000"),
        ("errors.example", "http://errors.example:8000"),
    ],
)
def test_the_public_url_comes_from_host_and_port(tmp_path, host, expected):
    """Without a public URL the address is made such that a browser on this machine reaches it."""
    assert _load(tmp_path, server__host=host).public_url == expected


def test_session_and_owner_urls_default_to_the_one_before(tmp_path):
    """With one URL everything uses it; each further one replaces it for its purpose."""
    one = _load(tmp_path, database__url="postgresql://a/d")
    two = _load(tmp_path, database__url="postgresql://a/d", database__session_url="postgresql://b/d")
    assert one.database_url == one.database_session_url == one.database_owner_url == "postgresql://a/d"
    assert two.database_session_url == two.database_owner_url == "postgresql://b/d"


def test_every_setting_has_a_help_and_a_default_inside_its_range():
    """What is documented can be given."""
    for info in all_settings():
        assert info.help.endswith("."), info.key
        assert convert(info, info.default) == info.default, info.key


@pytest.mark.parametrize(
    ("key", "raw", "expected"),
    [
        ("server.port", " 9000 ", 9000),
        ("server.public_url", "none", None),
        ("inbox.max_bytes", "", None),
        ("inbox.max_bytes", 2097152, 2097152),
        ("inbox.commit_interval_s", 0, 0.0),
        ("debug.failpoints", "Yes", True),
        ("debug.failpoints", False, False),
        ("server.tls_cert", "/a/b", Path("/a/b")),
        ("log.to", "stderr", "stderr"),
    ],
)
def test_texts_and_toml_values_become_the_type_of_the_setting(key, raw, expected):
    """A value may come as text or as TOML's own type."""
    info = next(info for info in all_settings() if info.key == key)
    found = convert(info, raw)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("key", "raw"),
    [
        ("server.port", "0"),
        ("server.port", 65536),
        ("server.port", True),
        ("server.port", 80.5),
        ("server.port", None),
        ("server.host", 127),
        ("inbox.commit_interval_s", "nan"),
        ("inbox.commit_interval_s", "inf"),
        ("debug.failpoints", 2),
        ("log.to", "syslog"),
        ("server.tls_cert", 5),
    ],
)
def test_wrong_values_are_refused_with_what_was_expected(key, raw):
    """Wrong type, out of range, not a choice: each is a ValueError that says what would be right."""
    info = next(info for info in all_settings() if info.key == key)
    with pytest.raises(ValueError, match=r"number|text|true or false|one of|path"):
        convert(info, raw)


@given(
    raw=st.one_of(st.text(), st.integers(), st.floats(), st.booleans(), st.none(), st.lists(st.integers()))
)
@pytest.mark.parametrize("info", all_settings(), ids=lambda info: info.key)
def test_any_value_is_taken_or_refused(info: SettingInfo, raw: object):
    """No value of a file can do more than be refused; what is taken has the type and range of the setting."""
    try:
        value = convert(info, raw)
    except ValueError:
        return
    assert value is None or isinstance(value, info.type)
    if isinstance(value, int | float):
        assert info.low is None or value >= info.low
        assert info.high is None or value <= info.high


@pytest.mark.parametrize(
    ("is_root", "environ", "expected"),
    [
        (True, {"HOME": "/root"}, "/var/lib/error-manager"),
        (False, {"HOME": "/home/a"}, "/home/a/.local/share/error-manager"),
        (False, {"HOME": "/home/a", "XDG_DATA_HOME": "/data"}, "/data/error-manager"),
    ],
)
def test_the_default_data_folder_depends_on_who_we_are(is_root, environ, expected):
    """Root keeps it with the system's data, others in their home."""
    assert default_data_dir(environ, is_root=is_root) == Path(expected)


@pytest.mark.parametrize(
    ("host", "expected"),
    [("127.0.0.1", True), ("127.1.2.3", True), ("localhost", True), ("::1", True), ("0.0.0.0", False)],
)
def test_loopback_is_told_from_the_rest(host, expected):
    """Only addresses of this machine count as loopback."""
    assert is_loopback(host) is expected


@pytest.mark.parametrize(
    ("command_line", "environ", "meant"),
    [
        ({"server.prot": "1"}, {}, "server.port"),
        ({"port": "1"}, {}, "server.port"),
        ({"retention": "1"}, {}, "retention_days"),
        ({}, {"ERROR_MANAGER_SERVER_PORT": "1"}, "ERROR_MANAGER_SERVER__PORT"),
        ({}, {"ERROR_MANAGER_DATABASE__ULR": "x"}, "ERROR_MANAGER_DATABASE__URL"),
        ({"processes": "1"}, {}, ""),  # server.processes or worker.processes
        ({"zebra": "1"}, {}, ""),
    ],
)
def test_a_misspelled_setting_comes_with_the_one_that_was_meant(tmp_path, command_line, environ, meant):
    """As its source writes it; nothing is guessed where nothing is like it."""
    with pytest.raises(ConfigurationError) as stop:
        load_settings({"data_dir": tmp_path, **command_line}, environ=environ)
    (problem,) = stop.value.problems
    assert problem.partition("there is no such setting")[2] == (f"; did you mean {meant}?" if meant else "")
