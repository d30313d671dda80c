from dataclasses import FrozenInstanceError, dataclass, field

import pytest

from error_manager.core.quick import evolve, maker


@dataclass(frozen=True, slots=True, kw_only=True)
class Thing:
    name: str
    size: int = 3
    parts: dict[str, int] = field(default_factory=dict)


make = maker(Thing)


def test_a_made_value_is_that_of_its_class():
    """Equal to one made by the class, of its type, with its text and hash, and as frozen."""
    made = make(name="a", size=5, parts={"b": 1})
    assert made == Thing(name="a", size=5, parts={"b": 1})
    assert (type(made), repr(made)) == (Thing, repr(Thing(name="a", size=5, parts={"b": 1})))
    with pytest.raises(FrozenInstanceError):
        made.size = 6


def test_defaults_are_those_of_the_class():
    """Absent fields have their defaults, and each value a dictionary of its own."""
    first, second = make(name="a"), make(name="a")
    assert first == Thing(name="a")
    assert first.parts is not second.parts


@dataclass(frozen=True, slots=True, kw_only=True)
class Named:
    kind: str
    new: str = "n"
    made: int = 1
    value: int = 2
    unset: list[int] = field(default_factory=list)


def test_fields_may_have_any_name():
    """No field is mistaken for a name of the maker."""
    assert maker(Named)(kind="k", value=5) == Named(kind="k", value=5)
    assert evolve(Named(kind="k"), {"made": 7}) == Named(kind="k", made=7)


def test_wrong_fields_are_refused():
    """As the class refuses them: a missing field, an unknown one, one without its name."""
    for wrong in (make, lambda: make(name="a", color="red"), lambda: make("a")):
        with pytest.raises(TypeError):
            wrong()


def test_evolve_changes_a_copy():
    """The changed fields are new, the others shared, the original untouched, and the copy frozen."""
    old = Thing(name="a", parts={"b": 1})
    new = evolve(old, {"size": 9})
    assert new == Thing(name="a", size=9, parts={"b": 1})
    assert (old.size, new.parts is old.parts, type(new)) == (3, True, Thing)
    with pytest.raises(FrozenInstanceError):
        new.size = 6


def test_evolve_refuses_unknown_fields():
    """A change of what is no field is a fault of the caller."""
    with pytest.raises(AttributeError):
        evolve(Thing(name="a"), {"color": "red"})
