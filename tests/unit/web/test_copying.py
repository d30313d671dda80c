"""An error as text and as Markdown."""

from dataclasses import replace

from error_manager.core.types import Breadcrumb
from error_manager.integrations.web.copying import error_markdown, error_text


def test_text_names_what_where_and_the_stack_in_the_order_of_the_language(made_up):
    """Facts first, then each exception with its oldest call first."""
    text = error_text(made_up["event"]())
    assert text.startswith(
        "ZeroDivisionError: division by zero for [email]\nseverity: error\ntime: 2026-11-23 21:37"
    )
    assert text.index("shop/__main__.py, line 12, in main") < text.index("shop/cart.py, line 88, in checkout")
    assert "caused by: KeyError: 'price'" in text
    assert "(library) django/core/handlers/base.py, line 100" in text


def test_markdown_has_the_failing_line_locals_steps_and_the_link(made_up):
    """Enough to explain the error to someone who cannot open the page."""
    text = error_markdown(made_up["event"](), url="http://127.0.0.1:8000/patterns/1/1/x")
    assert "# ZeroDivisionError: division by zero for \\[email\\]" in text
    assert "share = total / len(cart.lines)" in text
    assert "- `total` = `0`" in text
    assert "- `http` GET /cart 200" in text
    assert "- link: http://127.0.0.1:8000/patterns/1/1/x" in text


def test_markdown_cannot_be_broken_out_of(made_up):
    """Hostile values stay inside their fences: no markup, no fence of their own, no line of their own."""
    event = replace(
        made_up["event"](made_up["hostile"]),
        message="```\n# <b>heading</b>\x1b[31m",
        breadcrumbs=(Breadcrumb(category="a`b", message="```\n- [x](javascript:alert(1))"),),
    )
    text = error_markdown(event, url="http://h/")
    assert text.startswith("# \\`\\`\\` \\# \\<b\\>heading\\</b\\>\n")
    assert "\n- [x](" not in text
    assert text.count("```\n") % 2 == 0
    assert "\x1b" not in text
