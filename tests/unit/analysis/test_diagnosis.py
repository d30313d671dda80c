import json
import random
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from error_manager.analysis.diagnosis import (
    ENDING_SCORE,
    HINT_SCORE,
    LOOSE_DEDUCTION,
    MESSAGE_SCORE,
    NAMED_CODE_SCORE,
    OUTRANKED,
    THRESHOLD,
    TYPE_SCORE,
    Diagnoser,
    Symptoms,
    symptoms_of,
)
from error_manager.analysis.family import Family
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame
from error_manager.runtime.wiring.knowledge import load_families
from error_manager.runtime.wiring.linear import compile_linear

FAMILIES = load_families()
DIAGNOSER = Diagnoser(FAMILIES, compile_linear)
EXAMPLES = [
    json.loads(line)
    for line in (Path(__file__).parent / "family_examples.jsonl").read_text(encoding="utf-8").splitlines()
]


def family(name, **fields):
    """Return a family of its own words."""
    return Family(id=name, title=name, causes=("c",), checks=("k",), platforms=("python",), **fields)


def told(*families, **symptoms):
    """Return id and score of each family told."""
    found = Diagnoser(families, compile_linear).diagnose(Symptoms(**symptoms))
    return [(match.family, match.score) for match in found]


def first(kind, message):
    """Return the family that the shipped knowledge tells first, or none."""
    chain = ((kind, message),) if kind else ()
    found = DIAGNOSER.diagnose(Symptoms(chain=chain, message=message))
    return found[0].family if found else "none"


@pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.id)
def test_each_family_is_told_on_each_platform_it_claims(family):
    """Every platform that a family names has an example of our own, and it is told first."""
    examples = [example for example in EXAMPLES if example["family"] == family.id]
    assert {example["platform"] for example in examples} == set(family.platforms)
    wrong = [example for example in examples if first(example["type"], example["message"]) != family.id]
    assert wrong == []


@pytest.mark.parametrize(
    "message",
    [
        "Statement timeout set to 30 s for role report",
        "no space left in aisle 4",
        "the gift certificate of customer 4 has expired",
        "429 orders were shipped today",
        "GET /items/500 200 12 ms",
        "queue at counter 4 is full of people",
        "book 12 is already borrowed by reader 7",
        "Broken pipe in the cellar",
        "ride request cancelled by the passenger",
        "daily transfer limit exceeded",
        "the weight of the truck exceeds the maximum allowed",
        "unable to allocate seats for group 4",
        "coupon code has expired",
        "no free space in parking deck 2",
        "smoke detector is not installed in room 4",
        "card already activated",
        "connection reset ritual of the yoga class at 9",
        "duplicate key made for apartment 4",
        "the user is not authorized to vote twice",
        "CSRF protection enabled",
        "table 14 is full",
        "returned 500 results",
        "",
        " ",
    ],
)
def test_look_alikes_have_no_family(message):
    """Words of families in another sense are not told as one."""
    assert DIAGNOSER.diagnose(Symptoms(message=message)) == ()


