"""The shipped files: complete, small, and what VENDOR.json says they are."""

import gzip
import hashlib
import json
import re
from importlib import resources

import pytest

from error_manager.integrations.web.asset import asset_url, assets

STATIC = resources.files("error_manager.integrations.web") / "static"
VENDOR = json.loads((STATIC / "vendor" / "VENDOR.json").read_text(encoding="utf-8"))
TEMPLATES = resources.files("error_manager.integrations.web") / "templates"


def test_all_assets_fit_into_300_kb_compressed():
    """The budget of everything a browser may ever load."""
    assert sum(len(asset.compressed) for asset in assets().values()) <= 300_000


@pytest.mark.parametrize("record", VENDOR, ids=lambda record: record["file"])
def test_vendored_files_are_what_the_record_says(record):
    """Each foreign file has its hash, size, version and licence text on record."""
    body = (STATIC / "vendor" / record["file"]).read_bytes()
    assert hashlib.sha256(body).hexdigest() == record["sha256"]
    assert len(body) == record["size_bytes"]
    assert re.fullmatch(r"\d+\.\d+\.\d+", record["version"])
    licence = (STATIC / "vendor" / record["license_file"]).read_text(encoding="utf-8")
    assert "permi" in licence.lower()


def test_no_foreign_file_is_without_a_record():
    """Nothing lies in the vendor folder that VENDOR.json does not name."""
    present = {path.name for path in (STATIC / "vendor").iterdir()}
    named = {record["file"] for record in VENDOR} | {record["license_file"] for record in VENDOR}
    assert present == named | {"VENDOR.json"}


def test_an_address_changes_with_the_content_of_the_file():
    """The hash in the address is that of the bytes, so browsers may keep the file for ever."""
    asset = assets()["app.css"]
    assert asset_url("app.css") == f"/static/app.css?v={hashlib.sha256(asset.body).hexdigest()[:12]}"
    assert gzip.decompress(asset.compressed) == asset.body


def test_every_icon_that_templates_name_is_in_the_sprite():
    """No icon is drawn empty, and none is shipped for nothing."""
    text = "".join(path.read_text(encoding="utf-8") for path in TEMPLATES.iterdir())
    named = set(re.findall(r'icon\("([a-z0-9-]+)"', text)) | {
        "layout-list",
        "plug-connected",
        "activity",
        "bulb",
    }
    drawn = set(
        re.findall(r'symbol id="([^"]+)"', (STATIC / "vendor" / "icons.svg").read_text(encoding="utf-8"))
    )
    assert drawn == named


@pytest.mark.parametrize(
    "word", [" style=", " onclick=", "<style", "|safe", "javascript:", "autoescape false"]
)
def test_templates_keep_to_the_content_security_policy(word):
    """No inline style or handler, and no value is ever marked safe."""
    for path in TEMPLATES.iterdir():
        assert word not in path.read_text(encoding="utf-8"), path.name
