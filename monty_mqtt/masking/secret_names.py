"""This module decides by the name of a setting whether its value is a secret. Pure.

Called by `config_masking` for each key of a configuration and each option of a command line, and by `secret_texts`.

A name is read by its words: `wandbApiKey`, `WANDB_API_KEY`, `wandb-api-key` and `wandb.apikey` are the same. Some words
mark a secret wherever they stand (`password`), some only beside others: `api_key` names a secret, `sort_key` does not;
`hf_token` does, `pad_token` and `max_tokens` do not. If the words do not decide, the value does.
"""

from __future__ import annotations

import enum
import re
from functools import lru_cache
from typing import List, Sequence

__all__ = ["Naming", "asks_only", "naming"]


class Naming(enum.Enum):
    """Naming is what a name says about its value."""

    SECRET = enum.auto()
    UNSURE = enum.auto()
    ORDINARY = enum.auto()


def _words_of(text: str) -> frozenset[str]:
    return frozenset(text.split())


_WORD = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_SEGMENTS = re.compile(r"[./:\[\]]+")

_VENDORS = (
    "anthropic|aws|azure|clearml|comet|databricks|datadog|discord|docker|gcp|gh|github|gitlab|google|grafana|hf|"
    "huggingface|influx|influxdb|kaggle|mailgun|mistral|mlflow|mqtt|neptune|npm|openai|pypi|s3|sendgrid|sentry|slack|"
    "stripe|telegram|twilio|vault|wandb"
)
_OF_A_KEY = (
    "api|access|account|admin|app|auth|client|deploy|encryption|encrypt|decryption|licen[cs]e|master|pgp|gpg|private|"
    "rsa|secret|security|service|session|shared|signing|ssh|storage|subscription|symmetric|tls|webhook"
)
_WHOSE = {
    "token": "access|api|auth|bearer|bot|csrf|deploy|oauth|oauth2|personal|refresh|secret|security|service|session",
    "pass": "admin|database|db|ftp|http|ldap|login|mail|mongo|mysql|pg|postgres|proxy|redis|root|smtp|sql|ssh|user",
}

_SECRET = re.compile(
    rf"""(?:
        .*(?:password|passwd|passphrase|passcode|passwort|kennwort)s? | .*pwd | .*secrets? | .*credentials? | .*creds
        | .*(?:{_OF_A_KEY})keys? | (?:{_VENDORS})keys?
        | .*(?:{_WHOSE["token"]})tokens? | (?:{_VENDORS})tokens?
        | .*(?:{_WHOSE["pass"]}|{_VENDORS})pass
    )\d*""",
    re.VERBOSE,
)
"""Words, or two neighbouring words written as one, that name a secret unless a word of `_ABOUT` follows."""

_SECRET_AT_THE_END = _words_of("authorization bearer cred jwt otp proxyauthorization token totp")
_UNSURE_AT_THE_END = _words_of("auth cookie cookies key keys pass pat sig signature tokens")
_SECRET_ALONE = _words_of("key keys pass tokens")

_ABOUT = _words_of(
    "age algorithm attempts backend class column count dir directory endpoint env expiration expires expiry field file "
    "filename files folder format header hint index kind len length lifetime limit location manager method min max "
    "name names path policy prompt provider required retries rotation size store strength timeout ttl type uri url "
    "usage var variable version"
)
"""After a secret word these mean: about the secret, not the secret itself (`password_file`, `secret_name`)."""

_STILL_THE_VALUE = _words_of(
    "backup current dev new old plain prev previous prod production raw staging str string v value"
)

_COUNTING = _words_of("avg count counts len length max maximum mean min minimum n nr num number total")

_ORDINARY_BEFORE = {
    "key": _words_of(
        "action agent all alt answer any arrow attention attr attribute authorized batch by cache camera category "
        "class color colour column config control ctrl data dataset default depth dict dictionary distinct down "
        "enter entry env environment epoch episode escape event feature field file first foreign function graph "
        "group hash hot id idempotency image index input item job join known label language last layer left legend "
        "level lm location log lookup loss map mapping message meta metric missing mode model module monitor music "
        "name natural node object obs observation off on order output param parameter partition patch path piano "
        "pixel pose position press primary prng process public query random range record reduce required reward rgb "
        "rgba right rng rotation routing row sample search seed segmentation sensor shard shift shortcut sm sort "
        "sorting source space state step surrogate tab table tag target task time topic translation type unique "
        "unknown up valid value vector view world "
    ),
    "token": _words_of(
        "audio begin bos class cls context empty end eos first full generated image input last mask masked next output "
        "pad padding per prev previous prompt query sep separator special start stop sub text this unk unknown video "
        "vocab word"
    ),
    "pass": _words_of(
        "all any backward band by bypass each final first forward full high last low multi one pre render second "
        "single third two validation"
    ),
}
_ORDINARY_JOINED_TOKEN = re.compile(r"(?:be|bos|cls|de|eos|mask|multi|non|pad|pre|post|re|sep|sub|unk)token")

_LONGEST_NAME = 200
_ASKS = _words_of("allow ask disable enable force has is no prompt read require show skip use with without")


@lru_cache(maxsize=1024)
def naming(name: str) -> Naming:
    """Return what a key, an option or a dotted path says about its value; its most secret part decides."""
    if len(name) > _LONGEST_NAME:
        return Naming.ORDINARY
    parts = [_part(_words(part)) for part in _SEGMENTS.split(name)]
    return next((kind for kind in (Naming.SECRET, Naming.UNSURE) if kind in parts), Naming.ORDINARY)


def asks_only(option: str) -> bool:
    """Return whether an option has no value of its own: `--ask-pass`, `--no-password`."""
    words = _words(option)
    return bool(words) and words[0] in _ASKS


def _words(name: str) -> List[str]:
    return [word.lower() for word in _WORD.findall(name)]


def _part(words: Sequence[str]) -> Naming:
    if not words or words[0] in _COUNTING:
        return Naming.ORDINARY
    joined = [first + second for first, second in zip(words, words[1:])]
    for written, last in [(words, 0), (joined, 1)]:
        for index, word in enumerate(written):
            if _SECRET.fullmatch(word) and not _ABOUT.intersection(words[index + last + 1 :]):
                return Naming.SECRET
    return _end(words)


def _end(words: Sequence[str]) -> Naming:
    """Decide by the last word, and by the word before it."""
    *before, last = _without_ending(words)
    if _COUNTING.intersection(words) or (before and before[-1] in _ORDINARY_BEFORE.get(last.rstrip("s"), ())):
        return Naming.ORDINARY
    if _is_secret_at_the_end(last) or (list(words) == [last] and last in _SECRET_ALONE):
        return Naming.SECRET
    return Naming.UNSURE if last in _UNSURE_AT_THE_END and (before or len(words) == 1) else Naming.ORDINARY


def _without_ending(words: Sequence[str]) -> List[str]:
    """Return the words without the numbers and the words of `_STILL_THE_VALUE` at their end."""
    kept = list(words)
    while len(kept) > 1 and (kept[-1].isdigit() or kept[-1] in _STILL_THE_VALUE):
        kept.pop()
    return kept


def _is_secret_at_the_end(word: str) -> bool:
    return word in _SECRET_AT_THE_END or (word.endswith("token") and not _ORDINARY_JOINED_TOKEN.fullmatch(word))
