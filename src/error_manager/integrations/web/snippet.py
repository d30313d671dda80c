"""How each language is connected: what to install and to write, with the project's DSN (seed box: Client).

Pure texts. The clients are the ones applications already have; only the last two are ours.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from error_manager.core.version import PACKAGE


@dataclass(frozen=True, slots=True, kw_only=True)
class Snippet:
    """One way to connect: ``install`` is a command ("" = none), ``code`` is complete and sends one error."""

    slug: str
    title: str
    install: str
    code: str
    note: str = ""


_PYTHON: Final = """\
import sentry_sdk

sentry_sdk.init(dsn="{dsn}")

1 / 0  # sends a first error; take it out again
"""
_BROWSER: Final = """\
import * as Sentry from "@sentry/browser";

Sentry.init({ dsn: "{dsn}" });

Sentry.captureException(new Error("First error from the browser"));
"""
_NODE: Final = """\
const Sentry = require("@sentry/node");

Sentry.init({ dsn: "{dsn}" });

Sentry.captureException(new Error("First error from Node"));
"""
_GO: Final = """\
package main

import (
	"errors"
	"time"

	"github.com/getsentry/sentry-go"
)

func main() {
	if err := sentry.Init(sentry.ClientOptions{Dsn: "{dsn}"}); err != nil {
		panic(err)
	}
	defer sentry.Flush(2 * time.Second)

	sentry.CaptureException(errors.New("first error from Go"))
}
"""
_JAVA: Final = """\
import io.sentry.Sentry;

public class Main {
  public static void main(String[] args) {
    Sentry.init(options -> options.setDsn("{dsn}"));

    Sentry.captureException(new IllegalStateException("First error from Java"));
  }
}
"""
_PHP: Final = """\
<?php
require 'vendor/autoload.php';

\\Sentry\\init(['dsn' => '{dsn}']);

\\Sentry\\captureException(new RuntimeException('First error from PHP'));
"""
_RUBY: Final = """\
require "sentry-ruby"

Sentry.init { |config| config.dsn = "{dsn}" }

Sentry.capture_exception(RuntimeError.new("First error from Ruby"))
"""
_CURL: Final = """\
curl {url}/api/v1/errors \\
  -H 'Authorization: Bearer {key}' \\
  -H 'Content-Type: application/json' \\
  -d '{"message": "First error from curl", "severity": "error", "module": "shop.cart"}'
"""
_OWN: Final = """\
import error_manager

error_manager.init("{dsn}")

1 / 0  # sends a first error; take it out again
"""


def snippets(*, url: str, key: str, dsn: str) -> tuple[Snippet, ...]:
    """Return a snippet per language with the given addresses filled in.

    Args:
        url: of this server, without a slash at the end.
        key: the public ingest key of the project.
        dsn: what a Sentry SDK takes.
    """

    def filled(code: str) -> str:
        return code.replace("{dsn}", dsn).replace("{url}", url.rstrip("/")).replace("{key}", key)

    return (
        Snippet(
            slug="python",
            title="Python",
            install="pip install sentry-sdk",
            code=filled(_PYTHON),
            note="Run it as a script: an interactive shell does not report its errors.",
        ),
        Snippet(
            slug="browser", title="Browser", install="npm install @sentry/browser", code=filled(_BROWSER)
        ),
        Snippet(slug="node", title="Node", install="npm install @sentry/node", code=filled(_NODE)),
        Snippet(slug="go", title="Go", install="go get github.com/getsentry/sentry-go", code=filled(_GO)),
        Snippet(
            slug="java",
            title="Java",
            install="implementation 'io.sentry:sentry:8.+'",
            code=filled(_JAVA),
            note="The first line goes into the dependencies of build.gradle.",
        ),
        Snippet(slug="php", title="PHP", install="composer require sentry/sentry", code=filled(_PHP)),
        Snippet(slug="ruby", title="Ruby", install="gem install sentry-ruby", code=filled(_RUBY)),
        Snippet(
            slug="curl",
            title="curl",
            install="",
            code=filled(_CURL),
            note="Any language can send this. The answer names every wrong field.",
        ),
        Snippet(
            slug="error-manager",
            title="Our client",
            install=f"pip install {PACKAGE}",
            code=filled(_OWN),
            note="Python without any dependency; it masks personal data before sending. "
            "Run it where a checkout of Error Manager lies: the name on PyPI is another project's.",
        ),
    )
