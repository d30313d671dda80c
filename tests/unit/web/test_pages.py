"""Every page drawn with made-up values: complete, in the right words, and deaf to hostile text."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import pytest

from error_manager.analysis.graph_layout import NODE_HEIGHT, NODE_WIDTH
from error_manager.core.rules import FIELDS, GroupingRule, IgnoreFrames, MaskMessage, Matcher, SetParts
from error_manager.core.types import OutcomeKind, PatternId, Severity
from error_manager.flows.insights import InsightsView, Risky, pattern_name
from error_manager.flows.rules import Comparison, ShownChange, ShownPart
from error_manager.integrations.web.frame import PageFrame, rail
from error_manager.integrations.web.pages.connect import arrival_values, refusal_lines
from error_manager.integrations.web.pages.merging import merge_values
from error_manager.integrations.web.pages.pattern import Said, pattern_values
from error_manager.integrations.web.pages.patterns import list_values
from error_manager.integrations.web.pages.status import process_groups, status_values, volumes
from error_manager.integrations.web.query import RANGES, parse_query
from error_manager.integrations.web.rule_form import form_of
from error_manager.integrations.web.snippet import snippets
from error_manager.integrations.web.target import target_url
from error_manager.integrations.web.template import render, second_line
from error_manager.monitoring.answers import Answers, ChangeBefore, Related, Similar
from error_manager.monitoring.dashboard import DiskFacts, ProcessFacts
from error_manager.monitoring.finding import CorrelationFinding, PatternFacts
from error_manager.monitoring.graph import graph
from error_manager.monitoring.insights import Evidence as InsightEvidence
from error_manager.monitoring.insights import Insight, InsightKind
from error_manager.monitoring.progress import Progress
from error_manager.monitoring.sentence import Part, Target, TargetKind, words
from error_manager.storage.base import PatternChangeRow, ValueCount
from error_manager.storage.findings import (
    Anomaly,
    Change,
    ChangeKind,
    Evidence,
    Fix,
    ForecastRow,
    ForecastSum,
    PatternAnalysis,
    Recommendation,
    RiskFactor,
    Scale,
    Scope,
    ScopeKind,
)
from error_manager.storage.rules import RuleBook, StoredRule

SINCE = datetime(2026, 3, 2, 15, tzinfo=UTC)
PAGES = (
    "rules",
    "rule",
    "patterns",
    "pattern",
    "connect",
    "arrived",
    "status",
    "away",
    "login",
    "failure",
    "ledger",
    "state",
    "head",
    "merge",
    "merge_with",
    "merged",
    "said",
    "answered",
    "insights",
    "like",
)


class Reader(HTMLParser):
    """Collects what a browser would act on."""

    def __init__(self):
        super().__init__(convert_charrefs=True)
        self.tags = []
        self.text = []

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text.append(data)


def read(html):
    """Return what a browser makes of a page."""
    reader = Reader()
    reader.feed(html)
    return reader


def frame(made_up, say, active="patterns"):
    """Return a frame with every choice."""
    return PageFrame(
        active=active,
        rail=rail(1),
        person=say("Administrator"),
        line=made_up["foot"](),
        projects=made_up["PROJECTS"],
        environments=(say("production"),),
        releases=(say("shop@2.4.0"),),
        ranges=tuple((value, word) for value, word, _ in RANGES),
        environment=say("production"),
        search=say("timeout"),
        kept=(("status", say("all")),),
    )


def drawn(made_up, name, say):
    """Return one page with made-up values."""
    return {
        "patterns": draw_list,
        "pattern": draw_pattern,
        "connect": draw_connect,
        "arrived": draw_arrived,
        "status": draw_status,
        "away": draw_away,
        "login": draw_login,
        "failure": draw_failure,
        "ledger": draw_ledger,
        "state": draw_state,
        "head": draw_head,
        "merge": draw_merge,
        "merge_with": draw_merge_with,
        "merged": draw_merged,
        "said": draw_said,
        "rules": draw_rules,
        "rule": draw_rule,
        "answered": draw_answered,
        "insights": draw_insights,
        "like": draw_like,
    }[name](made_up, say)


def draw_list(made_up, say):
    """Return the list of patterns."""
    values = list_values(made_up["patterns_view"](say), parse_query([("q", say("timeout"))]), made_up["NOW"])
    around = frame(made_up, say)
    return render(
        "patterns.html",
        frame=around,
        has_errors=True,
        connect_url="/projects/1/connect",
        told=(_insight(made_up, say),),
        target_url=target_url,
        **values,
    )


def _insight(made_up, say):
    target = Target(project_id=1, kind=TargetKind.RELEASE, key=say("shop@2"))
    return Insight(
        id="1",
        kind=InsightKind.RISING,
        rank=50.0,
        sentence=words("Rising: ", Part(text=say("KeyError"), target=target), " since ", made_up["NOW"]),
        evidence=(InsightEvidence(name=say("x"), value=say("y")), InsightEvidence(name="n", value=3.0)),
        at=made_up["NOW"],
        severity=Severity.ERROR,
        patterns=(PatternId(1),),
    )


def _answers(made_up, say):
    row, now = made_up["pattern"](1, say), made_up["NOW"]
    change = Change(project_id=1, at=now, kind=ChangeKind.DEPLOY, version=say("2.8"), note=say("why"))
    related = Related(pattern=row, score=0.8, gap=timedelta(seconds=4), support=41, trials=50)
    fix = Fix(pattern_id=row.id, at=now, note=say("raised the pool"), release=say("2.9"))
    return Answers(
        analysis=PatternAnalysis(
            project_id=1,
            pattern_id=row.id,
            updated_at=now,
            state="rising",
            state_since=now,
            rates={"ratio": 3.4},
            risk=78.0,
            risk_factors=(
                RiskFactor(name=say("severity"), points=22.0, reason=say("fatal")),
                RiskFactor(name="age", points=-4.0, reason="known for 14 days"),
            ),
            recommendations=(
                Recommendation(
                    key=say("pool.exhausted"),
                    family="pool",
                    action=say("Raise the pool."),
                    reason=say("It waits."),
                    confidence=0.8,
                    checks=(say("Look at `pg_stat_activity`"),),
                    causes=(say("A slow query"),),
                    evidence=(
                        Evidence(text=say("94 % on host db1"), link="/patterns?q=x"),
                        Evidence(text=say("no link"), link=say("nowhere")),
                    ),
                ),
            ),
            family_name=say("pools"),
        ),
        before=(related,),
        after=(related,),
        changes_before=(ChangeBefore(change=change, score=0.9, gap=timedelta(minutes=12)),),
        similar=(Similar(pattern=row, score=0.8, reasons=(say("frame x"),), fix=fix),),
        anomalies=(
            Anomaly(
                scope=Scope(project_id=1, kind=ScopeKind.PATTERN, key="1"),
                scale=Scale.MINUTE,
                kind="burst",
                started_at=now,
                ended_at=None,
                detected_at=now,
                updated_at=now,
                observed=90.0,
                expected=20.0,
                lower=0.0,
                upper=40.0,
                score=97.0,
            ),
        ),
        changes=(change,),
        forecasts=(
            ForecastRow(
                scope=Scope(project_id=1, kind=ScopeKind.PATTERN, key="1"),
                step_s=3_600,
                start_at=now,
                made_at=now,
                point=(40.0,),
                lower80=(25.0,),
                upper80=(60.0,),
                lower95=(20.0,),
                upper95=(70.0,),
                sums=(
                    ForecastSum(
                        span_s=86_400, point=40.0, lower80=25.0, upper80=60.0, lower95=20.0, upper95=70.0
                    ),
                ),
            ),
        ),
    )


def draw_answered(made_up, say):
    """Return the page of a pattern of which everything is known."""
    values = pattern_values(
        made_up["pattern_view"](say), "14d", made_up["NOW"], answers=_answers(made_up, say)
    )
    return render("pattern.html", frame=frame(made_up, say), **values)


def draw_insights(made_up, say, *, progress=None, whose=""):
    """Return the page of insights with everything on it."""
    answers, row, now = _answers(made_up, say), made_up["pattern"](1, say), made_up["NOW"]
    facts = {
        PatternId(n): PatternFacts(
            project_id=1, id=PatternId(n), title=say("KeyError"), severity=Severity.ERROR
        )
        for n in (1, 2)
    }
    pair = CorrelationFinding(
        first=PatternId(1), second=PatternId(2), score=0.8, gap=timedelta(seconds=4),
        support=41, trials=50, found_at=now,
    )  # fmt: skip
    view = InsightsView(
        insights=(_insight(made_up, say),),
        riskiest=(Risky(pattern=row, analysis=answers.analysis),),
        graph=graph([pair], facts),
        changes=answers.changes,
        projects=made_up["PROJECTS"],
        since=now,
        until=now,
        is_analysed=True,
        progress=progress,
    )
    return render(
        "insights.html",
        frame=frame(made_up, say, "insights"),
        view=view,
        now=now,
        ranges=[("7d", True)],
        whose=whose,
        chosen="7d",
        project=None,
        target_url=target_url,
        pattern_name=pattern_name,
        node_width=NODE_WIDTH,
        node_height=NODE_HEIGHT,
    )


def draw_like(made_up, say):
    """Return the page of what is like a text."""
    found = _answers(made_up, say).similar
    around = frame(made_up, say)
    return render(
        "like.html", frame=around, text=say("a trace"), found=found, is_degraded=False, now=made_up["NOW"]
    )


def draw_pattern(made_up, say):
    """Return the page of a pattern."""
    values = pattern_values(made_up["pattern_view"](say), "14d", made_up["NOW"])
    return render("pattern.html", frame=frame(made_up, say), **values)


def draw_connect(made_up, say, *, has_arrived=False):
    """Return the Connect page."""
    view = made_up["connect_view"](say, has_arrived=has_arrived)
    made = snippets(url=view.url, key=view.key.key, dsn=view.dsn)
    values = arrival_values(view, made_up["detail"](say) if has_arrived else None)
    return render(
        "connect.html", frame=frame(made_up, say), snippets=made, said="", now=made_up["NOW"], **values
    )


def draw_arrived(made_up, say):
    """Return the Connect page after the first error."""
    return draw_connect(made_up, say, has_arrived=True)


def _stored(made_up, say):
    return StoredRule(
        rule=GroupingRule(
            id=7,
            action=SetParts(parts=(say("{{ type }}"),)),
            matchers=(Matcher(field=f"tag.{say('tenant')}", pattern=say("acme*"), is_glob=True),),
        ),
        note=say("why"),
        is_active=False,
        created_at=made_up["NOW"],
    )


def draw_rules(made_up, say):
    """Return the list of rules with a form that was filled wrongly."""
    stored = _stored(made_up, say)
    return render(
        "rules.html",
        frame=frame(made_up, say),
        project=made_up["connect_view"](say, has_arrived=False).project,
        book=RuleBook(
            version=1,
            rules=(
                stored,
                replace(stored, is_active=True),
                replace(stored, rule=GroupingRule(id=8, action=MaskMessage(pattern=say("a+"), name="a"))),
                replace(stored, rule=GroupingRule(id=9, action=IgnoreFrames(glob=say("*/x")))),
            ),
        ),
        form=replace(form_of(stored), problems=(say("matchers.0: wrong"),)),
        fields=FIELDS,
        action_url="/projects/1/rules",
        done="",
    )


def draw_rule(made_up, say):
    """Return one rule with what it would change."""
    part = ShownPart(pattern_id=5, title=say("KeyError"), message=say("x"), parts=(), count=3)
    change = ShownChange(whole=part, parts=(part, replace(part, pattern_id=None)), more=2)
    found = Comparison(
        errors=9, changed=6, moved=3, follow=1, stays=2, merged=2, split=1,
        merges=(change,), splits=(change,), sentence=say("Of the last 9 errors"),
    )  # fmt: skip
    stored = _stored(made_up, say)
    return render(
        "rule.html",
        frame=frame(made_up, say),
        project=made_up["connect_view"](say, has_arrived=False).project,
        stored=stored,
        form=form_of(stored),
        fields=FIELDS,
        action_url="/projects/1/rules/7",
        found=found,
        preview=None,
        is_running=False,
        done="",
        now=made_up["NOW"],
    )


def draw_status(made_up, say, *, is_away=False):
    """Return the status page."""
    view = made_up["status_view"](say, is_away=is_away)
    return render("status.html", frame=frame(made_up, say), **status_values(view, {1: say("Shop")}))


def draw_away(made_up, say):
    """Return the status page without a database."""
    return draw_status(made_up, say, is_away=True)


def draw_login(made_up, say):
    """Return the login page."""
    return render("login.html", frame=None, reason=say("Over."), command=say("em login"))


def draw_failure(made_up, say):
    """Return a failure page."""
    values = {
        "status": 503,
        "title": say("Away"),
        "explanation": say("Why"),
        "lost": "",
        "again": "/patterns",
    }
    return render("failure.html", frame=None, **values)


def test_the_foot_line_names_what_was_sent_twice_only_when_there_is_any(made_up):
    """Stored counts each error once; the browser keeps both numbers current, so the place is always there."""
    line = made_up["foot"]()
    assert line.stored == 214_003
    for duplicates, is_hidden in ((41, False), (0, True)):
        shown = read(render("ledger.html", line=replace(line, duplicates=duplicates), scope=None))
        (attributes,) = [tag for _, tag in shown.tags if tag.get("data-when") == "duplicates"]
        assert ("hidden" in attributes) is is_hidden


def draw_ledger(made_up, say):
    """Return the foot line."""
    return render("ledger.html", line=made_up["foot"](), scope=None)


def draw_state(made_up, say, template="pattern_state_changed.html"):
    """Return the answer to a change in the list."""
    return render(
        template,
        pattern=made_up["pattern"](1, say),
        project_name=say("Shop"),
        now=made_up["NOW"],
        done="Resolved.",
        can_undo=True,
        is_row=template == "pattern_state_changed.html",
    )


def draw_head(made_up, say):
    """Return the answer to a change on the page of a pattern."""
    return draw_state(made_up, say, "pattern_head.html")


def draw_merge(made_up, say):
    """Return the page that asks which pattern stays."""
    rows = tuple(made_up["rows"](say)[:3])
    project = made_up["PROJECTS"][0]
    around = frame(made_up, say)
    return render("merge.html", frame=around, project=project, now=made_up["NOW"], **merge_values(rows))


def draw_merge_with(made_up, say, **changes):
    """Return the page that chooses what to merge with."""
    view = made_up["merge_view"](say, **changes)
    around = frame(made_up, say)
    return render("merge_with.html", frame=around, view=view, pattern=view.pattern, search=say(""))


def draw_merged(made_up, say):
    """Return what the list is told after a merge."""
    pattern = made_up["pattern"](1, say)
    return render("toast_list.html", pattern=pattern, done=say("Merged 2 patterns."), can_undo=True)


def draw_said(made_up, say):
    """Return the page of a pattern right after a split, reached by an address that was merged away."""
    view = made_up["pattern_view"](say)
    values = pattern_values(view, "14d", made_up["NOW"])
    said = Said(text="Split off.", can_undo=True, other=view.changes[1].others[0])
    return render("pattern.html", frame=frame(made_up, say), **{**values, "said": said, "came_from": "12"})


@pytest.mark.parametrize("name", PAGES)
def test_hostile_text_stays_text(made_up, name):
    """No value becomes a tag, a handler, a style or an address of its own."""
    reader = read(drawn(made_up, name, made_up["hostile"]))
    assert not [tag for tag, _ in reader.tags if tag in {"img", "iframe", "object", "style"}]
    for tag, attributes in reader.tags:
        assert not [key for key in attributes if key.startswith("on") or key == "style"], tag
        if tag == "script":
            assert attributes["src"].startswith("/static/")
        for key in ("href", "action", "hx-get", "hx-post"):
            assert attributes.get(key, "/").startswith(("/", "#", "?")), attributes
    assert ("{{7*7}}" in "".join(reader.text)) is (name not in {"ledger", "state"})


@pytest.mark.parametrize("name", PAGES)
def test_nothing_on_a_page_is_invisible(made_up, name):
    """Control characters, direction overrides and lone surrogates of values are shown, not sent."""
    text = "".join(read(drawn(made_up, name, made_up["hostile"])).text)
    assert not {"\x1b", "\x00", "\u202e", "\ud800"} & set(text)


@pytest.mark.parametrize("name", PAGES)
def test_ids_are_unique(made_up, name):
    """Parts that replace themselves find themselves."""
    ids = [
        attributes["id"]
        for _, attributes in read(drawn(made_up, name, made_up["same"])).tags
        if "id" in attributes
    ]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("word", ["issue", "event", "problem"])
def test_pages_speak_of_errors_and_patterns(made_up, name, word):
    """The words of the interface are kept."""
    assert word not in "".join(read(drawn(made_up, name, made_up["same"])).text).lower().split()


def test_the_list_shows_each_pattern_with_its_numbers(made_up):
    """Title, message, severity word, counts with their exact value, and where the row leads."""
    html = drawn(made_up, "patterns", made_up["same"])
    reader = read(html)
    links = [
        attributes["href"] for tag, attributes in reader.tags if attributes.get("class") == "em-row-link"
    ]
    assert links == [
        "/patterns/1/1",
        "/patterns/1/2",
        "/patterns/1/3",
        "/patterns/1/4",
        "/patterns/2/5",
        "/patterns/1/6",
    ]
    assert 'title="1\u202f234\u202f567">1.2M<' in html
    assert "came back" in html
    assert "ignored for 20 h" in html


def test_the_list_tells_what_the_analysis_has_told(made_up):
    """The risk as a number with its word, a dash before the first look, and the state where it tells much."""
    html = drawn(made_up, "patterns", made_up["same"])
    assert re.findall(r'em-c-risk"><span[^>]*>([^<]+)<', html) == ["62", *["\u2013"] * 5]
    assert 'title="critical, of 100">62<' in html
    assert re.findall(r'em-state(?: em-state-\w+)?"[^>]*>(rising|new|silent)<', html) == ["rising", "new"]
    assert 'title="Above its usual rate since ' in html


def test_a_pattern_page_tells_what_where_and_why(made_up):
    """Frames, chain, masks, steps, tags, releases and the parts of the fingerprint are there."""
    text = "".join(read(drawn(made_up, "pattern", made_up["same"])).text)
    for wanted in (
        "4 frames in library django",
        "caused by",
        "share = total / len(cart.lines)",
        "2 masked",
        "-12.0 s",
        "Firefox 141",
        "shop@2.4.0",
        "Why in this pattern",
        "resolved by Administrator",
    ):
        assert wanted in text, wanted


def test_a_pattern_page_tells_who_merged_what_and_what_it_is_like(made_up):
    """Groups with share and where they came from, the nearest other pattern, history and its undo."""
    text = " ".join("".join(read(drawn(made_up, "pattern", made_up["same"])).text).split())
    for wanted in (
        "Groups in this pattern",
        "gave the name",
        "merged 2 days ago by Ada",
        "Moved here by Ada",
        "Differs from KeyError",
        "frame shop.cart.total instead of shop.cart.sum",
        "also name price",
        "no logger shop",
        "merged with KeyError by Ada",
        "undone: split off",
        "Undo the last",
    ):
        assert wanted in text, wanted
    assert text.count("Split off") == 1


def test_history_says_what_importance_was_set(made_up):
    """In words, and that it was taken back."""
    set_to = PatternChangeRow(id=1, at=made_up["NOW"], action="weighted", person="Ada", weight=4.0)
    taken = PatternChangeRow(id=2, at=made_up["NOW"], action="undone", undone="weighted")
    view = made_up["pattern_view"](changes=(taken, set_to))
    values = pattern_values(view, "14d", made_up["NOW"])
    page = render("pattern.html", frame=frame(made_up, made_up["same"]), **values)
    text = " ".join("".join(read(page).text).split())
    assert "importance set to highest by Ada" in text
    assert "undone: importance" in text


def test_the_card_says_the_importance_of_pattern_and_project(made_up):
    """That of the project only where it is not the usual one."""
    view, answers = made_up["pattern_view"](), _answers(made_up, made_up["same"])
    weighty = replace(
        view, pattern=replace(view.pattern, weight=0.5), project=replace(view.project, weight=2.0)
    )
    texts = []
    for shown in (view, weighty):
        values = pattern_values(shown, "14d", made_up["NOW"], answers=answers)
        html = render("pattern.html", frame=frame(made_up, made_up["same"]), **values)
        assert html.count('<option value="1" selected>normal') == (shown is view)
        texts.append(html.partition('class="em-importance"')[2].partition("</form>")[0])
    assert "project" not in texts[0].partition(">")[2]
    assert '<option value="0.5" selected>low (x0.5)' in texts[1]
    assert 'times the <a href="/projects/1/connect">project</a>: high' in texts[1]


def test_a_regression_is_not_offered_to_be_undone(made_up):
    """What an error did stays; a merge before it can go, a status before it cannot."""
    listed = made_up["pattern_view"]().changes
    for changes, is_offered in ((listed, True), (listed[:2], False), (listed[3:], False), (listed[1:], True)):
        view = made_up["pattern_view"](changes=changes)
        assert pattern_values(view, "14d", made_up["NOW"])["can_undo"] is is_offered


def test_a_pattern_of_one_group_has_nothing_to_split(made_up):
    """No block of groups; an error that its fingerprint put there says so; nothing to undo, no button."""
    view = made_up["pattern_view"](groups=(made_up["group"](is_first=True),), changes=(), nearest=None)
    placement = replace(view.error.placement, by="fingerprint")
    view = replace(view, error=replace(view.error, placement=placement))
    html = render(
        "pattern.html", frame=frame(made_up, made_up["same"]), **pattern_values(view, "14d", made_up["NOW"])
    )
    assert "Groups in this pattern" not in html
    assert "By its fingerprint" in html
    assert "Undo the last" not in html
    sent = replace(view, error=replace(view.error, event=replace(view.error.event, fingerprint=("mine",))))
    html = render(
        "pattern.html", frame=frame(made_up, made_up["same"]), **pattern_values(sent, "14d", made_up["NOW"])
    )
    assert "The application sent a fingerprint" in html


def test_the_merge_page_offers_and_says_when_there_is_nothing(made_up):
    """Likeness and differences; a sentence when nothing is alike."""
    text = " ".join("".join(read(drawn(made_up, "merge_with", made_up["same"])).text).split())
    assert "83 % alike" in text
    assert "this pattern has frame shop.cart.total instead of shop.cart.sum" in text
    assert "Nothing to merge with" in draw_merge_with(made_up, made_up["same"], alike=())


def test_the_largest_pattern_stays_unless_another_is_chosen(made_up):
    """The first row is checked, every row is part of the form."""
    inputs = [
        attributes
        for tag, attributes in read(drawn(made_up, "merge", made_up["same"])).tags
        if tag == "input"
    ]
    radios = [a for a in inputs if a.get("name") == "into"]
    assert [("checked" in a) for a in radios] == [True, False, False]
    assert len([a for a in inputs if a.get("name") == "pattern"]) == 3


def test_a_pattern_without_errors_says_so(made_up):
    """After retention the page stands, with counts and a sentence."""
    view = made_up["pattern_view"](error=None, tags=(), changes=())
    values = pattern_values(view, "14d", made_up["NOW"])
    html = render("pattern.html", frame=frame(made_up, made_up["same"]), **values)
    assert "Its errors are gone" in html


def test_connect_turns_green_and_says_what_arrived(made_up):
    """The first error is named with host and masked fields, and linked."""
    html = drawn(made_up, "arrived", made_up["same"])
    assert "Got it" in html
    assert "from web-3" in html
    assert "2 fields masked" in html
    assert f'href="/patterns/1/1/{made_up["ERROR_ID"]}"' in html


def test_connect_names_what_was_refused_and_how_to_mend_it(made_up):
    """Reasons in words; what is no error is not called refused; dead letters say where to look."""
    counts = made_up["connect_view"]().refusals
    lines = refusal_lines((*counts, type(counts[0])(
        project_id=1, category=counts[0].category, hour=counts[0].hour,
        outcome=OutcomeKind.DEAD_LETTER, reason="poison", quantity=4,
    )))  # fmt: skip
    assert [(line.quantity, line.what) for line in lines] == [
        (2, "with wrong fields"),
        (1, "invalid: odd"),
        (4, "could not be processed: poison"),
    ]
    assert "deadletters list" in lines[2].remedy


def test_the_foot_line_of_a_database_that_is_away_promises_only_what_holds(made_up):
    """Errors are still accepted; the dot is not green."""
    html = render("ledger.html", line=None, scope=None)
    assert "still accepted" in html
    assert "em-dot-on" not in html


def test_processes_of_one_name_are_one_line(made_up):
    """PostgreSQL has a process per connection; the page shows one line with their memory in all."""
    started = made_up["NOW"]
    facts = [
        ProcessFacts(name=name, pid=pid, memory_bytes=size, started_at=started)
        for name, pid, size in (("postgres", 7, 5), ("serve 0", 8, 3), ("postgres: walwriter", 9, 2))
    ]
    groups = [(g.name, g.members, g.pid, g.memory_bytes) for g in process_groups(facts)]
    assert groups == [("postgres", 2, 7, 7), ("serve 0", 1, 8, 3)]


def test_folders_on_one_file_system_share_its_bar():
    """Free space that moved a little between two looks is the same disk; another size is another."""
    disks = [
        DiskFacts(name="inbox", used_bytes=1, free_bytes=500, total_bytes=1000),
        DiskFacts(name="logs", used_bytes=2, free_bytes=495, total_bytes=1000),
        DiskFacts(name="other", used_bytes=3, free_bytes=500, total_bytes=2000),
    ]
    named = [(v.total_bytes, [disk.name for disk in v.folders]) for v in volumes(disks)]
    assert named == [(1000, ["inbox", "logs"]), (2000, ["other"])]


def test_the_second_line_does_not_repeat_the_title(made_up):
    """``Type: value`` under the title ``Type`` is just the value; an equal text is nothing."""
    row = made_up["pattern"]
    assert second_line(row(message="ZeroDivisionError: by zero")) == "by zero"
    assert second_line(row(message="com.shop.ZeroDivisionError: by zero: of all")) == "by zero: of all"
    assert second_line(row(title="Same", message="Same")) == ""
    assert len(second_line(row(message="x" * 900))) == 301


def test_one_error_is_one_error(made_up):
    """The words that a phone shows beside the numbers of a row."""
    row = made_up["pattern"](count=1, users=1)
    text = "".join(read(render("pattern_row.html", row=row, names={}, now=made_up["NOW"])).text)
    assert "1 error" in text
    assert "1 user" in text
    assert not any(word in text for word in ("1 errors", "1 users"))


def test_a_release_that_is_a_hash_is_short_with_all_of_it_on_hover(made_up):
    """In the card of releases and in the filter; what the filter sends is the whole value."""
    full = "0123456789abcdef0123456789abcdef01234567"
    view = made_up["pattern_view"](releases=(ValueCount(value=full, count=3),))
    values = pattern_values(view, "14d", made_up["NOW"])
    reader = read(render("pattern_cards.html", **values))
    assert full not in "".join(reader.text)
    assert ("span", {"class": "em-release", "title": full}) in reader.tags
    listed = frame(made_up, str)
    failure = {"status": 404, "title": "", "explanation": "", "lost": "", "again": ""}
    page = read(render("failure.html", frame=replace(listed, releases=(full,)), **failure))
    assert ("option", {"value": full, "title": full}) in page.tags
    assert full not in "".join(page.text)


def test_the_choices_of_a_phone_stand_behind_one_button(made_up):
    """Beside the button, not in it: a wide page shows them while it is closed. It counts choices."""
    html = draw_list(made_up, str)
    reader = read(html)
    names = [tag for tag, values in reader.tags if tag == "select" or values.get("class") == "em-folder"]
    assert names[:2] == ["details", "select"]
    folder = html[html.index('<details class="em-folder">') :]
    assert folder.index("</details>") < folder.index('<div class="em-choices">') < folder.index("<select")
    assert '<span class="em-state em-state-on">1</span>' in folder  # the environment


@pytest.mark.parametrize(
    ("progress", "words"),
    [
        (
            Progress(project_id=1, minutes_at=SINCE, to_go=timedelta(days=6), hours_at=None),
            "The analysis has come to",
        ),
        (
            Progress(project_id=1, minutes_at=None, to_go=timedelta(), hours_at=SINCE),
            "Relations, forecasts, risk and advice are those of",
        ),
        (
            Progress(project_id=1, minutes_at=None, to_go=timedelta(), hours_at=None),
            "Relations, forecasts, risk and advice are looked for each hour, and were not yet.",
        ),
    ],
)
def test_pages_say_how_far_the_analysis_has_come(made_up, progress, words):
    """Insights and the page of a pattern do while it takes in the past, and say nothing of it otherwise."""
    answered = replace(_answers(made_up, str), progress=progress)
    values = pattern_values(made_up["pattern_view"](str), "14d", made_up["NOW"], answers=answered)
    told = (
        draw_insights(made_up, str, progress=progress),
        render("pattern.html", frame=frame(made_up, str), **values),
    )
    named = draw_insights(made_up, str, progress=progress, whose="<Shop>")
    assert "of &lt;Shop&gt;" in named
    for page in told:
        assert words in page
        assert "&lt;Shop&gt;" not in page
        assert ("6 days to go" in page) is bool(progress.to_go)
    for page in (draw_insights(made_up, str), draw_answered(made_up, str)):
        assert "em-behind" not in page
