"""Where the parts of a sentence lead."""

from __future__ import annotations

from urllib.parse import quote

from error_manager.monitoring.sentence import Target, TargetKind


def target_url(target: Target) -> str:
    """Return the address of what a part of a sentence is about."""
    match target.kind:
        case TargetKind.PATTERN:
            return f"/patterns/{target.project_id}/{target.key}"
        case TargetKind.PROJECT:
            return f"/patterns?project={target.project_id}"
        case TargetKind.RELEASE:
            return f"/patterns?project={target.project_id}&release={_quoted(target.key)}"
        case TargetKind.MODULE | TargetKind.SEVERITY:
            term = _quoted(f'{target.kind.value}:"{target.key}"')
            return f"/patterns?project={target.project_id}&q={term}"


def _quoted(text: str) -> str:
    return quote(text, errors="replace")
