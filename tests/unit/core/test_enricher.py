from datetime import UTC, datetime, timedelta

import pytest

from error_manager.core.enricher import enrich
from error_manager.core.types import ErrorEvent, EventId, User

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)
KEPT = timedelta(days=30)


def error(**fields: object) -> ErrorEvent:
    """Return an error with these fields."""
    return ErrorEvent(**{"event_id": EventId("0" * 32), "timestamp": NOW, "message": "m", **fields})


def enriched(event: ErrorEvent, sent_at: datetime | None = None, client_ip: str = "") -> ErrorEvent:
    """Return the error enriched at NOW."""
    return enrich(event, received_at=NOW, sent_at=sent_at, retention=KEPT, client_ip=client_ip)


TIMES = [
    (timedelta(), None, timedelta()),
    (timedelta(seconds=-90), timedelta(seconds=-59), timedelta(seconds=-90)),
    (timedelta(hours=-2, seconds=-5), timedelta(hours=-2), timedelta(seconds=-5)),
    (timedelta(hours=3), timedelta(hours=3), timedelta()),
    (timedelta(days=-29), None, timedelta(days=-29)),
    (timedelta(days=-31), None, timedelta()),
    (timedelta(seconds=60), None, timedelta(seconds=60)),
    (timedelta(seconds=61), None, timedelta()),
]


@pytest.mark.parametrize(("said", "sent", "expected"), TIMES)
def test_time(said, sent, expected):
    """A clock over 60 s off shifts the time; a time outside what is kept becomes the time of receipt."""
    event = enriched(error(timestamp=NOW + said), None if sent is None else NOW + sent)
    assert event.timestamp == NOW + expected
    assert (event.original_timestamp != "") is (said != expected)


def test_time_at_the_end_of_the_calendar_does_not_overflow():
    """A client in the year 9999 with a clock far behind is set to the time of receipt."""
    event = enriched(error(timestamp=datetime.max.replace(tzinfo=UTC)), NOW - timedelta(days=9))
    assert event.timestamp == NOW


def test_automatic_address():
    """``{{auto}}`` becomes the sender's address; an address that was given stays."""
    automatic = enriched(error(user=User(ip_address="{{auto}}")), client_ip="198.51.100.4")
    given = enriched(error(user=User(ip_address="192.0.2.1")), client_ip="198.51.100.4")
    assert [event.user and event.user.ip_address for event in (automatic, given)] == [
        "198.51.100.4",
        "192.0.2.1",
    ]


def test_release_environment_and_service_from_tags_and_contexts():
    """What the fields lack is taken from tags, then contexts; what they have stays."""
    event = enriched(
        error(
            environment="live",
            tags=(("environment", "test"), ("release", "1.2")),
            contexts={"resource": {"service.name": "web"}},
        )
    )
    assert (event.environment, event.release, event.service) == ("live", "1.2", "web")


def test_nothing_to_add_returns_the_error_itself():
    """An error that lacks nothing is not copied."""
    event = error()
    assert enriched(event) is event
