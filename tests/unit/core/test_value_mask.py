import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from error_manager.core.detection import MASKS
from error_manager.core.masking import TextMasker
from error_manager.core.text_mask import mask_message
from error_manager.core.value_mask import (
    CUT_WORD,
    MAX_WORD_CHARS,
    MAX_WORDS,
    SENSITIVE_KINDS,
    WILDCARD,
    ValueKind,
    kind_of,
    mask_values,
    masked_pairs,
    masked_words,
)

VALUES = [
    ("took 15 ms", "took <*> ms"),
    ("took 15ms, 2nd try", "took <*>, 2nd try"),
    ("from 10.0.0.1:22 to 10.0.0.2:80", "from <*>:<*> to <*>:<*>"),
    ("from [::1] and fe80::1:2", "from [<*>] and <*>"),
    ("Server listening on :: port 22.", "Server listening on :: port <*>."),
    ("std::bad_alloc in a::b", "std::bad_alloc in a::b"),
    ("card 00:0d:60:e9:3b:3d at 0000:09:0d.0[A]", "card <*> at <*>"),
    ("block blk_-9060964400 gone", "block <*> gone"),
    ("open /var/log/a.log failed", "open <*> failed"),
    (r"open C:\Users\kim\a.txt failed", "open <*> failed"),
    ("chdir(/g/g0/x) failed", "chdir(<*>) failed"),
    ("read/write error", "read/write error"),
    ("input hdfs://10.0.0.1:9000/x", "input hdfs://<*>"),
    ("mail to <kim@example.org>, kim@localhost", "mail to <*>, <*>"),
    ("org.acme.Cart$Line@1b2c3d failed", "org.acme.Cart$Line@<*> failed"),
    ("www.example.com:443 and db-2.internal", "<*>:<*> and <*>"),
    ("java.io.IOException in self.id of node.js", "java.io.IOException in self.id of node.js"),
    ("at 0x7f3a in 550e8400-e29b-41d4-a716-446655440000", "at <*> in <*>"),
    ("[req-550e8400-e29b-41d4-a716-446655440000 x]", "[req-<*> x]"),
    ("pod mailer-6d9f7c8b5-x2v5k on mesos-master-1", "pod <*> on <*>"),
    ("card R25-M1-N2 of node-17", "card <*> of node-<*>"),
    ("v1.2.3 of dquot_6.5.1, core.2275", "<*> of <*>, core.<*>"),
    ("depth.........0 and 3.60GHz, 41C", "depth.........<*> and <*>, <*>"),
    ("jk2_init() via eth1", "jk2_init() via eth1"),
    ("IRQ *15, <1 day, ~3 of 5%", "IRQ <*>, <*> day, <*> of <*>%"),
    ("took <1 sec, 5 sec", "took <*>, <*> sec"),
    ("connection <0.12.0> of 3 +/- 1", "connection <*> of <*> +/- <*>"),
    ("Token{df0798e Record{9f4ef63 u0}}", "Token{<*> Record{<*> u0}}"),
    ("console=tty0 state=up", "console=<*> state=up"),
    ("uid=0 tty=ssh ruser= rhost=10.0.0.1  user=root", "uid=<*> tty=ssh ruser= rhost=<*> user=<*>"),
    ("[email] from [ip], https://[url-credentials]@a.b/c", "<*> from <*>, https://<*>"),
    ("since 2026-01-02T03:04:05.678+02:00.", "since <*>."),
]
SPANS = [
    ("read 5.2 KB of (877.0 B)", "read <*> of (<*>)"),
    ("KB first", "KB first"),
    ('"GET /a/b HTTP/1.1" 200', '"GET <*>" <*>'),
    ("up Thu Aug 04 15:31:25 PDT 2005 now", "up <*> now"),
    ("(since Jan 2 15:04:05)", "(since <*>)"),
    ("on Jan 2 15:04:05 at", "on <*> at"),
    ("on Mon, Jan 2, 2006), later", "on <*>), later"),
    ("In Jan nothing", "In Jan nothing"),
    ("ends in Jan", "ends in Jan"),
    ("Failed password for kim from 10.0.0.1", "Failed password for <*> from <*>"),
    ("Failed password for invalid user kim from 10.0.0.1", "Failed password for invalid user <*> from <*>"),
    ("session opened for user kim.", "session opened for user <*>."),
    ("user kim logged in", "user <*> logged in"),
    ("The user is gone", "The user is gone"),
    ("too many failures for root [preauth]", "too many failures for <*> [preauth]"),
    ("(root) CMD", "(<*>) CMD"),
    ("Check pass; user unknown", "Check pass; user unknown"),
    ("sizes 1 2 3 4 5 6 7 8 9", "sizes <*>"),
    ("sizes 1 2 3", "sizes <*> <*> <*>"),
    ("hosts " + " ".join(f"an{number}" for number in range(30)), "hosts <*>"),
]
KINDS = [
    ("17", ValueKind.NUMBER),
    ("-1.5e3", ValueKind.NUMBER),
    ("0x7f", ValueKind.HEX),
    ("550e8400-e29b-41d4-a716-446655440000", ValueKind.UUID),
    ("10.0.0.1", ValueKind.IP),
    ("fe80::1", ValueKind.IP),
    ("00:0d:60:e9:3b:3d", ValueKind.MAC),
    ("/var/log/a", ValueKind.PATH),
    ("https://a.b/c", ValueKind.URL),
    ("<kim@example.org>", ValueKind.EMAIL),
    ("www.example.com", ValueKind.HOST),
    ("2026-01-02T03:04:05Z", ValueKind.TIME),
    ("Thu Aug 04 15:31:25 PDT 2005", ValueKind.TIME),
    ("5.2 KB", ValueKind.SIZE),
    ("15ms", ValueKind.DURATION),
    ("v1.2.3", ValueKind.VERSION),
    ("blk_17", ValueKind.ID),
    ("1 2 3 4 5 6 7 8 9", ValueKind.LIST),
    ("[email]", ValueKind.PRIVATE),
    ("root", ValueKind.TEXT),
]
PIECES = st.sampled_from(
    [
        *("a", "Z", "user", "root", "for", "KB", "Jan", "Mon,", "é", "1", "23", "0x1f", "fe80", "ab12cd34"),
        *(
            "-",
            "_",
            ".",
            ":",
            "::",
            "/",
            "\\",
            "=",
            "@",
            "[",
            "]",
            "(",
            ")",
            "<",
            ">",
            "*",
            "<*>",
            "~",
            "%",
            "+",
        ),
        *(",", " ", "  ", "\n", '"', "'", "http://", "HTTP/1.1", "a@b.de", "10.0.0.1", "[ip]", "[email]"),
        *("2026-01-02", "T03:04:05", "550e8400-e29b-41d4-a716-446655440000"),
    ]
)
TEXTS = st.lists(PIECES, max_size=40).map("".join) | st.text(max_size=200)


