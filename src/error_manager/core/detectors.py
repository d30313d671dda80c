"""What personal data and secrets look like: the detectors, as data (seed box: PII).

Patterns keep to what ``re`` (with ``re.ASCII``) and RE2 understand alike: no look-around, no back-
references, no long counted repetition. Each finds candidates in linear time; a check in plain Python
(``detection``) decides. They stand in core because grouping must see the same text before and after masking
(design D6).
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntFlag, auto
from typing import Final

from error_manager.core.detection import (
    CARD,
    DEVICE,
    EMAIL,
    IBAN,
    IP,
    PHONE,
    SECRET,
    SSN,
    URL_CREDENTIALS,
    USER,
    Check,
    card,
    credential,
    email,
    first_group,
    header,
    iban,
    imei,
    ipv4,
    ipv6,
    jwt,
    key_value,
    mac,
    phone,
    ssn,
    user_path,
    vendor,
)


class Need(IntFlag):
    """What a text must have before a detector is tried; all are looked for once per text (``signs_of``)."""

    NOTHING = 0
    SPACE = auto()
    AT = auto()
    SLASH = auto()
    """``/`` or a backslash."""
    ASSIGNMENT = auto()
    """``:``, ``=``, ``%3`` (an encoded one) or the end of a tag."""
    DASHES = auto()
    """Two of them."""
    DOTS = auto()
    """Three of them."""
    COLONS = auto()
    """Two of them, and digits."""
    PAIRS = auto()
    """Five colons or dashes, and digits."""
    CALL = auto()
    """What parts the digits of a telephone number."""
    NUMBER = auto()
    """The twelve digits of the shortest card, or the fifteen signs of the shortest account number."""
    PREFIXED = auto()
    """A word of 13 signs, and a sign that every well-known prefix of a key has."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Detector:
    """One kind of sensitive text.

    The pattern is tried only when one of ``needles`` is in the text (in the lower-cased text when
    ``is_lowered``), and when the text has what the detector needs at all.
    """

    name: str
    pattern: str
    mask: str
    check: Check
    needles: tuple[str, ...] = ()
    is_lowered: bool = False
    need: Need = Need.NOTHING


_KEYWORDS: Final = (
    r"pass|pwd|secret|token|api[ _.-]?key|access[ _-]?key|private[ _-]?key|auth|credential|cookie|session|"
    r"sid|csrf|"
    r"xsrf|otp|cvv|cvc|jwt|dsn|pin|ssn|signature|connection[ _-]?string|account[ _-]?key|shared[ _-]?key"
)
_KEYWORD_NEEDLES: Final = (
    "pass", "pwd", "secret", "token", "key", "auth", "credential", "cookie", "session", "sid", "csrf", "xsrf",
    "otp",
    "cvv", "cvc", "jwt", "dsn", "pin", "ssn", "signature", "string",
)  # fmt: skip
_VALUE: Final = (
    r'\\{1,3}"[^"\\]*\\{0,3}"?|"(?:[^"\\]|\\.)*"?|'
    r"'(?:[^'\\]|\\.)*'?|"
    r"[^ \t\r\n\"'`,;&<>(){}\[\]|\\][^ \t\r\n\"'`,;&<>)}\]|\\]*"
)
_LABEL: Final = r"[^ \t\r\n@<>()\[\]{},;:\"'=|\\/&?!.*#%$^+`~]{1,63}"

