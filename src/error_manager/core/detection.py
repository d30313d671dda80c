"""Which candidates of a detector are personal data or secrets, and which only look alike (seed box: PII)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, Protocol

from error_manager.core.sensitive_key import is_sensitive_key

SECRET: Final = "[secret]"  # noqa: S105  # the mask, not a secret
EMAIL: Final = "[email]"
IP: Final = "[ip]"
CARD: Final = "[card]"
IBAN: Final = "[iban]"
PHONE: Final = "[phone]"
SSN: Final = "[ssn]"
DEVICE: Final = "[device]"
USER: Final = "[user]"
URL_CREDENTIALS: Final = "[url-credentials]"
MASKS: Final = (SECRET, EMAIL, IP, CARD, IBAN, PHONE, SSN, DEVICE, USER, URL_CREDENTIALS)


class Match(Protocol):
    """What ``re`` and RE2 matches share."""

    def group(self, index: int, /) -> str:
        """Return a group; 0 is the whole match."""

    def start(self, index: int = 0, /) -> int:
        """Return where a group starts, in characters."""

    def end(self, index: int = 0, /) -> int:
        """Return where a group ends, in characters."""


Check = Callable[[str, Match], tuple[int, int] | None]
"""Returns the span of the text to mask, or None when the candidate is harmless."""


def first_group(text: str, match: Match) -> tuple[int, int]:
    """Mask the first group."""
    del text
    return match.start(1), match.end(1)


# --- secrets -------------------------------------------------------------------------------------

_LITERALS: Final = frozenset(
    [
        "none",
        "null",
        "nil",
        "true",
        "false",
        "undefined",
        "nan",
        "str",
        "string",
        "int",
        "bool",
        "bytes",
        "optional",
        "any",
        "text",
        "required",
        "missing",
        "invalid",
        "empty",
        "wrong",
        "expired",
        "is",
        "not",
        "must",
        "was",
        "has",
        "should",
        "cannot",
        "the",
        "a",
        "an",
        "and",
        "or",
    ]
)


_QUOTES: Final = frozenset({'"', "'", "`"})
_PLACEHOLDERS: Final = ("${", "$(", "%(", "%s", "%d", "%r", "{", "<")


_SCHEMES: Final = frozenset({"basic", "bearer", "digest", "negotiate", "token", "apikey"})


def is_mask(value: str) -> bool:
    """Return whether a value is one of our masks, or the start of one that was cut."""
    if not value.startswith("["):
        return False
    bare = value.rstrip("…]")
    return any(mask.startswith(bare) for mask in MASKS)


def _key_before(text: str, match: Match) -> str:
    start = match.start(1)
    floor = max(0, start - 40)
    while start > floor and (text[start - 1].isalnum() or text[start - 1] in "_-."):
        start -= 1
    return text[start : match.end(1)]


def _is_placeholder(value: str) -> bool:
    bare = value.strip("\"'`")
    return (
        not bare
        or is_mask(bare)
        or bare.lower() in _LITERALS
        or bare.startswith(_PLACEHOLDERS)
        or not bare.strip("*.•x-_")
        or bare == "…"
    )


def _is_code(text: str, value: str, end: int) -> bool:
    """Return whether an unquoted value is an expression: a call, an attribute, an index, the name itself."""
    follows = text[end : end + 1]
    if follows in {"(", "["}:
        return True
    parts = value.split(".")
    return ("(" in value or "[" in value or len(parts) > 1) and parts[0].isidentifier() and parts[0].islower()


def _inside_quotes(value: str) -> tuple[int, int] | None:
    """Return where the text inside the quotes (escaped or not) starts and ends, None without quotes."""
    head = len(value) - len(value.lstrip("\\"))
    quote = value[head : head + 1]
    if quote not in _QUOTES:
        return None
    tail = len(value)
    if tail > head + 1 and value[-1] == quote:
        tail -= 1
        if head:
            tail = len(value[:tail].rstrip("\\"))
    return head + 1, max(head + 1, tail)


def key_value(text: str, match: Match) -> tuple[int, int] | None:
    """Mask the value behind a sensitive name, unless it is code, a placeholder or prose."""
    value = match.group(3)
    start, end = match.start(3), match.end(3)
    inner = _inside_quotes(value)
    if inner is not None:
        start, end = start + inner[0], start + inner[1]
    if not is_sensitive_key(_key_before(text, match)) or _is_placeholder(text[start:end]):
        return None
    if inner is not None:
        return start, end
    separator = match.group(2)
    is_prose = ":" in separator or "=" not in separator
    if is_prose and value.isalpha() and (value.islower() or value.istitle()):
        return None
    if _is_code(text, value, end) or (separator.startswith(" ") and value.isidentifier()):
        return None
    return start, end


def quoted_key_value(text: str, match: Match) -> tuple[int, int] | None:
    """Mask the value behind a sensitive name in a line of source code: literals only."""
    return key_value(text, match) if match.group(3)[:1] in {'"', "'"} else None


def header(text: str, match: Match) -> tuple[int, int] | None:
    """Mask the value of a header that carries credentials, up to the end of the line or quote."""
    del text
    value = match.group(2).strip(" .,;")
    if _is_placeholder(value):
        return None
    if "cookie" in match.group(1).lower():
        return (match.start(2), match.end(2)) if "=" in value else None
    scheme, _, rest = value.partition(" ")
    is_credential = any(sign.isdigit() for sign in value) or (rest and scheme.lower() in _SCHEMES)
    start = match.end(2) - len(match.group(2).partition(" ")[2]) if rest else match.start(2)
    return (start, match.end(2)) if is_credential and not is_mask(rest) else None


def jwt(text: str, match: Match) -> tuple[int, int] | None:
    """Mask a token of two or more parts, or a long single one; not the middle of a longer word."""
    start, end = match.start(), match.end()
    found = match.group(0)
    return (
        None if text[start - 1 : start].isalnum() or ("." not in found and end - start < 40) else (start, end)
    )


def credential(text: str, match: Match) -> tuple[int, int] | None:
    """Mask what follows Bearer or Basic when it looks like a credential and not like a word."""
    del text
    value = match.group(1)
    has_digit = any(sign.isdigit() for sign in value)
    is_mixed = not value.islower() and not value.isupper() and not value.istitle()
    return (match.start(1), match.end(1)) if has_digit or is_mixed or len(value) >= 24 else None


def vendor(text: str, match: Match) -> tuple[int, int] | None:
    """Mask a key with a well-known prefix when it starts a word."""
    start = match.start()
    before = text[start - 1 : start]
    return None if before.isalnum() else (start, match.end())


# --- personal data -------------------------------------------------------------------------------

_FILE_ENDINGS: Final = frozenset(
    [
        "js",
        "jsx",
        "ts",
        "tsx",
        "mjs",
        "cjs",
        "json",
        "map",
        "css",
        "scss",
        "html",
        "htm",
        "vue",
        "svelte",
        "service",
        "socket",
        "target",
        "timer",
        "mount",
        "path",
        "slice",
        "dart",
        "java",
        "kt",
        "php",
        "rb",
        "cs",
        "swift",
        "jpg",
        "jpeg",
        "png",
        "gif",
        "svg",
        "webp",
    ]
)
_BEFORE_VERSION: Final = ("version", "release", "ver.", "build", "oid", "upgrade", "v")
_SERVICE_ACCOUNTS: Final = frozenset(
    [
        "app",
        "apps",
        "runner",
        "ubuntu",
        "root",
        "node",
        "user",
        "users",
        "public",
        "shared",
        "default",
        "site",
        "deploy",
        "deployer",
        "www",
        "www-data",
        "ec2-user",
        "vscode",
        "circleci",
        "jenkins",
        "docker",
        "git",
        "vagrant",
        "airflow",
        "jovyan",
        "runneradmin",
        "[user]",
    ]
)
_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22, "BR": 29,
    "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28, "EE": 20, "EG": 29,
    "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23, "GL": 18, "GR": 27, "GT": 28,
    "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26, "IT": 27, "JO": 30, "KW": 30, "KZ": 20,
    "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20, "LV": 21, "MC": 27, "MD": 24, "ME": 22, "MK": 19,
    "MR": 27, "MT": 31, "MU": 30, "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29,
    "RO": 24, "RS": 22, "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "TN": 24, "TR": 26,
    "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
"""Characters of an IBAN by country (SWIFT IBAN registry, release 99)."""


def email(text: str, match: Match) -> tuple[int, int] | None:
    """Mask an address whose last label is a plausible domain; no file, version or ``git@host:path``."""
    found = match.group(0)
    last = found.rpartition(".")[2]
    if found.startswith("git@") and text[match.end() : match.end() + 1] in {":", "/"}:
        return None
    if len(last) < 2 or not last[0].isalpha() or last.lower() in _FILE_ENDINGS:
        return None
    return match.start(), match.end()


def is_luhn(digits: str) -> bool:
    """Return whether the check digit is right (ISO/IEC 7812-1, annex B)."""
    total = 0
    for place, sign in enumerate(reversed(digits)):
        value = ord(sign) - 48
        if place % 2:
            value = value * 2 - 9 if value > 4 else value * 2
        total += value
    return total % 10 == 0


def _is_inside_number(text: str, start: int, end: int) -> bool:
    """Return whether the digits go on beyond a point or sign: decimals, object ids, ranges."""
    return (text[start - 1 : start] in {".", ","} and text[start - 2 : start - 1].isdigit()) or (
        text[end : end + 1] == "." and text[end + 1 : end + 2].isdigit()
    )


def card(text: str, match: Match) -> tuple[int, int] | None:
    """Mask a payment card: 12 to 19 digits of a known issuer range with a right check digit."""
    found = match.group(0)
    digits = found.replace(" ", "").replace("-", "")
    if not is_luhn(digits) or _is_inside_number(text, match.start(), match.end()) or len(set(digits)) == 1:
        return None
    if " " in found and "-" in found:
        return None
    is_issued = digits[0] in "3456" or digits.startswith(("1800", "2131")) or "2221" <= digits[:4] <= "2720"
    if len(digits) == 12:
        is_issued = digits[0] in "56"
    return (match.start(), match.end()) if is_issued else None


def imei(text: str, match: Match) -> tuple[int, int] | None:
    """Mask the 15 digits of a mobile device: known prefix, right check digit (3GPP TS 23.003)."""
    digits = match.group(0)
    is_right = digits[:2] in {"01", "35", "86", "99"} and is_luhn(digits)
    return (
        (match.start(), match.end())
        if is_right and not _is_inside_number(text, match.start(), match.end())
        else None
    )


def iban(text: str, match: Match) -> tuple[int, int] | None:
    """Mask an account number of its country's length with remainder 1 modulo 97 (ISO 13616)."""
    del text
    found = match.group(0)
    length = _IBAN_LENGTHS.get(found[:2].upper(), 0)
    kept, place = "", 0
    while place < len(found) and len(kept) < length:
        kept += found[place].strip()
        place += 1
    if not length or len(kept) != length or found[place : place + 1].isalnum():
        return None
    turned = (kept[4:] + kept[:4]).upper()
    number = int("".join(str(int(sign, 36)) for sign in turned))
    return (match.start(), match.start() + place) if number % 97 == 1 else None


