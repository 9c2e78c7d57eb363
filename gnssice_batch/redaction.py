"""Secrets taken out of text that is shown or kept: those known by value, those known by their shape."""

import re
from typing import Final
from urllib.parse import parse_qs, quote, unquote

_HIDDEN: Final = "***"
_SHORTEST: Final = 8
"""A shorter secret is a word that stands in honest text too."""

_USER_INFO: Final = re.compile(r"(?<=://)[^/\s@'\"]*:[^/\s@'\"]*@")
_PARAMETER: Final = re.compile(
    r"\b(sig|signature|token|x-amz-signature|x-amz-credential|x-amz-security-token|awsaccesskeyid|accountkey"
    r"|sharedaccesssignature|client_secret|client_assertion)=[^&;\s'\"<>]+",
    re.IGNORECASE,
)
_BEARER: Final = re.compile(r"\b(Bearer|SharedKey|AWS4-HMAC-SHA256) +[^\s'\",]+", re.IGNORECASE)

_known: set[str] = set()


def remember(secret: str) -> None:
    """Hide this value from now on, wherever `redacted` looks: as it is, as a URL writes it, its signature alone."""
    signatures = parse_qs(secret).get("sig", [])
    for part in (secret, unquote(secret), *signatures):
        _known.update(form for form in (part, quote(part, safe="")) if len(form) >= _SHORTEST)


def redacted(text: str) -> str:
    """Text without the secrets that this process knows, passwords in URLs and signatures in queries."""
    for secret in sorted(_known, key=len, reverse=True):
        text = text.replace(secret, _HIDDEN)
    text = _USER_INFO.sub(f"{_HIDDEN}@", text)
    text = _PARAMETER.sub(rf"\1={_HIDDEN}", text)
    return _BEARER.sub(rf"\1 {_HIDDEN}", text)