@pytest.mark.parametrize(
    ("kind", "message", "expected"),
    [
        ("", 'Error Domain=NSURLErrorDomain Code=-1005 "Verbindung verloren"', "network.reset"),
        ("", "NSURLErrorDomain error -1003", "network.dns"),
        ("", 'Error Domain=NSURLErrorDomain Code=-1202 "x"', "tls.untrusted"),
        ("", 'Error Domain=NSCocoaErrorDomain Code=640 "x"', "disk.full"),
        ("", 'Error Domain=NSCocoaErrorDomain Code=513 "x"', "file.permissions"),
        ("", 'Error Domain=NSPOSIXErrorDomain Code=61 "x"', "network.refused"),
        ("", "GET https://cart.test/api net::ERR_CONNECTION_RESET", "network.reset"),
        ("", "net::ERR_SSL_PROTOCOL_ERROR", "tls.handshake"),
        ("", "cURL error 35: x", "tls.handshake"),
        ("System.Exception", "x (0x8007000B)", "dependency.version"),
        ("System.Exception", "x (0x80070020)", "file.locked"),
        ("", "ERROR 2003 (HY000): Can't connect to MySQL server on 'db.test:3306' (110)", "timeout.connect"),
        ("", "connect() failed (111: Verbindung abgelehnt) while connecting to upstream", "network.refused"),
        (
            "MongoServerError",
            "{ok: 0, errmsg: 'x', code: 91, codeName: 'ShutdownInProgress'}",
            "database.unavailable",
        ),
        ("", "document_missing_exception: [_doc][7]: x", "database.no_row"),
        ("", "452 4.2.2 x", "mail.rejected"),
        ("", "[LDAP: error code 49 - x]", "auth.credentials"),
        ("", "[LDAP: error code 50 - x]", "auth.forbidden"),
        ("Error", "ER_NOT_SUPPORTED_AUTH_MODE: x", "auth.credentials"),
        ("", "received goaway: code: ENHANCE_YOUR_CALM", "rate_limit"),
        ("System.Net.WebException", "x: (404) Nicht gefunden", "http.not_found"),
        (
            "System.Net.WebException",
            "The remote server returned an error: (401) Unauthorized.",
            "auth.credentials",
        ),
        ("", "ANR in test.cart: x", "concurrency.stuck"),
        (
            "PrismaClientInitializationError",
            "error: Environment variable not found: CART_DB_URL.",
            "config.missing",
        ),
        (
            "System.InvalidOperationException",
            "This SqlTransaction has completed; it is no longer usable.",
            "database.aborted_transaction",
        ),
        ("ServiceBusException", "x (MessageLockLost)", "queue.worker_lost"),
        ("BadRequestException", "cartId must be a UUID, qty should not be empty", "validation.schema"),
        ("Error", "Call to undefined function curl_init()", "import.missing"),
        (
            "java.lang.RuntimeException",
            "Can't create handler inside thread Thread-7 that has not called Looper.prepare()",
            "concurrency.event_loop",
        ),
        (
            "java.lang.IllegalStateException",
            "A migration from 3 to 4 was required but not found.",
            "database.missing_relation",
        ),
        ("", "Termination Reason: Namespace JETSAM, Code per-process-limit", "container.oom"),
        ("", "./cart.go:12:2: undefined: totl", "undefined.name"),
    ],
)
def test_codes_and_stems_of_many_vendors_tell_a_family(kind, message, expected):
    """Also where the words beside the code say nothing."""
    assert first(kind, message) == expected


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("", "Fatal error: Precondition failed: cart total is negative"),
        ("", "[pool] pool of vouchers is used up"),
        ("android.content.ActivityNotFoundException", "No Activity found to handle Intent { act=test.VIEW }"),
        ("", "Refused: 3D not authenticated"),
    ],
)
def test_look_alikes_in_technical_form_have_no_family(kind, message):
    """Neither a type nor brackets and colons make words of families one."""
    assert first(kind, message) == "none"


def test_a_type_is_met_by_the_end_of_its_dotted_name():
    """Separators of all languages part a name; a longer name in the knowledge must be met in full."""
    known = family("a.b", types=("errors.NoRow",))
    for name in ("errors.NoRow", "x.errors.NoRow", "X::errors::NoRow", "X\\errors\\NoRow", "*errors.NoRow"):
        assert told(known, chain=((name, ""),)) == [("a.b", 0.93)]
    for name in ("NoRow", "myerrors.NoRow", "errors.NoRows"):
        assert told(known, chain=((name, ""),)) == []


def test_marks_of_several_kinds_are_joined_like_independent_witnesses():
    """The score is one minus the product of doubts: 1 - 0.1 * 0.116 for a type and a message of 4 letters."""
    known = family("a.b", types=("NoRow",), messages=("gone",))
    (match,) = Diagnoser([known], compile_linear).diagnose(Symptoms(chain=(("NoRow", "gone"),)))
    message = MESSAGE_SCORE + 0.04 * 4 / 40
    assert match.score == round(1 - (1 - TYPE_SCORE) * (1 - message), 4)
    assert match.why == ("the type is NoRow", 'the message says "gone"')


def test_one_hint_is_not_enough_and_two_of_a_kind_count_once():
    """Two hints of different kinds are told, with 1 - 0.55 squared."""
    known = family("a.b", types=("X",), type_hints=("Slow",), message_hints=("late", "tardy"))
    assert told(known, chain=(("Slow", ""),)) == []
    assert told(known, message="late and tardy") == []
    assert told(known, chain=(("Slow", "late"),)) == [("a.b", round(1 - (1 - HINT_SCORE) ** 2, 4))]


def test_weight_and_threshold():
    """A weight lowers the score; what falls below the threshold is not told."""
    assert told(family("a.b", types=("X",), weight=0.7), chain=(("X", ""),)) == [("a.b", 0.63)]
    assert told(family("a.b", types=("X",), weight=0.65), chain=(("X", ""),)) == []
    assert 0.9 * 0.65 < THRESHOLD <= 0.9 * 0.7


def test_unless_refuses_a_family():
    """What a negative expression matches is not of the family, whatever else speaks for it."""
    known = family("a.b", types=("X",), messages=("disk full",), unless=("juggler",))
    assert told(known, chain=(("X", "disk full"),)) != []
    assert told(known, chain=(("X", "disk full of the juggler"),)) == []


