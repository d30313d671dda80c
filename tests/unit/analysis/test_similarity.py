"""What patterns are known by: features by hand, vectors, numbers between two, and reasons."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from math import sqrt

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.event_strategies import errors, texts

from error_manager.analysis.similarity import (
    WEIGHTS,
    Comparison,
    Feature,
    FeatureKind,
    asked_features,
    asked_share,
    features_of,
    sparse_vector,
)
from error_manager.core.types import ErrorEvent, EventId, ExceptionInfo, Frame
from error_manager.security.pii import Masker

MASKER = Masker()
PRIVATE = texts | st.sampled_from(
    [
        "mail to ann@example.com from 203.0.113.9 failed",
        "card 4111 1111 1111 1111 refused",
        "password=hunter22 for user kim",
        "Bearer abcdefghijklmnop0123456789",
    ]
)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
K = FeatureKind


def feature(text: str, weight: float) -> Feature:
    """Return a word."""
    return Feature(kind=K.WORD, text=text, weight=weight)


KNOWN = st.dictionaries(st.sampled_from("abcdefghijkl"), st.floats(0.1, 3.0)).map(
    lambda found: [feature(text, weight) for text, weight in found.items()]
)


def frame(function: str, module: str = "shop.cart", line: str = "", **more: object) -> Frame:
    """Return a frame of the application."""
    return Frame(function=function, module=module, context_line=line, **more)


def event(
    *frames: Frame, kind: str = "KeyError", value: str = "no price for 7", **more: object
) -> ErrorEvent:
    """Return an error with a stack."""
    raised = ExceptionInfo(type=kind, value=value, frames=frames)
    return ErrorEvent(
        event_id=EventId("0" * 32), timestamp=NOW, message=f"{kind}: {value}", exceptions=(raised,), **more
    )


def weights(error: ErrorEvent) -> dict[tuple[FeatureKind, str], float]:
    """Return the weight of each feature."""
    return {(feature.kind, feature.text): feature.weight for feature in features_of(error)}


def test_features_by_hand():
    """A small stack: each feature with its weight, falling by a quarter for each step from the place."""
    error = event(frame("checkout", "shop.views"), frame("total", line="return prices[sku]"))
    assert weights(error) == {
        (K.TYPE, "KeyError"): 2.0,
        (K.FAULT, "KeyError in shop.cart.total"): 2.0,
        (K.PLACE, "shop.cart.total"): 1.5,
        (K.MODULE, "shop.cart"): 0.3,
        (K.LINE, "return _[_]"): 1.5,
        (K.FRAME, "shop.views.checkout"): 1.5 * 0.75,
        (K.FRAME, "shop.cart.total"): 1.5,
        (K.CALL, "shop.views.checkout > shop.cart.total"): 0.7,
        (K.MESSAGE, "no price for <*>"): 1.5,
        **{(K.WORD, word): 0.6 for word in ("no", "price", "for")},
        **{(K.WORD, word): 0.2 for word in ("total", "shop", "cart", "error")},
        (K.WORD, "key"): 0.2,
    }


def test_what_carries_others_weighs_less():
    """A frame that only forwards weighs 0.3 of another one as far away, and is not the place."""
    error = event(frame("total"), frame("wrapper", "shop.retry", "return f(*args)"))
    found = weights(error)
    assert (K.PLACE, "shop.cart.total") in found
    assert found[K.FRAME, "shop.retry.wrapper"] == pytest.approx(1.5 * 0.75 * 0.3)


def test_libraries_weigh_little_unless_they_are_all_there_is():
    """Frames of libraries are weak beside frames of the application, and frames where there are none."""
    library = frame("loads", "json", in_app=False)
    assert weights(event(frame("total"), library))[K.LIBRARY, "json.loads"] == 0.2
    assert weights(event(library))[K.FRAME, "json.loads"] == 1.5


@pytest.mark.parametrize(("platform", "kind"), [("", K.LIBRARY), ("other", K.LIBRARY), ("python", K.FRAME)])
def test_the_standard_library_is_known_by_its_file(platform, kind):
    """Where neither client nor platform said whose a frame is, its file does; who said it is believed."""
    path = "/usr/lib/python3.11/json/decoder.py"
    library = frame("decode", "json.decoder", filename="json/decoder.py", abs_path=path)
    found = weights(event(frame("total", filename="shop/cart.py"), library, platform=platform))
    assert (kind, "json.decoder.decode") in found


def test_a_bare_message_has_words_and_its_logger():
    """Without exception the template, or the message without values, is what there is."""
    bare = ErrorEvent(
        event_id=EventId("0" * 32), timestamp=NOW, message="user 7 is gone", logger="shop.audit"
    )
    assert weights(bare) == {
        (K.MESSAGE, "user <*> is gone"): 1.5,
        **{(K.WORD, word): 0.6 for word in ("user", "is", "gone")},
        (K.LOGGER, "shop.audit"): 0.5,
    }
    assert (K.MESSAGE, "user %s is gone") in weights(replace(bare, template="user %s is gone"))


def test_a_message_with_a_stack_has_a_place_and_no_fault():
    """Without an exception there is no type that could fail at the place."""
    logged = ErrorEvent(event_id=EventId("0" * 32), timestamp=NOW, message="gone", frames=(frame("total"),))
    kinds = {kind for kind, _ in weights(logged)}
    assert kinds == {K.PLACE, K.MODULE, K.FRAME, K.MESSAGE, K.WORD}


def test_causes_count():
    """The exceptions that led to the raised one are features, the raised one is the type."""
    raised = event(frame("total"))
    chained = replace(raised, exceptions=(ExceptionInfo(type="TimeoutError"), *raised.exceptions))
    assert weights(chained) == {**weights(raised), (K.CAUSE, "TimeoutError"): 0.5}


def test_an_empty_error_has_no_features():
    """Nothing known is nothing shared."""
    nothing = ErrorEvent(event_id=EventId("0" * 32), timestamp=NOW, message="")
    assert features_of(nothing) == ()
    assert Comparison(()).similarity(sparse_vector(())) == 0.0
    assert asked_share((), sparse_vector(())) == 0.0


@settings(max_examples=40, deadline=None)
@given(errors, PRIVATE, PRIVATE, PRIVATE)
def test_features_are_the_same_before_and_after_masking(error, value, function, line):
    """Masking as the server does it changes no feature."""
    private = frame(function, function, line, filename=function)
    raised = ExceptionInfo(type="KeyError", value=value, frames=(*error.frames, private))
    error = replace(error, logger=function, exceptions=(*error.exceptions, raised))
    assert features_of(MASKER.mask_event(error).event) == features_of(error)


@settings(max_examples=40, deadline=None)
@given(errors)
def test_vectors_are_proper(error):
    """Dimensions rise and fit 32 bits, values are positive, equal errors are wholly alike."""
    comparison = Comparison(features_of(error))
    vector = comparison.vector
    assert list(vector.indices) == sorted(set(vector.indices))
    assert all(0 <= index < 2**32 for index in vector.indices)
    assert all(value > 0 for value in vector.values)
    assert comparison.similarity(vector) == pytest.approx(1.0 if vector.indices else 0.0)


def test_the_root_of_the_weight_is_the_value():
    """The product of two vectors is the sum of the weights they share."""
    features = (Feature(kind=K.TYPE, text="A", weight=2.0), Feature(kind=K.WORD, text="b", weight=0.6))
    vector = sparse_vector(features)
    assert sorted(vector.values) == [pytest.approx(sqrt(0.6)), pytest.approx(sqrt(2.0))]
    assert set(vector.indices) == {feature.index for feature in features}


def test_dimensions_never_change():
    """An index is read by later runs: a dimension is the CRC-32 of kind and text, as gzip(1) gives it."""
    assert Feature(kind=K.TYPE, text="KeyError", weight=1.0).index == 2_904_915_466


def test_similarity_by_hand():
    """Dice: 2 x shared / (all of one + all of the other)."""
    one = [feature("a", 1.0), feature("b", 4.0), feature("c", 1.0)]
    other = [feature("b", 4.0), feature("d", 9.0)]
    assert Comparison(one).similarity(sparse_vector(other)) == pytest.approx(2 * 4 / (6 + 13))


@given(KNOWN, KNOWN)
def test_similarity_is_the_same_both_ways(one, other):
    """It lies within 0 and 1 and does not depend on who asks."""
    value = Comparison(one).similarity(sparse_vector(other))
    assert 0.0 <= value <= 1.0
    assert value == pytest.approx(Comparison(other).similarity(sparse_vector(one)))


def test_the_same_fault_is_nearer_than_another_of_its_kind():
    """Same place and type after a refactoring of the callers beats the same message elsewhere."""
    asked = event(frame("checkout", "shop.views"), frame("total", line="return prices[sku]"))
    moved = event(
        frame("order", "shop.api"), frame("total", line="return prices[key]"), value="no price for 9"
    )
    elsewhere = event(frame("checkout", "shop.views"), frame("label", "shop.stock", "return prices[sku]"))
    comparison = Comparison(features_of(asked))
    near, far = (comparison.similarity(sparse_vector(features_of(e))) for e in (moved, elsewhere))
    assert near > far > 0.3


def test_reasons_name_the_heaviest_and_nothing_twice():
    """A shared fault stands for its type, place, frame, module and their words; a message for its words."""
    asked = event(frame("checkout", "shop.views"), frame("total"))
    other = event(frame("order", "shop.api"), frame("total"), value="no price for 9")
    shared = Comparison(features_of(asked)).shared(sparse_vector(features_of(other)))
    assert [(feature.kind, feature.text) for feature in shared] == [
        (K.FAULT, "KeyError in shop.cart.total"),
        (K.MESSAGE, "no price for <*>"),
    ]


def test_reasons_without_a_common_fault():
    """What is shared apart from it is named by itself: place, type, calls, words."""
    asked = event(frame("checkout", "shop.views"), frame("total"))
    place = event(frame("checkout", "shop.views"), frame("total"), kind="TypeError", value="price is None")
    shared = Comparison(features_of(asked)).shared(sparse_vector(features_of(place)))
    assert [(feature.kind, feature.text) for feature in shared] == [
        (K.PLACE, "shop.cart.total"),
        (K.CALL, "shop.views.checkout > shop.cart.total"),
        (K.WORD, "price"),
        (K.WORD, "error"),
    ]
    kind = event(frame("label", "stock.tags"), value="'sku'")
    shared = Comparison(features_of(asked)).shared(sparse_vector(features_of(kind)))
    assert [(feature.kind, feature.text) for feature in shared] == [(K.TYPE, "KeyError")]


def test_typed_words_have_meanings():
    """A word is a word and the parts of its name; one like a type is a type, one with dots a place."""
    found = [
        {(one.kind, one.text) for one in meanings} for meanings in asked_features("disk KeyError a_b.load 7")
    ]
    assert found == [
        {(K.WORD, "disk")},
        {(K.WORD, "keyerror"), (K.WORD, "key"), (K.WORD, "error"), (K.TYPE, "KeyError")},
        {
            (K.WORD, "a_b.load"),
            (K.WORD, "load"),
            *((kind, "a_b.load") for kind in (K.FRAME, K.MODULE, K.LOGGER)),
        },
    ]


def test_the_share_of_typed_words():
    """A word counts once, in whichever meaning the pattern has it."""
    vector = sparse_vector(features_of(event(frame("total"))))
    shares = {
        text: asked_share(asked_features(text), vector) for text in ("KeyError", "price", "price disk", "x")
    }
    assert shares == {"KeyError": 1.0, "price": 1.0, "price disk": 0.5, "x": 0.0}


def test_every_kind_has_a_weight():
    """No kind of feature is forgotten."""
    assert set(WEIGHTS) == set(FeatureKind)