def ipv4(text: str, match: Match) -> tuple[int, int] | None:
    """Mask an address that is no version, no object id and not the machine itself."""
    found, start, end = match.group(0), match.start(), match.end()
    parts = found.split(".")
    if any((len(part) > 1 and part[0] == "0") or int(part) > 255 for part in parts):
        return None
    if parts[0] in {"0", "127", "255"} or _is_inside_number(text, start, end):
        return None
    before = text[max(0, start - 12) : start].lower()
    if before.rstrip(" :=").endswith(_BEFORE_VERSION) or before.endswith(("==", ">=", "<=", "~=")):
        return None
    if before.endswith("/") and before[-2:-1].isalpha() and "://" not in text[max(0, start - 40) : start]:
        return None
    return start, end


def ipv6(text: str, match: Match) -> tuple[int, int] | None:
    """Mask an address of eight groups, or of fewer with one ``::``; scopes of C++ and times are none."""
    found, start, end = match.group(0).rstrip(":."), match.start(), match.end()
    if match.group(0).endswith("::"):
        found += "::"
    end = start + len(found)
    before, after = text[start - 1 : start], text[end : end + 1]
    if before.isalnum() or before in {"_", ":", ">", "."} or after.isalnum() or after in {"_", "<"}:
        return None
    head, colons, tail = found.partition("::")
    if "::" in tail or not any(sign.isdigit() for sign in found):
        return None
    groups = [group for group in (*head.split(":"), *tail.split(":")) if group]
    width = len(groups) + (1 if groups and "." in groups[-1] else 0)
    if any(len(group) > 4 for group in groups if "." not in group) or (width < 2 or width > 7) is bool(
        colons
    ):
        return None
    return (start, end) if colons or width == 8 else None


