"""This module finds secrets in a text by their form. Pure.

Called by `config_masking` for each text of a configuration and a command line; by `log_handlers` and `process_info`
for log records and tracebacks, which are free text: there only forms count, and names do not.
"""

from __future__ import annotations

import base64
import re
from typing import List, Optional

from monty_mqtt.masking.secret_names import Naming, asks_only, naming
from monty_mqtt.wire.vocabulary import MASK

__all__ = ["decoded_text", "is_plain_word", "masked_forms", "masked_text", "says_nothing"]

_PEM = re.compile(r"-----BEGIN [^-\n]+-----.*?(?:-----END [^-\n]+-----|\Z)", re.DOTALL)
_PASSWORD_IN_ADDRESS = re.compile(
    r"""(\w://[^/\s:@"']*):(?!\d+(?:[/?#]|$))[^\s@"']{1,300}(?:@[^\s@"',;]{0,300}(?=@))*@""",
)
_TOKEN_IN_ADDRESS = re.compile(r"""(\w://)(?=[^\s/@"']*\d)[^\s/:@"']{16,}@""")
_HEADER = re.compile(
    r"""(\b(?:proxy-)?authorization["']?\s*[:=]\s*["']?(?:(?:basic|bearer|token|digest|negotiate|apikey)\s+)?)"""
    r"""[^\s"',][^\r\n"',]*""",
    re.IGNORECASE,
)
_COOKIE = re.compile(r"""(\b(?:set-)?cookie["']?:\s*["']?)[^\s"'=]+=[^\r\n"']*""", re.IGNORECASE)
_BEARER = re.compile(r"\b(bearer)\s+(?=[^\s\"']*[\d._~+/=-]|[^\s\"']*[a-z][A-Z])[\w.~+/=-]{6,}", re.IGNORECASE)
_ONLY_BEARER = re.compile(r"(\s*(?:bearer|token)\s+)\S+\s*", re.IGNORECASE)
_BASIC = re.compile(r"\b(basic\s+)([A-Za-z0-9+/]{4,}={0,2})(?![\w+/=])", re.IGNORECASE)
_KNOWN = re.compile(
    r"""(?<![A-Za-z0-9])(?:
        A[A-Z]{3}(?<=AKIA|ASIA|AROA|AIDA|AGPA|ANPA|ANVA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Za-z0-9])
        | gh[pousr]_\w{20,} | github_pat_\w{20,} | gl(?:pat|dt|rt|cbt|ptt|soat)-[\w-]{16,}
        | xox[a-z]-[\w-]{10,} | xapp-[\w-]{10,} | AIza[\w-]{30,} | ya29\.[\w-]{20,}
        | sk-[\w-]{16,} | [prs]k_(?:live|test)_\w{10,} | whsec_\w{16,} | hf_\w{20,} | npm_\w{30,} | pypi-[\w-]{20,}
        | SG\.[\w-]{16,}\.[\w-]{16,} | dop_v1_\w{32,} | dckr_pat_[\w-]{20,} | dapi[0-9a-f]{32} | hv[bs]\.[\w-]{20,}
        | glsa_\w{20,} | glc_[\w=+/-]{20,} | wandb_v1_\w{20,} | AGE-SECRET-KEY-1\w+ | lin_api_\w{20,} | shpat_\w{20,}
        | eyJ[\w-]{8,}\.[\w-]{8,}(?:\.[\w-]*)* | \d{8,10}:AA[\w-]{30,} | [\w-]{86}==
    )""",
    re.VERBOSE,
)
"""Tokens of AWS, GitHub, GitLab, Slack, Google, OpenAI, Anthropic, Stripe, Hugging Face, npm, PyPI, SendGrid,
DigitalOcean, Docker, Databricks, Vault, Grafana, W&B, age, Linear, Shopify, JSON web tokens, Telegram, InfluxDB."""
_WEBHOOK = re.compile(r"""(hooks\.slack\.com/\w+/|discord(?:app)?\.com/api/webhooks/|webhook\.office\.com/)[^\s"']+""")
_QUERY = re.compile(r"""([?&;#])([\w.\-\[\]]+)=([^\s&;#"'<>]+)""")

