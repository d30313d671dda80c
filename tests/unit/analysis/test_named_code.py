import pytest

from error_manager.analysis.named_code import named_codes


@pytest.mark.parametrize(
    ("text", "codes"),
    [
        ("ERROR: Schlüssel doppelt (SQLSTATE 23505)", ("23505", "SQLSTATE 23")),
        ("[42S02] [Microsoft][ODBC Driver] x. (208) (SQLExecDirectW)", ("42S02", "SQLSTATE 42", "MSSQL 208")),
        ("SQLSTATE[HY000] [2002] nope", ("HY000", "SQLSTATE HY", "MYSQL 2002")),
        ("(1213, 'nope')", ("MYSQL 1213",)),
        ("Error 1062: nope", ("MYSQL 1062",)),
        ("Msg 1205, Level 13, State 51", ("MSSQL 1205",)),
        ("ORA-00060: nope", ("ORA 00060",)),
        ("DB2 SQL Error: SQLCODE=-803", ("DB2 -803",)),
        ("[Errno 28] nope", ("ENOSPC",)),
        ("nope (os error 111)", ("ECONNREFUSED",)),
        ("[WinError 32] nope", ("EBUSY",)),
        ("rpc error: code = DeadlineExceeded desc = nope", ("GRPC DEADLINE_EXCEEDED",)),
        ("14 UNAVAILABLE: nope", ("GRPC UNAVAILABLE",)),
        ("nope, status code: 503", ("HTTP 503",)),
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
    ],
)
def test_bare_numbers_are_no_codes(text):
    """A number alone, and a number that is no code, name nothing."""
    assert named_codes(text) == ()
