"""What the variable parts of messages were filled with."""

from error_manager.analysis.parameters import Parameter, ParameterValue, parameters
from error_manager.core.value_mask import ValueKind, mask_values


def test_values_with_their_shares() -> None:
    """Each variable part has its kind, its neighbors, and its values by share; others are left out."""
    messages = [f"disk {number} of host db1 is full" for number in range(9)]
    found = parameters(
        "disk <*> of host <*> is full", [*messages, "disk 9 of host db2 is full", "tape is full"]
    )
    assert [(item.kind, item.before, item.after, item.read) for item in found] == [
        (ValueKind.NUMBER, "disk", "of", 10),
        (ValueKind.ID, "host", "is", 10),
    ]
    assert found[1].distinct == 2
    assert found[1].values == (
        ParameterValue(value="db1", share=0.9),
        ParameterValue(value="db2", share=0.1),
    )


def test_private_values_are_not_shown() -> None:
    """Of addresses the kind is told, never a value."""
    text = "login of [email] from 10.0.0.7"
    found = parameters(mask_values(text), [text])
    assert [(item.is_private, item.values, item.distinct) for item in found] == [
        (True, (), None),
        (True, (), None),
    ]


def test_parts_of_one_word() -> None:
    """A word with two variable parts has two parameters, and the fixed text around them is no value."""
    (first, second) = parameters("at (<*>,<*>) now", ["at (1,7) now", "at (1,7) now"])
    assert (first.values[0].value, second.values[0].value) == ("1", "7")


def test_no_message_of_the_template() -> None:
    """Nothing was read, so nothing is told."""
    assert parameters("disk <*> is full", ["tape is full"]) == ()


def test_a_parameter_is_a_value() -> None:
    """Equal parts are equal."""
    assert parameters("a <*>", ["a 1"]) == (
        Parameter(
            kind=ValueKind.NUMBER,
            before="a",
            after="",
            distinct=1,
            read=1,
            values=(ParameterValue(value="1", share=1.0),),
        ),
    )
