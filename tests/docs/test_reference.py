"""The reference names everything there is: what is added without a word in docs/reference fails here."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

import error_manager
from error_manager.cli.main import COMMANDS
from error_manager.core import errors
from error_manager.integrations.ingest.app import _HANDLERS
from error_manager.integrations.web.app import create_app
from error_manager.runtime.settings import all_settings

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "error_manager"
REFERENCE = ROOT / "docs" / "reference"
METRIC_KINDS = {
    "Counter",
    "CounterMetricFamily",
    "Gauge",
    "GaugeMetricFamily",
    "Histogram",
    "HistogramMetricFamily",
    "Summary",
}


def page(name: str) -> str:
    """Return the text of a page of the reference."""
    return (REFERENCE / name).read_text(encoding="utf-8")


def headings(name: str) -> list[str]:
    """Return the words in backticks that head the sections of a page, in order."""
    return re.findall(r"^#{2,4} `([^`(]+)", page(name), re.MULTILINE)


def modules() -> Iterator[ast.Module]:
    """Yield the parsed modules of the package."""
    for path in sorted(SOURCE.rglob("*.py")):
        yield ast.parse(path.read_text(encoding="utf-8"))


def error_classes() -> dict[str, type[errors.ErrorManagerError]]:
    """Return every exception of the product by its code."""
    found = [value for value in vars(errors).values() if isinstance(value, type)]
    return {kind.code: kind for kind in found if issubclass(kind, errors.ErrorManagerError)}


def routes() -> set[str]:
    """Return every route of the application behind the ingest endpoints, as `METHOD /path`."""
    services = SimpleNamespace(version="0")  # nothing else is asked for before the first request
    found = {
        f"{method} {re.sub(r':[a-z]+}', '}', route.path)}"
        for route in create_app(services).routes
        for method in route.methods - {"OPTIONS", "HEAD"}
    }
    return found - {"GET /api", "GET /api/{path}"}  # Litestar's own ways to the OpenAPI description


def metrics() -> set[str]:
    """Return the names of all metrics, from the calls that make them."""
    return {
        node.args[0].value
        for tree in modules()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Name)
        and node.func.id in METRIC_KINDS
        and node.args
        and isinstance(node.args[0], ast.Constant)
    }


def test_every_error_code_has_a_section():
    """docs/reference/errors.md has one section for each error code and none for codes that are gone."""
    assert sorted(headings("errors.md")) == sorted(error_classes())


@pytest.mark.parametrize("kind", error_classes().values(), ids=lambda kind: kind.__name__)
def test_section_of_an_error_names_its_class_and_status(kind):
    """The section of an error code names the exception and, for refusals, the HTTP status."""
    section = page("errors.md").partition(f"## `{kind.code}`")[2].partition("\n## ")[0]
    assert f"`{kind.__name__}`" in section
    if issubclass(kind, errors.RequestError) and kind is not errors.RequestError:
        assert f"HTTP {kind.status}" in section


def test_every_command_has_a_section():
    """docs/reference/commands.md describes exactly the commands of the table, in its order."""
    assert headings("commands.md") == [f"error-manager {command.name}" for command in COMMANDS]


@pytest.mark.parametrize("setting", all_settings(), ids=lambda setting: setting.key)
def test_every_setting_is_described(setting):
    """docs/reference/settings.md names each setting with its environment variable and its help."""
    text = page("settings.md")
    assert f"`{setting.key}`" in text
    assert setting.variable in text
    assert setting.help in text


def test_settings_page_is_fresh(tmp_path):
    """docs/reference/settings.md is what `make docs` writes."""
    written = tmp_path / "settings.md"
    subprocess.run([sys.executable, ROOT / "tools" / "settings_page.py", written], check=True)
    assert page("settings.md") == written.read_text(encoding="utf-8")


def test_families_page_is_fresh(tmp_path):
    """docs/reference/families.md is what `make docs` writes."""
    written = tmp_path / "families.md"
    subprocess.run([sys.executable, ROOT / "tools" / "families_page.py", written], check=True)
    assert page("families.md") == written.read_text(encoding="utf-8")


def test_every_route_has_a_line():
    """docs/reference/http.md lists exactly the routes there are, beside those of ingest."""
    described = re.findall(r"^\| `([A-Z]+ /[^`]*)` ", page("http.md").partition("## Ingest")[0], re.MULTILINE)
    assert sorted(described) == sorted(routes())


@pytest.mark.parametrize("name", sorted(_HANDLERS))
def test_every_ingest_endpoint_is_named(name):
    """docs/reference/http.md names each endpoint of the Sentry protocol."""
    assert f"POST /api/{{project}}/{name}/" in page("http.md")


def test_every_metric_has_a_line():
    """docs/reference/metrics.md lists exactly the metrics there are."""
    described = re.findall(r"^\| `(\w+)", page("metrics.md"), re.MULTILINE)
    assert sorted(described) == sorted(metrics())


def test_client_reference_equals_the_public_names():
    """docs/reference/client.md describes exactly what error_manager exports."""
    assert sorted(headings("client.md")) == sorted(error_manager.__all__)