SECRET_DETECTORS: Final = (
    Detector(
        name="pem",
        pattern=(r"-----BEGIN [A-Z0-9 ]{0,30}PRIVATE KEY[A-Z0-9 ]{0,20}-----((?:[^-]|-[^-])+)"),
        mask=SECRET,
        check=first_group,
        need=Need.DASHES,
        needles=("-----BEGIN",),
    ),
    Detector(
        name="jwt",
        pattern=(
            r"eyJ[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_=-]*)?(?:\.[A-Za-z0-9_+/=-]*)?"
            r"(?:\.[A-Za-z0-9_-]*)?(?:\.[A-Za-z0-9_-]*)?"
        ),
        mask=SECRET,
        check=jwt,
        needles=("eyJ",),
    ),
    Detector(
        name="vendor_key",
        pattern=(
            r"(?:AKIA|ASIA|AROA|AIDA|ABIA|ACCA)[A-Z0-9]{16,}"  # AWS
            r"|gh[opusr]_[A-Za-z0-9_]{16,}|github_pat_[A-Za-z0-9_]{16,}|glpat-[A-Za-z0-9_.-]{10,}"
            r"|gl[a-z]{2,6}-[A-Za-z0-9_-]{20,}"
            r"|xox[a-z]-[A-Za-z0-9-]{10,}|xapp-[A-Za-z0-9-]{10,}"  # Slack
            r"|[srp]k_(?:live|test|prod)_[A-Za-z0-9_]{8,}|whsec_[A-Za-z0-9_+/=-]{8,}"  # Stripe and its like
            r"|sk-[A-Za-z0-9_-]{16,}|AIza[A-Za-z0-9_-]{30,}|ya29\.[A-Za-z0-9_-]{16,}"
            r"|GOCSPX-[A-Za-z0-9_-]{16,}"
            r"|SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{16,}|key-[0-9a-f]{32}|sq0[a-z]{3}-[A-Za-z0-9_-]{16,}"
            r"|EAAA[A-Za-z0-9_-]{16,}|npm_[A-Za-z0-9]{16,}|pypi-[A-Za-z0-9_-]{16,}|rubygems_[0-9a-f]{16,}"
            r"|hf_[A-Za-z0-9]{16,}|do[opr]_v1_[0-9a-f]{16,}|shp(?:at|ca|pa|ss)_[A-Za-z0-9]{16,}"
            r"|dckr_pat_[A-Za-z0-9_-]{16,}|lin_api_[A-Za-z0-9]{16,}|hv[sbr]\.[A-Za-z0-9_-]{16,}"
            r"|s\.[A-Za-z0-9]{24}\b"
            r"|atlasv1\.[A-Za-z0-9_-]{16,}|figd_[A-Za-z0-9_-]{16,}|PMAK-[A-Za-z0-9-]{16,}|NRAK-[A-Z0-9]{16,}"
            r"|glc_[A-Za-z0-9+/=]{16,}|glsa_[A-Za-z0-9_]{16,}|sntry[su]_[A-Za-z0-9_=+/-]{16,}"
            r"|AGE-SECRET-KEY-1[A-Z0-9]{16,}"
            r"|(?:SK|AC)[0-9a-f]{32}|dapi[0-9a-f]{32}|em_[a-z]{2,12}_[A-Za-z0-9_-]{16,}"
            r"|[0-9]{8,10}:AA[A-Za-z0-9_-]{30,}"
            r"|hooks\.slack\.com/(?:services|workflows)/[A-Za-z0-9/_-]{8,}"
            r"|discord(?:app)?\.com/api/webhooks/[A-Za-z0-9/_-]{8,}"
            r"|sl\.[A-Za-z0-9_-]{40,}|xkeysib-[0-9a-f]{16,}|re_[A-Za-z0-9]{8,}_[A-Za-z0-9]{8,}"
            r"|secret_[A-Za-z0-9]{32,}"
        ),
        mask=SECRET,
        check=vendor,
        need=Need.PREFIXED,
        needles=(
            "AKIA",
            "ASIA",
            "AROA",
            "AIDA",
            "ABIA",
            "ACCA",
            "gho_",
            "ghp_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "gl",
            "xox",
            "xapp-",
            "_live_",
            "_test_",
            "_prod_",
            "whsec_",
            "sk-",
            "AIza",
            "ya29.",
            "GOCSPX-",
            "SG.",
            "key-",
            "sq0",
            "EAAA",
            "npm_",
            "pypi-",
            "rubygems_",
            "hf_",
            "_v1_",
            "shp",
            "dckr_pat_",
            "lin_api_",
            "hv",
            "s.",
            "atlasv1.",
            "PMAK-",
            "NRAK-",
            "sntry",
            "figd_",
            "AGE-",
            "SK",
            "AC",
            "dapi",
            "em_",
            ":AA",
            "hooks.slack",
            "webhooks",
            "sl.",
            "xkeysib-",
            "re_",
            "secret_",
        ),
    ),
    Detector(
        name="url_credentials",
        pattern=r"://([^ \t\r\n/?#:\"'<>]{0,200}:[^ \t\r\n/\"'<>]{1,200})@",
        mask=URL_CREDENTIALS,
        check=first_group,
        need=Need.AT,
        needles=("://",),
    ),
    Detector(
        name="header",
        pattern=(
            r"(?i)((?:proxy-)?authorization|(?:set-)?cookie)[\"']? {0,2}[:=] {0,3}[\"']?([^\r\n\"']{4,})"
        ),
        mask=SECRET,
        check=header,
        need=Need.ASSIGNMENT,
        needles=("authorization", "cookie"),
        is_lowered=True,
    ),
    Detector(
        name="credential",
        pattern=r"(?i)\b(?:bearer|basic) {1,3}([A-Za-z0-9._~+/=-]{6,})",
        mask=SECRET,
        check=credential,
        need=Need.SPACE,
        needles=("bearer ", "basic "),
        is_lowered=True,
    ),
    Detector(
        name="key_value",
        pattern=(
            rf"(?i)((?:{_KEYWORDS})[A-Za-z0-9_-]{{0,24}})"
            rf"([\\\"'\]]{{0,4}} {{0,2}}(?:=>|:=|==|[:=]) {{0,3}}b?|%3[Dd]|>)({_VALUE})"
        ),
        mask=SECRET,
        check=key_value,
        need=Need.ASSIGNMENT,
        needles=_KEYWORD_NEEDLES,
        is_lowered=True,
    ),
    Detector(
        name="sql_password",
        pattern=r"(?i)(password|identified by)( {1,3})('[^']*'?)",
        mask=SECRET,
        check=key_value,
        need=Need.SPACE,
        needles=("password '", "identified by '"),
        is_lowered=True,
    ),
)