def mac(text: str, match: Match) -> tuple[int, int] | None:
    """Mask six pairs with one kind of separator that are not part of a longer row."""
    found, start, end = match.group(0), match.start(), match.end()
    if len({found[place] for place in range(2, 17, 3)}) > 1:
        return None
    return (
        None if text[start - 1 : start] in {":", "-"} or text[end : end + 1] in {":", "-"} else (start, end)
    )


def ssn(text: str, match: Match) -> tuple[int, int] | None:
    """Mask a number in the form of the US social security administration: no area 000, 666 or 9xx."""
    found, start, end = match.group(0), match.start(), match.end()
    if found[:3] in {"000", "666"} or found[0] == "9" or found[4:6] == "00" or found.endswith("0000"):
        return None
    return None if text[start - 1 : start] == "-" or text[end : end + 1] == "-" else (start, end)


def phone(text: str, match: Match) -> tuple[int, int] | None:
    """Mask an international number (8 to 15 digits, ITU-T E.164) or one in the North American form."""
    found, start, end = match.group(0), match.start(), match.end()
    digits = sum(sign.isdigit() for sign in found)
    before = text[start - 1 : start]
    if not 8 <= digits <= 15 or before.isalnum() or before in {".", "-", "_", "/", ")", "+"}:
        return None
    return None if text[end : end + 1] == "-" and text[end + 1 : end + 2].isalnum() else (start, end)


def user_path(text: str, match: Match) -> tuple[int, int] | None:
    """Mask the person in the path of a home folder; service accounts stay."""
    del text
    return None if match.group(1).lower() in _SERVICE_ACCOUNTS else (match.start(1), match.end(1))
