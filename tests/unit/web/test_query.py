"""The address of the list of patterns."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.core.search import clean
from error_manager.core.types import PatternStatus, Severity
from error_manager.integrations.web.query import RANGES, PatternQuery, parse_query
from error_manager.storage.base import PatternOrder

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)


def parsed(query):
    """Return what a query string asks for."""
    return parse_query(parse_qsl(query, keep_blank_values=True))


def test_the_bare_address_shows_what_is_unresolved_now():
    """Without parameters: unresolved, last 14 days, newest first."""
    where = parsed("").where(NOW)
    assert (where.status, where.since, where.until) == (
        PatternStatus.UNRESOLVED,
        NOW - timedelta(days=14),
        None,
    )
    assert parsed("").url() == "/patterns"


def test_a_full_address_is_understood():
    """Every parameter reaches the filter."""
    query = parsed(
        "q=timeout&project=2&environment=prod&release=1.0&range=24h&status=ignored"
        "&severity=error&severity=fatal&order=count&cursor=abc"
    )
    assert query == PatternQuery(
        q="timeout",
        project=2,
        environment="prod",
        release="1.0",
        range="24h",
        status=PatternStatus.IGNORED,
        severities=(Severity.FATAL, Severity.ERROR),
        order=PatternOrder.COUNT,
        cursor="abc",
    )
    assert query.where(NOW).project_ids == (2,)
    assert query.is_filtered


@pytest.mark.parametrize(
    "query",
    [
        "project=x",
        "project=99999999999",
        "range=soon",
        "status=odd",
        "order=odd",
        "severity=odd",
        "from=2026-99-01",
        "to=9999-12-31",
        "from=0001-01-01",
    ],
)
def test_what_is_not_understood_is_the_default(query):
    """A broken address shows the default list instead of an error."""
    assert parsed(query) == PatternQuery()


def test_whole_days_go_before_the_range():
    """Chosen days are whole UTC days, the last included."""
    where = parsed("from=2026-11-01&to=2026-11-05&range=1h").where(NOW)
    assert (where.since, where.until) == (
        datetime(2026, 11, 1, tzinfo=UTC),
        datetime(2026, 11, 6, tzinfo=UTC),
    )
    assert parsed("from=2026-11-01").range_words == "days 2026-11-01 to today"


def test_a_change_starts_the_list_again():
    """Another order drops the cursor; the next page keeps everything else."""
    query = parsed("q=x&cursor=abc")
    assert query.url(order=PatternOrder.COUNT) == "/patterns?q=x&order=count"
    assert query.url(cursor="next") == "/patterns?q=x&cursor=next"


def test_order_project_and_status_alone_are_no_filter():
    """Clearing filters is offered only when something narrows the list."""
    assert not parsed("project=1&order=count&status=all&cursor=x").is_filtered
    assert parsed("severity=error").is_filtered


queries = st.builds(
    PatternQuery,
    q=st.text(max_size=40).map(clean).map(str.strip),
    project=st.none() | st.integers(0, 2**31 - 1),
    environment=st.text(max_size=20).map(clean),
    release=st.text(max_size=20).map(clean),
    range=st.sampled_from([value for value, _, _ in RANGES]),
    first_day=st.sampled_from(["", "2026-11-01"]),
    last_day=st.sampled_from(["", "2026-11-05"]),
    status=st.none() | st.sampled_from(list(PatternStatus)),
    severities=st.sets(st.sampled_from(list(Severity))).map(
        lambda found: tuple(sorted(found, key=lambda level: -level.rank))
    ),
    order=st.sampled_from(list(PatternOrder)),
)


@given(queries)
def test_a_copied_link_shows_the_same(query):
    """Writing an address and reading it gives the same query."""
    assert parsed(query.url().partition("?")[2]) == query


@given(st.lists(st.tuples(st.sampled_from(["q", "environment", "release", "from", "severity"]), st.text())))
def test_any_address_is_readable_and_reaches_the_database_as_text(pairs):
    """No address raises, and none carries what PostgreSQL refuses in a text."""
    where = parse_query(pairs).where(NOW)
    assert not {"\x00", "\ud800"} & set(where.environment + where.release)