def test_a_family_that_explains_another_comes_first():
    """The other keeps at most 0.9 of its score; hints alone explain nothing."""
    special = family("a.special", messages=("gone",), over=("b.general",))
    general = family("b.general", types=("X",), messages=("gone away",))
    ranked = told(general, special, chain=(("X", "gone away"),))
    assert [name for name, _ in ranked] == ["a.special", "b.general"]
    assert ranked[1][1] == pytest.approx(ranked[0][1] * OUTRANKED, abs=1e-4)
    hinted = family(
        "a.special", types=("Y",), type_hints=("X",), message_hints=("gone",), over=("b.general",)
    )
    assert told(general, hinted, chain=(("X", "gone away"),))[0][0] == "b.general"


def test_a_short_phrase_in_a_plain_sentence_that_runs_on_is_a_hint():
    """It is telling at the end of the sentence, before a linking word, and beside an exception or signs."""
    known = family("a.b", types=("X",), messages=("bad gateway",))
    assert told(known, message="bad gateway to the garden") == []
    for message in ("it was a bad gateway", "bad gateway while waiting", "proxy: bad gateway to the shop"):
        assert told(known, message=message) == [("a.b", 0.891)]
    assert told(known, chain=(("Other", "bad gateway to the shop"),)) == [("a.b", 0.891)]


def test_code_and_frames_are_marks():
    """An error code (in any case), also in a tag for it, and the innermost frames are looked at."""
    known = family("a.b", types=("X",), codes=("40P01",), frames=(r"\bpopen_child\b",))
    assert told(known, code="40p01") == [("a.b", 0.8)]
    assert told(known, tags=(("SQLSTATE", "40P01"),)) == [("a.b", 0.8)]
    assert told(known, tags=(("order", "40P01"),)) == []
    assert told(known, frames=("app.py:main", "lib.py:popen_child")) == [("a.b", 0.65)]
    assert told(known, frames=("lib.py:popen_child", *["app.py:f"] * 5)) == []


def test_all_exceptions_of_a_chain_are_read():
    """The cause is found behind wrappers that say nothing."""
    chain = (
        (
            "com.mysql.cj.jdbc.exceptions.MySQLTransactionRollbackException",
            "Deadlock found when trying to get lock",
        ),
        ("org.springframework.dao.CannotAcquireLockException", "could not execute statement"),
        ("com.acme.OrderFailed", "order 7 failed"),
    )
    assert DIAGNOSER.diagnose(Symptoms(chain=chain))[0].family == "database.deadlock"


def test_types_in_texts_are_read():
    """Heads of bare messages, and types that a message quotes, count like types of the chain."""
    assert first("", "KeyError: 'sku'") == "key.missing"
    assert first("", "Uncaught TypeError: Failed to fetch") == "network.fetch_failed"
    assert (
        first("ResourceAccessException", "nested exception is java.net.UnknownHostException: stock")
        == "network.dns"
    )


def test_symptoms_come_from_an_error():
    """Types carry their module, frames are those of the raised exception, the code is the catalogued one."""
    event = ErrorEvent(
        event_id=EventId("0" * 32),
        timestamp=datetime(2026, 1, 1, tzinfo=UTC),
        message="UndefinedTable: relation does not exist",
        exceptions=(
            ExceptionInfo(type="KeyError", value="'a'"),
            ExceptionInfo(
                type="UndefinedTable",
                module="psycopg.errors",
                value="relation does not exist",
                frames=(Frame(filename="shop/db.py", module="shop.db", function="read"),),
            ),
        ),
        tags=(("host", "db1"),),
    )
    assert symptoms_of(event, code="42P01") == Symptoms(
        chain=(("KeyError", "'a'"), ("psycopg.errors.UndefinedTable", "relation does not exist")),
        message="UndefinedTable: relation does not exist",
        frames=("shop/db.py:shop.db.read",),
        tags=(("host", "db1"),),
        code="42P01",
    )


@pytest.mark.parametrize(
    "text",
    [
        "\ud800\udfff connection refused \udc00",
        "table " * 200_000,
        "a" * 500_000 + ": " + "b" * 500_000,
        "could not " + "(" * 300_000,
        "dial tcp: lookup " + "x" * 900_000,
        "\x00" * 10_000,
        "Error: " * 100_000,
    ],
    ids=["surrogates", "words", "head", "brackets", "lookup", "nul", "heads"],
)
def test_hostile_texts_are_read_to_a_bound(text):
    """No text makes an expression take long (the suite's time limit is the witness), and none raises."""
    assert (
        len(DIAGNOSER.diagnose(Symptoms(chain=((text, text),), message=text, frames=(text,), code=text))) <= 5
    )


@given(st.lists(st.tuples(st.text(max_size=40), st.text(max_size=200)), max_size=4), st.text(max_size=300))
def test_any_text_gives_scores_in_range_and_order(chain, message):
    """Scores lie between the threshold and one and fall, and each family is told once."""
    found = DIAGNOSER.diagnose(Symptoms(chain=tuple(chain), message=message))
    scores = [match.score for match in found]
    assert scores == sorted(scores, reverse=True)
    assert all(THRESHOLD <= score <= 1 for score in scores)
    assert len({match.family for match in found}) == len(found)


