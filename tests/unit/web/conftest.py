"""Made-up values for every page, pleasant and hostile, as the flows would hand them over."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from error_manager.core.types import (
    Breadcrumb,
    ErrorEvent,
    ErrorId,
    EventId,
    ExceptionInfo,
    FieldNote,
    Frame,
    ItemCategory,
    OutcomeKind,
    PatternId,
    PatternStatus,
    ProjectId,
    Request,
    Severity,
    User,
)
from error_manager.monitoring.dashboard import (
    ConnectView,
    DiskFacts,
    HostFacts,
    MergeView,
    PatternsView,
    PatternView,
    ProcessFacts,
    SlotFacts,
    StatusView,
    balance,
    status_line,
)
from error_manager.monitoring.why import Alike, Difference
from error_manager.storage.base import (
    Bucket,
    DatabaseFacts,
    ErrorDetail,
    ErrorRow,
    GroupRow,
    HistoryPoint,
    IngestKey,
    OutcomeCount,
    Page,
    PatternChangeRow,
    PatternFilter,
    PatternName,
    PatternOrder,
    PatternRow,
    Placement,
    Project,
    TableSize,
    TagSummary,
    UserCounts,
    ValueCount,
    Window,
)

NOW = datetime(2026, 11, 23, 21, 40, tzinfo=UTC)
ERROR_ID = ErrorId(UUID("0193583e-0000-7000-8000-000000000001"))
OLDER_ID = ErrorId(UUID("0193583e-0000-7000-8000-000000000000"))
EVENT_ID = EventId("9f1c2d3e4b5a69788796a5b4c3d2e1f0")
HOSTILE = (
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>{{7*7}}"
    "\x1b[31mred\x1b[0m \u202egnp.exe\x00\ud800"
)
PROJECTS = (
    Project(id=ProjectId(1), name="Shop", slug="shop"),
    Project(id=ProjectId(2), name="Batch", slug="batch"),
)


def hostile(text):
    """Return the text with everything that could break a page behind it."""
    return f"{text}{HOSTILE}"


def same(text):
    """Return the text."""
    return text


def frames(say):
    """Return a stack with library frames between in-app ones, oldest call first."""
    library = tuple(
        Frame(
            function=name,
            module="django.core.handlers.base",
            filename="django/core/handlers/base.py",
            lineno=100 + number,
            in_app=False,
            context_line="response = wrapped_callback(request)",
        )
        for number, name in enumerate(("__call__", "get_response", "_get_response", "inner"))
    )
    return (
        Frame(
            function=say("main"),
            module="shop.__main__",
            filename=say("shop/__main__.py"),
            lineno=12,
            context_line=say("    run(app)"),
            pre_context=("def main() -> None:", '    """Start the shop."""', "    app = make_app()"),
        ),
        *library,
        Frame(
            function=say("checkout"),
            module="shop.cart",
            filename=say("shop/cart.py"),
            lineno=88,
            in_app=True,
            pre_context=(
                "def checkout(cart: Cart, user: User) -> Order:",
                '    """Turn a cart into an order."""',
                "    total = sum(line.price * line.quantity for line in cart.lines)",
                "    discount = voucher_discount(cart.voucher, total)",
            ),
            context_line=say("    share = total / len(cart.lines)"),
            post_context=("    order = Order(user=user, total=total - discount)", "    return save(order)"),
            variables={
                "cart": {"lines": [], "voucher": say("WINTER")},
                "total": 0,
                "user": say("User([email])"),
                "note": None,
            },
        ),
        Frame(function=say("save"), module=say("shop.orders"), filename="shop/orders.py", lineno=31),
    )


def event(say=same):
    """Return an error with everything an error can have."""
    return ErrorEvent(
        event_id=EVENT_ID,
        timestamp=NOW - timedelta(minutes=3),
        message=say("ZeroDivisionError: division by zero for [email]"),
        severity=Severity.ERROR,
        module="shop.cart",
        error_code="ZeroDivisionError",
        platform="python",
        logger=say("shop.cart"),
        transaction=say("POST /checkout"),
        server_name=say("web-3"),
        release=say("shop@2.4.0"),
        environment=say("production"),
        exceptions=(
            ExceptionInfo(
                type=say("KeyError"),
                value=say("'price'"),
                exception_id=1,
                parent_id=0,
                source="__cause__",
                frames=frames(say)[-1:],
            ),
            ExceptionInfo(
                type=say("ZeroDivisionError"),
                value=say("division by zero for [email]"),
                frames=frames(say),
                exception_id=0,
                mechanism=say("django"),
                is_handled=False,
            ),
        ),
        breadcrumbs=(
            Breadcrumb(
                timestamp=NOW - timedelta(minutes=3, seconds=12),
                category=say("http"),
                message=say("GET /cart 200"),
            ),
            Breadcrumb(
                timestamp=NOW - timedelta(minutes=3, seconds=1),
                category=say("query"),
                level="warning",
                message=say("SELECT price FROM lines WHERE cart = %s"),
                data={say("rows"): 0, "ms": 12.5},
            ),
        ),
        tags=((say("browser"), say("Firefox 141")), ("region", "eu-west")),
        user=User(id=say("u-77"), email="[email]", ip_address="[ip]", data={say("plan"): say("pro")}),
        request=Request(
            url=say("https://shop.example/checkout"),
            method=say("POST"),
            query_string=say("voucher=WINTER&token=[secret]"),
            headers={"User-Agent": say("Mozilla/5.0"), "Authorization": "[secret]"},
            cookies={"session": "[secret]"},
            data={say("items"): []},
        ),
        contexts={
            say("runtime"): {"name": "CPython", "version": say("3.13.1")},
            "os": {"name": "Linux", "kernel_version": "6.8"},
        },
        extra={say("queue_length"): 12, "nested": {"a": [1, 2, {"b": say("c")}]}},
        modules={say("django"): "5.2", "psycopg": "3.3"},
        sdk="sentry.python/2.75.0",
        notes=(
            FieldNote(path=say("user.email"), reason="masked: email"),
            FieldNote(path="request.headers.Authorization", reason="masked: secret"),
            FieldNote(path="extra.blob", reason=say("cut to 16 KiB")),
        ),
    )


def pattern(number=1, say=same, **changes):
    """Return a row of the list."""
    values = {
        "id": PatternId(number),
        "project_id": ProjectId(1),
        "pattern_hash": "ab" * 32,
        "title": say("ZeroDivisionError"),
        "message": say("ZeroDivisionError: division by zero for [email]"),
        "culprit": say("shop.cart in checkout"),
        "module": say("shop.cart"),
        "error_code": say("ZeroDivisionError"),
        "severity": Severity.ERROR,
        "status": PatternStatus.UNRESOLVED,
        "count": 3401,
        "users": 212,
        "first_seen": NOW - timedelta(days=12),
        "last_seen": NOW - timedelta(minutes=3),
        "platform": say("python"),
        "first_release": say("shop@2.3.1"),
        "last_release": say("shop@2.4.0"),
        "trend": (3, 5, 2, 8, 13, 21, 9, 4, 6, 30, 44, 12, 8, 17),
    }
    return PatternRow(**{**values, **changes})


def rows(say=same):
    """Return a list of patterns in all states."""
    return (
        pattern(1, say, state="rising", state_since=NOW - timedelta(hours=2), risk=61.5),
        pattern(
            2,
            say,
            title="OperationalError",
            message="OperationalError: connection pool exhausted: 20 of 20 in use, waited 30.0 s for [ip]",
            culprit="payment.store in charge",
            severity=Severity.FATAL,
            is_regression=True,
            count=1_234_567,
            users=18_220,
            trend=(0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 3, 90, 40, 12),
        ),
        pattern(
            3,
            say,
            title="TypeError",
            message="TypeError: Cannot read properties of undefined (reading 'price')",
            culprit="webpack:///src/components/cart/LineItems.tsx in renderLine",
            platform="javascript",
            severity=Severity.WARNING,
            first_seen=NOW - timedelta(minutes=4),
            count=14,
            users=9,
            trend=(0,) * 13 + (14,),
        ),
        pattern(
            4,
            say,
            title="Certificate of api.mail.example expires in <n> days",
            message="Certificate of api.mail.example expires in 6 days",
            culprit="",
            module="mail.health",
            severity=Severity.INFO,
            status=PatternStatus.IGNORED,
            ignore_until=NOW + timedelta(hours=20),
            count=96,
            users=0,
            last_seen=NOW - timedelta(hours=2),
        ),
        pattern(
            5,
            say,
            title="java.net.SocketTimeoutException",
            message="java.net.SocketTimeoutException: Read timed out",
            culprit="com.example.search.Client in query",
            severity=Severity.CRITICAL,
            status=PatternStatus.RESOLVED,
            project_id=ProjectId(2),
            count=803,
            users=77,
            last_seen=NOW - timedelta(days=2),
        ),
        pattern(
            6,
            say,
            title="Heartbeat late",
            message="Heartbeat late",
            severity=Severity.DEBUG,
            count=2,
            users=1,
        ),
    )


def patterns_view(say=same, items=None):
    """Return the list page's values."""
    return PatternsView(
        page=Page(items=rows(say) if items is None else items, next="c2"),
        where=PatternFilter(),
        order=PatternOrder.LAST_SEEN,
        projects=PROJECTS,
        environments=(ValueCount(value=say("production"), count=9), ValueCount(value="staging", count=1)),
        releases=(ValueCount(value=say("shop@2.4.0"), count=7), ValueCount(value="shop@2.3.1", count=3)),
    )


