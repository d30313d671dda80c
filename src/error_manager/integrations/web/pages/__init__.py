"""The pages: one module each; ``router`` holds them all (seed box: Dashboard)."""

from __future__ import annotations

from litestar import Router

from error_manager.integrations.web.pages.connect import set_project_weight, show_arrival, show_connect
from error_manager.integrations.web.pages.files import send_file
from error_manager.integrations.web.pages.insights import show_insights
from error_manager.integrations.web.pages.like import ask_like, find_like
from error_manager.integrations.web.pages.merging import choose, confirm, merge, split
from error_manager.integrations.web.pages.pattern import (
    change_status,
    say_whether_it_helped,
    set_weight,
    show_error_as,
    show_pattern,
    show_pattern_error,
)
from error_manager.integrations.web.pages.patterns import list_patterns, start
from error_manager.integrations.web.pages.rules import act_on_rule, add_rule, show_rule, show_rules
from error_manager.integrations.web.pages.status import show_ledger, show_status

router = Router(
    path="/",
    include_in_schema=False,
    route_handlers=[
        start,
        show_insights,
        ask_like,
        find_like,
        list_patterns,
        show_pattern,
        show_pattern_error,
        show_error_as,
        change_status,
        say_whether_it_helped,
        set_weight,
        choose,
        confirm,
        merge,
        split,
        show_connect,
        show_arrival,
        set_project_weight,
        show_rules,
        add_rule,
        show_rule,
        act_on_rule,
        show_status,
        show_ledger,
        send_file,
    ],
)