@pytest.mark.parametrize(("text", "expected"), [*VALUES, *SPANS])
def test_masks_values_and_keeps_words(text, expected):
    """Values become wildcards; words, punctuation, schemes and names of interfaces stay."""
    assert mask_values(text) == expected


@pytest.mark.parametrize(("value", "kind"), KINDS)
def test_tells_the_kind_of_a_value(value, kind):
    """The form of a value says what it is."""
    assert kind_of(value) is kind


@given(TEXTS)
@example("<*>" * 100)
@example("a@b.de+a@b.de")
@example("<<*>1>")
@example("1," * 200)
@example("a" * 300)
def test_the_mask_of_a_mask_is_the_mask_itself(text):
    """Masking again changes nothing, whatever the text is."""
    masked = mask_values(text)
    assert mask_values(masked) == masked


@given(TEXTS)
def test_words_and_their_texts_are_the_whole_text(text):
    """Nothing is lost: the texts that the words stand for are the text, with single spaces."""
    pairs = masked_pairs(text)
    assert [word for word, _ in pairs] == masked_words(text)
    assert " ".join(raw for _, raw in pairs) == " ".join(text.split())


@given(TEXTS)
@example("<.1")
def test_a_masked_word_has_the_fixed_parts_of_its_text(text):
    """What stands around a value stays, in its order; so the value can be read."""
    for word, raw in masked_pairs(text):
        place = 0
        for fixed in word.replace(CUT_WORD, WILDCARD).split(WILDCARD):
            place = raw.index(fixed, place) + len(fixed)


@pytest.mark.parametrize("mask", sorted(MASKS))
def test_a_mask_of_personal_data_is_a_value(mask):
    """What masking leaves becomes the same wildcard as what it took."""
    assert mask_values(f"from {mask}, again") == "from <*>, again"


@given(TEXTS)
def test_the_form_of_a_message_is_the_same_before_and_after_masking(text):
    """The server masks first, the client may; both find the same form."""
    assert mask_message(TextMasker().mask(text)) == mask_message(text)


def test_long_words_are_values():
    """Of a word beyond the cap nothing is kept but what it starts with, when that says what it is."""
    assert mask_values("x " + "a" * (MAX_WORD_CHARS + 1)) == "x <*>"
    assert mask_values("get http://a.b/" + "a" * MAX_WORD_CHARS) == "get http://<*>"
    assert mask_values("1," * (MAX_WORD_CHARS // 2)) == "<*>"


def test_texts_of_very_many_words_are_cut():
    """Only the first words count, and a mark says that there were more."""
    words = masked_words("word " * 10_000)
    assert (len(words), words[-1]) == (MAX_WORDS + 1, "…")


def test_many_different_words_do_not_fill_the_memory():
    """The memory of words has two generations; what falls out is masked anew, with the same answer."""
    first = mask_values("a-1")
    for number in range(0, 40_000, 100):
        masked_words(" ".join(f"w{place}x" for place in range(number, number + 100)))
    assert mask_values("a-1") == first == "a-<*>"


def test_addresses_are_sensitive():
    """Values of these kinds are never kept."""
    assert {ValueKind.IP, ValueKind.EMAIL, ValueKind.PRIVATE, ValueKind.MAC} == SENSITIVE_KINDS