def error_row(say=same):
    """Return the newest error as a row."""
    return ErrorRow(
        id=ERROR_ID,
        event_id=EVENT_ID,
        project_id=ProjectId(1),
        pattern_id=PatternId(1),
        timestamp=NOW - timedelta(minutes=3),
        message=say("ZeroDivisionError: division by zero for [email]"),
        module="shop.cart",
        error_code="ZeroDivisionError",
        severity=Severity.ERROR,
        environment=say("production"),
        release=say("shop@2.4.0"),
    )


def detail(say=same):
    """Return one stored error."""
    return ErrorDetail(
        row=error_row(say),
        event=event(say),
        created_at=NOW - timedelta(minutes=3),
        fingerprint_version=0,
        placement=Placement(group="ab" * 16, by="person", since=NOW - timedelta(days=2), person=say("Ada")),
        previous_id=OLDER_ID,
    )


def group(say=same, **changes):
    """Return one group of a pattern."""
    values = {
        "group": "ab" * 16,
        "by": "person",
        "since": NOW - timedelta(days=2),
        "person": say("Ada"),
        "title": say("KeyError"),
        "message": say("KeyError: 'price'"),
        "culprit": say("total in shop/cart.py:40"),
        "parts": (say("type: KeyError"), "frame: shop.cart.total"),
        "version": 0,
        "count": 400,
        "last_seen": NOW - timedelta(hours=3),
    }
    return GroupRow(**{**values, **changes})