SHUFFLED = Diagnoser(random.Random(7).sample(FAMILIES, len(FAMILIES)), compile_linear)


@given(st.sampled_from(EXAMPLES), st.sampled_from(EXAMPLES))
def test_the_order_of_the_knowledge_does_not_matter(one, other):
    """Families are ranked alike however they are read."""
    chain = ((one["type"], one["message"]), (other["type"], other["message"]))
    symptoms = Symptoms(chain=chain)
    assert DIAGNOSER.diagnose(symptoms) == SHUFFLED.diagnose(symptoms)


def test_end_of_an_unknown_type_is_told_by_the_longest_end():
    """The end of a name tells a family where nothing else is known of the type, the longest end alone."""
    reads = family("reads", types=("x.Known",), endings=("ReadTimeout",))
    all_of_it = family("all", types=("KnownTimeoutError",), endings=("Timeout",))
    assert told(reads, all_of_it, chain=(("shop.StockReadTimeoutError", ""),)) == [("reads", ENDING_SCORE)]
    assert told(reads, all_of_it, chain=(("shop.StockTimeoutException", ""),)) == [("all", ENDING_SCORE)]
    assert told(reads, all_of_it, chain=(("KnownTimeoutError", ""),)) == [("all", TYPE_SCORE)]
    assert told(reads, all_of_it, chain=(("shop.TimeoutCardError", ""),)) == []


def test_code_in_the_text_tells_a_family():
    """A text in any language is told by the code it names."""
    full = family("full", types=("Full",), codes=("ENOSPC",))
    assert told(full, message="Kein Platz (os error 28)") == [("full", NAMED_CODE_SCORE)]
    assert told(full, message="Raum 28 (Haus 4)") == []


@pytest.mark.parametrize(
    ("kind", "message", "wrong"),
    [
        ("OSError", "[Errno 39] Directory not empty: '/tmp/build/x'", "disk.full"),
        ("", "Directory not empty (os error 39)", "disk.full"),
        ("ProcessLookupError", "[Errno 3] No such process", "file.missing"),
        ("OSError", "[Errno 14] Bad address", "memory.exhausted"),
        ("OSError", "[Errno 33] Numerical argument out of domain", "file.locked"),
        ("socket.gaierror", "[Errno 8] nodename nor servname provided, or not known", "memory.exhausted"),
        ("OSError", "[Errno 8] Exec format error: './run'", "memory.exhausted"),
    ],
)
def test_small_numbers_of_windows_tell_nothing_of_errno(kind, message, wrong):
    """What a number means in Windows is not told of the same number in errno."""
    chain = ((kind, message),) if kind else ()
    found = DIAGNOSER.diagnose(Symptoms(chain=chain, message=message))
    assert wrong not in [match.family for match in found]


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("RuntimeError", "ABORTED: user closed the wizard"),
        ("Exception", "INTERNAL: price missing"),
        ("ValueError", "CANCELLED: order 17 has no total"),
        ("LookupError", "room (57014): occupied"),
        ("RuntimeError", "job (42000): gave up"),
        ("KeyError", "(1205, 'EUR')"),
    ],
)
def test_forms_of_codes_that_others_use_tell_no_code(kind, message):
    """Capitals before a colon and numbers in brackets are an application's own, without a driver."""
    for chain, text in ((((kind, message),), message), ((), f"{kind}: {message}"), ((), message)):
        whys = [match.why for match in DIAGNOSER.diagnose(Symptoms(chain=chain, message=text))]
        assert not any("the text names" in why for why in sum(whys, ()))


def test_a_driver_beside_makes_a_form_of_codes_telling():
    """The driver may stand anywhere in the chain, or at the head of a bare message."""
    lock = family("lock", codes=("MYSQL 1213",))
    for symptoms in (
        {"chain": (("pymysql.err.OperationalError", "(1213, 'Sackgasse')"), ("shop.OrderFailed", "7"))},
        {"message": "pymysql.err.OperationalError: (1213, 'Sackgasse')"},
    ):
        assert told(lock, **symptoms) == [("lock", NAMED_CODE_SCORE)]


def test_wording_with_gaps_is_less_telling():
    """The same words with a gap between score less, and are a hint only in a plain sentence."""
    exact = family("exact", messages=("pool is empty",))
    loose = family("loose", messages=("pool .{0,9}empty",))
    (first_told, score), (_, lower) = told(exact, loose, message="fault: pool is empty")
    assert first_told == "exact"
    assert score - lower == pytest.approx(LOOSE_DEDUCTION)
    assert told(loose, message="the pool is nearly empty") == []