PERSONAL_DETECTORS: Final = (
    Detector(
        name="email",
        pattern=rf"[^ \t\r\n@<>()\[\]{{}},;:\"'=|\\/&?!`]{{1,64}}@{_LABEL}(?:\.{_LABEL})+",
        mask=EMAIL,
        check=email,
        need=Need.AT,
    ),
    Detector(
        name="iban",
        pattern=r"\b[A-Za-z]{2}[0-9]{2}(?: ?[A-Za-z0-9]){11,30}\b",
        mask=IBAN,
        check=iban,
        need=Need.NUMBER,
    ),
    Detector(
        name="imei",
        pattern=r"\b[0-9]{15}\b",
        mask=DEVICE,
        check=imei,
        need=Need.NUMBER,
    ),
    Detector(
        name="card",
        pattern=r"\b[0-9](?:[ -]?[0-9]){11,18}\b",
        mask=CARD,
        check=card,
        need=Need.NUMBER,
    ),
    Detector(
        name="mac",
        pattern=r"\b[0-9A-Fa-f]{2}(?:[:-][0-9A-Fa-f]{2}){5}\b",
        mask=DEVICE,
        check=mac,
        need=Need.PAIRS,
    ),
    Detector(
        name="ipv6",
        pattern=r"(?:[0-9A-Fa-f]{0,4}:){2,8}(?:[0-9]{1,3}(?:\.[0-9]{1,3}){3}|[0-9A-Fa-f]{0,4})",
        mask=IP,
        check=ipv6,
        need=Need.COLONS,
    ),
    Detector(
        name="ipv4",
        pattern=r"\b[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}\b",
        mask=IP,
        check=ipv4,
        need=Need.DOTS,
    ),
    Detector(
        name="ssn",
        pattern=r"\b[0-9]{3}-[0-9]{2}-[0-9]{4}\b",
        mask=SSN,
        check=ssn,
        need=Need.DASHES,
    ),
    Detector(
        name="phone",
        pattern=(
            r"\+[0-9][0-9 ().-]{6,18}[0-9]\b|\([0-9]{3}\) ?[0-9]{3}[ .-][0-9]{4}\b"
            r"|\b[0-9]{3}-[0-9]{3}-[0-9]{4}\b|\b[0-9]{3}\.[0-9]{3}\.[0-9]{4}\b"
        ),
        mask=PHONE,
        check=phone,
        need=Need.CALL,
    ),
    Detector(
        name="user_path",
        pattern=(
            r"(?:/home/|/Users/|\\Users\\\\?|\\Documents and Settings\\)"
            r"([^/\\ \t\r\n:\"'<>()\[\],;]+)"
        ),
        mask=USER,
        check=user_path,
        need=Need.SLASH,
        needles=("/home/", "/Users/", "\\Users\\", "Settings\\"),
    ),
)
"""Applied in this order, after the secrets."""

DETECTORS: Final = SECRET_DETECTORS + PERSONAL_DETECTORS