def alike(say=same, **changes):
    """Return a pattern like another."""
    values = {
        "id": PatternId(9),
        "title": say("KeyError"),
        "message": say("KeyError: 'price'"),
        "culprit": say("sum in shop/cart.py:52"),
        "count": 17,
        "likeness": 0.83,
        "common": 1,
        "differences": (
            Difference(part=say("frame"), here=say("shop.cart.total"), there=say("shop.cart.sum")),
            Difference(part="name", here="price", there=""),
            Difference(part="logger", here="", there=say("shop")),
        ),
    }
    return Alike(**{**values, **changes})


def merge_view(say=same, **changes):
    """Return the values of the page that chooses what to merge with."""
    values = {
        "project": Project(id=ProjectId(1), name=say("Shop"), slug="shop"),
        "pattern": pattern(1, say),
        "alike": (alike(say), alike(say, id=PatternId(10), likeness=0.0, differences=())),
    }
    return MergeView(**{**values, **changes})


def pattern_view(say=same, **changes):
    """Return the pattern page's values."""
    start = NOW - timedelta(days=14)
    counts = (3, 5, 2, 8, 13, 21, 9, 4, 6, 30, 44, 12, 8, 17)
    values = {
        "pattern": pattern(1, say, is_regression=True),
        "project": Project(id=ProjectId(1), name=say("Shop"), slug="shop"),
        "error": detail(say),
        "history": tuple(
            HistoryPoint(start=start + timedelta(days=day), count=count) for day, count in enumerate(counts)
        ),
        "window": Window(bucket=Bucket.DAY, since=start, until=NOW),
        "tags": (
            TagSummary(
                key=say("browser"),
                total=3000,
                distinct=14,
                values=(
                    ValueCount(value=say("Firefox 141"), count=1900),
                    ValueCount(value="Chrome 152", count=800),
                    ValueCount(value="Safari 19", count=5),
                ),
            ),
            TagSummary(
                key="region", total=3401, distinct=1, values=(ValueCount(value="eu-west", count=3401),)
            ),
        ),
        "releases": (
            ValueCount(value=say("shop@2.4.0"), count=3100),
            ValueCount(value="shop@2.3.1", count=301),
        ),
        "environments": (ValueCount(value=say("production"), count=3300), ValueCount(value="", count=101)),
        "users": UserCounts(
            total=212,
            days=tuple(((start + timedelta(days=day)).date(), count) for day, count in enumerate(counts)),
        ),
        "groups": (group(say, group="cd" * 16, by="fingerprint", count=3001, is_first=True), group(say)),
        "nearest": alike(say),
        "changes": (
            PatternChangeRow(id=5, at=NOW - timedelta(hours=1), action="undone", undone="split"),
            PatternChangeRow(
                id=4,
                at=NOW - timedelta(hours=1),
                action="split",
                others=(PatternName(id=PatternId(7), title=say("KeyError")),),
            ),
            PatternChangeRow(
                id=3,
                at=NOW - timedelta(hours=1),
                action="merged",
                person=say("Ada"),
                others=(PatternName(id=PatternId(7), title=say("KeyError")),),
            ),
            PatternChangeRow(id=2, at=NOW - timedelta(hours=2), action="regressed"),
            PatternChangeRow(
                id=1, at=NOW - timedelta(days=3), action="resolved", person=say("Administrator")
            ),
        ),
    }
    return PatternView(**{**values, **changes})


