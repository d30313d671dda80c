"""Hypothesis strategies of errors as decoders return them: within all caps, free of what cannot be stored."""

from __future__ import annotations

from datetime import UTC, datetime

from hypothesis import strategies as st

from error_manager.core.limits import MAX_INTEGER, MAX_LINE, MAX_OCCURRENCES, MIN_INTEGER
from error_manager.core.types import (
    Breadcrumb,
    ErrorEvent,
    EventId,
    ExceptionInfo,
    FieldNote,
    Frame,
    Request,
    Severity,
    User,
)

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=20)
times = st.datetimes(datetime(1970, 1, 1), datetime(2099, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001  # zone follows
scalars = (
    st.none()
    | st.booleans()
    | st.integers(MIN_INTEGER, MAX_INTEGER)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=6,
)
objects = st.dictionaries(texts, values, max_size=3)
text_maps = st.dictionaries(texts, texts, max_size=3)
frames = st.lists(
    st.builds(
        Frame,
        function=texts,
        module=texts,
        filename=texts,
        abs_path=texts,
        lineno=st.integers(0, MAX_LINE),
        colno=st.integers(0, MAX_LINE),
        in_app=st.booleans(),
        context_line=texts,
        pre_context=st.lists(texts, max_size=2).map(tuple),
        post_context=st.lists(texts, max_size=2).map(tuple),
        variables=objects,
        package=texts,
    ),
    max_size=2,
).map(tuple)


@st.composite
def chains(draw: st.DrawFn) -> tuple[ExceptionInfo, ...]:
    """Return exceptions that are a plain chain, or a tree whose root is 0."""
    is_tree = draw(st.booleans())
    return tuple(
        draw(
            st.builds(
                ExceptionInfo,
                type=texts,
                value=texts,
                module=texts,
                frames=frames,
                mechanism=texts,
                is_handled=st.none() | st.booleans(),
                is_synthetic=st.booleans(),
                exception_id=st.just(place if is_tree else None),
                parent_id=st.integers(0, place - 1) if is_tree and place else st.none(),
                is_group=st.booleans(),
                source=texts,
                thread_id=texts,
            )
        )
        for place in range(draw(st.integers(0, 3)))
    )


errors = st.builds(
    ErrorEvent,
    event_id=st.binary(min_size=16, max_size=16).map(lambda raw: EventId(raw.hex())),
    timestamp=times,
    message=texts.filter(str.strip),
    severity=st.sampled_from(Severity),
    stack_trace=texts,
    module=texts,
    error_code=texts,
    manager_context=texts,
    platform=texts,
    logger=texts,
    transaction=texts,
    server_name=texts,
    service=texts,
    release=texts,
    dist=texts,
    environment=texts,
    template=texts,
    exceptions=chains(),
    frames=frames,
    breadcrumbs=st.lists(
        st.builds(
            Breadcrumb,
            timestamp=st.none() | times,
            category=texts,
            message=texts,
            level=texts,
            type=texts,
            data=objects,
        ),
        max_size=2,
    ).map(tuple),
    tags=st.dictionaries(texts.filter(bool), texts, max_size=3).map(lambda tags: tuple(tags.items())),
    user=st.none() | st.builds(User, id=texts, email=texts, username=texts, ip_address=texts, data=objects),
    request=st.none()
    | st.builds(
        Request,
        url=texts,
        method=texts,
        query_string=texts,
        headers=text_maps,
        cookies=text_maps,
        data=values,
        env=objects,
    ),
    contexts=objects,
    extra=objects,
    modules=text_maps,
    sdk=texts,
    fingerprint=st.lists(texts, max_size=3).map(tuple),
    occurrences=st.integers(1, MAX_OCCURRENCES),
    trace_id=texts,
    span_id=texts,
    original_timestamp=texts,
    notes=st.lists(st.builds(FieldNote, path=texts, reason=texts), max_size=2).map(tuple),
)
