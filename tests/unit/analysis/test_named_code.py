import pytest

from error_manager.analysis.named_code import named_codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("ERROR: Schlüssel doppelt (SQLSTATE 23505)", ("23505", "SQLSTATE 23")),
        ("[42S02] [Microsoft][ODBC Driver] x. (208) (SQLExecDirectW)", ("42S02", "SQLSTATE 42", "MSSQL 208")),
        ("SQLSTATE[HY000] [2002] nope", ("HY000", "SQLSTATE HY", "MYSQL 2002")),
        ("Error 1062: nope", ("MYSQL 1062",)),
        ("Msg 1205, Level 13, State 51", ("MSSQL 1205",)),
        ("ORA-00060: nope", ("ORA 00060",)),
        ("DB2 SQL Error: SQLCODE=-803", ("DB2 -803",)),
        ("[Errno 28] nope", ("ENOSPC",)),
        ("nope (os error 111)", ("ECONNREFUSED",)),
        ("[WinError 32] nope", ("EBUSY",)),
        ("rpc error: code = DeadlineExceeded desc = nope", ("GRPC DEADLINE_EXCEEDED",)),
        ("14 UNAVAILABLE: nope", ("GRPC UNAVAILABLE",)),
        ("DEADLINE_EXCEEDED: nope", ("GRPC DEADLINE_EXCEEDED", "DEADLINE_EXCEEDED")),
        ("ER_DUP_ENTRY: nope", ("ER_DUP_ENTRY",)),
        ("Conflict (409); nope", ("HTTP 409",)),
        ("nope: (404) Not Found", ("HTTP 404",)),
        ("connect() failed (113: nope) while nope", ("EHOSTUNREACH",)),
        ("[Errno 10061] nope", ("ECONNREFUSED",)),
        ("[WinError 39] nope", ("ENOSPC",)),
        ("[WinError 3] nope", ("ENOENT",)),
        ("nope, status code: 503", ("HTTP 503",)),
        ("curl: (56) nope", ("CURL 56",)),
        ("cURL error 35: nope", ("CURL 35",)),
        ("NSURLErrorDomain error -1003", ("NSURL -1003",)),
        ('Error Domain=kCFErrorDomainCFNetwork Code=-1005 "nope"', ("NSURL -1005",)),
        ('Error Domain=NSCocoaErrorDomain Code=640 "nope"', ("NSCOCOA 640",)),
        ('Error Domain=NSPOSIXErrorDomain Code=61 "nope"', ("ECONNREFUSED",)),
        ("GET https://a.test net::ERR_NAME_NOT_RESOLVED", ("ERR_NAME_NOT_RESOLVED",)),
        ("nope (0x8007000b)", ("0X8007000B",)),
        ("WinHttpException: Error 12029 calling nope", ("ECONNREFUSED",)),
        ("Can't connect to MySQL server on '10.0.0.9:3306' (113)", ("EHOSTUNREACH",)),
        ("{ code: 91, codeName: 'ShutdownInProgress' }", ("MONGO ShutdownInProgress",)),
        ("{'type': 'document_missing_exception'}", ("DOCUMENT_MISSING_EXCEPTION",)),
        ("code: 'P2024', nope", ("P2024",)),
        ('KafkaError{code=_TRANSPORT,val=-195,str="nope"}', ("KAFKA _TRANSPORT",)),
        ("452 4.2.2 nope", ("SMTP 452",)),
        ("[LDAP: error code 50 - nope]", ("LDAP 50",)),
    ],
)
def test_codes_are_read_in_the_forms_of_drivers(text, codes):
    """Each form in which a driver or runtime prints a code is understood."""
    assert named_codes(text) == codes


@pytest.mark.parametrize(
    "text",
    [
        "",
        "order 23505 for room 1205",
        "GET /items/503 200",
        "[Errno 999] nope",
        "rpc error: code = Odd desc = x",
        "curl: (x) 7",
        "Can't connect to the server through the socket (2)",
        "version 450.4.5.6 of 0x7fff1234",
        "zip code P2002",
        "exit 12029",
    ],
)
def test_bare_numbers_are_no_codes(text):
    """A number alone, and a number that is no code, name nothing."""
    assert named_codes(text) == ()


@pytest.mark.parametrize("number", [3, 8, 14, 33, 39])
@pytest.mark.parametrize("form", ["[Errno {}] nope", "nope (os error {})", "errno={} nope"])
def test_small_numbers_of_windows_are_none_of_errno(form, number):
    """The same small numbers mean other things in errno, of which no family knows."""
    assert named_codes(form.format(number)) == ()


@pytest.mark.parametrize(
    ("text", "kind", "codes"),
    [
        ("(1213, 'nope')", "pymysql.err.OperationalError", ("MYSQL 1213",)),
        ("(1213, 'nope')", "IntegrityError", ("MYSQL 1213",)),
        ("001003 (42000): nope", "snowflake.connector.errors.ProgrammingError", ("42000",)),
        ("nope (57014): nope", "java.sql.SQLException", ("57014",)),
        ("ABORTED: nope", "io.grpc.StatusRuntimeException", ("GRPC ABORTED",)),
        ("UNAVAILABLE: nope", "StatusRuntimeException", ("GRPC UNAVAILABLE",)),
        ("INTERNAL: nope", "GrpcError", ("GRPC INTERNAL",)),
    ],
)
def test_forms_that_others_use_too_are_read_beside_the_driver(text, kind, codes):
    """Alone, and beside an exception of something else, they say nothing; beside the driver's they do."""
    assert named_codes(text, ["shop.OrderError", kind]) == codes
    for types in ([], ["KeyError"], ["RuntimeError", "shop.OrderStatusException", "WarpcoreError"]):
        assert named_codes(text, types) == ()


@pytest.mark.parametrize("text", ["13 UNAVAILABLE: nope", "99 UNAVAILABLE: nope", "3 CANCELLED: order"])
def test_the_number_before_a_status_must_be_its_own(text):
    """A number that is not that of the gRPC status is something counted."""
    assert named_codes(text) == ()


def test_a_number_before_a_word_in_brackets_is_no_code():
    """A state of SQL begins with a digit, HY or XA."""
    assert named_codes("room 1205 (FLOOR) is taken") == ()
    assert named_codes("ERROR 1205 (HY000): Lock wait timeout exceeded") == ("MYSQL 1205",)