def connect_view(say=same, *, has_arrived=False, refused=True):
    """Return the connect page's values."""
    key = "0123456789abcdef0123456789abcdef"
    return ConnectView(
        project=Project(id=ProjectId(1), name=say("Shop"), slug="shop"),
        projects=PROJECTS,
        key=IngestKey(id=1, key=key, project_id=ProjectId(1)),
        url="http://127.0.0.1:8000",
        dsn=f"http://{key}@127.0.0.1:8000/1",
        first_error=error_row(say) if has_arrived else None,
        received=3 if has_arrived or refused else 0,
        refusals=(
            OutcomeCount(
                project_id=ProjectId(1),
                category=ItemCategory.ERROR,
                hour=NOW,
                outcome=OutcomeKind.INVALID,
                reason="fields",
                quantity=2,
            ),
            OutcomeCount(
                project_id=ProjectId(1),
                category=ItemCategory.ERROR,
                hour=NOW,
                outcome=OutcomeKind.INVALID,
                reason=say("odd"),
                quantity=1,
            ),
            OutcomeCount(
                project_id=ProjectId(1),
                category=ItemCategory.SESSION,
                hour=NOW,
                outcome=OutcomeKind.FILTERED,
                reason="not_an_error",
                quantity=40,
            ),
        )
        if refused
        else (),
    )


def ledger(say=same):
    """Return books that balance."""
    ends = (
        (OutcomeKind.ACCEPTED, "", 214_003),
        (OutcomeKind.DUPLICATE, "", 41),
        (OutcomeKind.RATE_LIMITED, "quota", 300),
        (OutcomeKind.INVALID, say("fields"), 12),
    )
    counts = tuple(
        OutcomeCount(
            project_id=ProjectId(1),
            category=ItemCategory.ERROR,
            hour=NOW,
            outcome=outcome,
            reason=reason,
            quantity=quantity,
        )
        for outcome, reason, quantity in ends
    )
    return balance(received=sum(count.quantity for count in counts) + 18, waiting=18, outcomes=counts)


def status_view(say=same, *, is_away=False):
    """Return the status page's values."""
    host = HostFacts(
        processes=tuple(
            ProcessFacts(
                name=say(name), pid=4100 + i, memory_bytes=size * 2**20, started_at=NOW - timedelta(hours=5)
            )
            for i, (name, size) in enumerate(
                (("supervisor", 22), ("serve 0", 31), ("serve 1", 30), ("worker", 64), ("postgres", 96))
            )
        ),
        disks=(
            DiskFacts(
                name=say("inbox"), used_bytes=12 * 2**20, free_bytes=41 * 2**30, total_bytes=100 * 2**30
            ),
            DiskFacts(
                name="database", used_bytes=310 * 2**20, free_bytes=41 * 2**30, total_bytes=100 * 2**30
            ),
        ),
    )
    if is_away:
        return StatusView(
            ledger=None, others={}, slots=(), database=None, host=host, version="0.1.0", now=NOW
        )
    return StatusView(
        ledger=ledger(say),
        others={ItemCategory.SESSION: 40, ItemCategory.TRANSACTION: 3},
        slots=(SlotFacts(slot=0, seq=7, row=1200, waiting=18), SlotFacts(slot=1, seq=6, row=980, waiting=0)),
        database=DatabaseFacts(
            version="18.4",
            size_bytes=310 * 2**20,
            connections=7,
            tables=(TableSize(name=say("project_errors"), rows=214_003, size_bytes=201 * 2**20),),
            cursors={},
            dead_letters=2,
            errors=214_003,
            patterns=61,
        ),
        host=host,
        version="0.1.0",
        now=NOW,
    )


def foot():
    """Return the foot line of the books."""
    return status_line(ledger())


@pytest.fixture
def made_up():
    """Give tests this module's values without importing between test files."""
    return globals()


@pytest.fixture(scope="session")
def made_up_event():
    """Return one error for tests that Hypothesis runs many times."""
    return event()