_QUOTED = r""" "(?:\\.|[^"\\])*" | '(?:\\.|[^'\\])*' """
_ASSIGNS = re.compile(r"(?<![\w.-])(-*[A-Za-z_][\w.-]*)\s*=\s*")
_ASSIGNED = re.compile(
    rf"""{_QUOTED} | (?: \$\{{[^{{}}]*\}} | [^\s&;,"'#\])}}] | ,(?!\s*["']?[\w.-]+["']?\s*[=:]) )+""", re.VERBOSE
)
_COLON = re.compile(
    rf"""(?P<open>[{{\[,(]\s*)?(?P<quote>["']?)(?<![\w./-])(?P<name>[A-Za-z_][\w.-]*)(?P=quote)(?P<sign>\s*:(?!/)\s*)
         (?P<value>{_QUOTED} | [^\s,;"')\]}}][^,;"')\]}}\n]*)""",
    re.VERBOSE,
)
_OPTION = re.compile(
    rf"""(?P<before>(?<!\S)(?P<name>--?[A-Za-z][\w-]*)\s+)(?P<value>{_QUOTED} | [^\s"'-]\S*)""", re.VERBOSE
)
_LOGIN = re.compile(r"((?<!\S)(?:-u|-U|--user|--proxy-user|--auth)[\s=]+[\"']?(?!\d+:\d+(?!\S))[\w.@\\-]+:)[^\s\"']+")
_SAYS_NOTHING = re.compile(
    r"(?:true|false|yes|no|on|off|none|null|\?\?\?|(?:\w{1,20}\s+)?\*\*\*|\$\{[^{},]*\})?", re.IGNORECASE
)
_PLAIN = re.compile(r"(?:[A-Z]?[a-z]{1,20}|[A-Z]{1,12})(?:[ _./:-]+(?:[A-Z]?[a-z]{1,20}|[A-Z]{1,12}|\d{1,3}))*")
_ENCODED = re.compile(r"(?:[A-Za-z0-9+/]{4}){3,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_WEAK_IN_TEXT = frozenset({"key", "keys", "pass", "tokens"})
"""Such a word alone in a text is mostly the name of a parameter: `sorted(x, key=len)`, `missing key: mug`."""


def masked_forms(text: str) -> str:
    """Return a free text without the parts whose form shows a secret, whatever their names are."""
    text = _PEM.sub(MASK, text)
    text = _PASSWORD_IN_ADDRESS.sub(rf"\1:{MASK}@", text)
    text = _TOKEN_IN_ADDRESS.sub(rf"\1{MASK}@", text)
    text = _HEADER.sub(rf"\1{MASK}", text)
    text = _COOKIE.sub(rf"\1{MASK}", text)
    text = _BEARER.sub(rf"\1 {MASK}", text)
    text = _BASIC.sub(_basic, text)
    text = _KNOWN.sub(MASK, text)
    text = _WEBHOOK.sub(rf"\1{MASK}", text)
    return _QUERY.sub(_query, text)


def masked_text(text: str) -> str:
    """Return a text of a configuration or a command line without secrets, by form and by name (`PGPASSWORD=x psql`)."""
    if _holds_encoded(text):
        return MASK
    text = _ONLY_BEARER.sub(rf"\1{MASK}", text) if _ONLY_BEARER.fullmatch(text) else masked_forms(text)
    text = _LOGIN.sub(rf"\1{MASK}", text)
    text = _COLON.sub(_colon, _without_assigned(text))
    return _OPTION.sub(_option, text)


def says_nothing(text: str) -> bool:
    """Return whether a value hides nothing whatever its name: `true`, `none`, `${oc.env:PASSWORD}`."""
    return _SAYS_NOTHING.fullmatch(text) is not None


def is_plain_word(text: str) -> bool:
    """Return whether a value consists of ordinary words, as a secret does not: `patch.depth`, `most_likely`."""
    return _PLAIN.fullmatch(text) is not None


def decoded_text(text: str) -> Optional[str]:
    """Return the text whose base64 `text` is (bytes are published so); None if it is not base64 of a text."""
    try:
        decoded = base64.b64decode(text, validate=True).decode()
    except (ValueError, UnicodeDecodeError):
        return None
    return decoded if all(letter.isprintable() or letter.isspace() for letter in decoded) else None


def _hides(name: str, value: str, *, weak: bool) -> bool:
    bare = value[1:-1] if value[:1] in {"'", '"'} and value[-1:] == value[:1] else value
    if says_nothing(bare) or (not weak and name.strip("-").lower() in _WEAK_IN_TEXT):
        return False
    kind = naming(name)
    return kind is Naming.SECRET or (kind is Naming.UNSURE and not is_plain_word(bare) and not bare.isdigit())


def _basic(match: re.Match[str]) -> str:
    decoded = decoded_text(match[2])
    return f"{match[1]}{MASK}" if decoded is not None and ":" in decoded else match[0]


def _query(match: re.Match[str]) -> str:
    return f"{match[1]}{match[2]}={MASK}" if _hides(match[2], match[3], weak=True) else match[0]


def _without_assigned(text: str) -> str:
    """Return a text without the values of its settings; a value may hold settings itself (`env="A=1 PGPASSWORD=x"`)."""
    shown: List[str] = []
    done = 0
    setting = _ASSIGNS.search(text)
    while setting is not None:
        shown.append(text[done : setting.end()])
        done = setting.end()
        value = _ASSIGNED.match(text, done) if naming(setting[1]) is not Naming.ORDINARY else None
        if value is not None and _hides(setting[1], value[0], weak=False):
            shown.append(MASK)
            done = value.end()
        setting = _ASSIGNS.search(text, done)
    return "".join([*shown, text[done:]])


def _colon(match: re.Match[str]) -> str:
    named = bool(match["quote"] or match["open"])
    if not _hides(match["name"], match["value"].strip(), weak=named):
        return match[0]
    return match[0][: match.start("value") - match.start()] + MASK


def _option(match: re.Match[str]) -> str:
    if asks_only(match["name"]) or not _hides(match["name"], match["value"], weak=True):
        return match[0]
    return match["before"] + MASK


def _holds_encoded(text: str) -> bool:
    """Return whether a text is base64 (as bytes are published) of a text that holds a secret."""
    decoded = decoded_text(text) if _ENCODED.fullmatch(text) else None
    return decoded is not None and masked_text(decoded) != decoded
