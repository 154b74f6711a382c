"""This module removes the secrets from a configuration or a command line. Pure.

Called by `run_info` for all that a run publishes of its configuration. A value becomes `***` if its name
(`secret_names`) or its form (`secret_texts`) shows a secret; the rest stays, so that a run can be repeated.
"""

from __future__ import annotations

import re
from typing import Any, Dict, List, Sequence

from monty_mqtt.masking.secret_names import Naming, asks_only, naming
from monty_mqtt.masking.secret_texts import decoded_text, is_plain_word, masked_text, says_nothing
from monty_mqtt.wire.json_values import plain
from monty_mqtt.wire.vocabulary import MASK

__all__ = ["masked", "masked_arguments"]

_OPTION = re.compile(r"--?[A-Za-z][\w.-]*")
_SETTING = re.compile(r"([-+~]*)([\w.\-/@\[\]]+)=(.*)", re.DOTALL)
_NAME = re.compile(r"[^\s=:@?&]+(?: [^\s=:@?&]+){0,2}")
_SHELL = "-c"
_LOGIN_OPTIONS = ("-u", "-U", "--user", "--proxy-user")
_NAMES = ("name", "key", "header", "variable")
_PAIR = 2


def masked(value: Any) -> Any:
    """Return any value (a configuration, Hydra's overrides by key) as plain JSON without its secrets."""
    return _masked(plain(value)[0])


def masked_arguments(arguments: Sequence[str]) -> List[str]:
    """Return a command line without its secrets: `--password=x`, `--password x`, `a.b.api_key=x`, `http://u:x@host`."""
    return [_argument(argument, before) for before, argument in zip(["", *arguments], arguments)]


def _masked(value: Any) -> Any:
    if isinstance(value, dict):
        return _mapping(value)
    if isinstance(value, list):
        return _sequence(value)
    return masked_text(value) if isinstance(value, str) else value


def _mapping(values: Dict[str, Any]) -> Dict[str, Any]:
    shown = {masked_text(key): _if_secret(_key(key), inner) for key, inner in values.items()}
    if "value" in shown and len(shown) <= _PAIR + 1:  # {"name": "PGPASSWORD", "value": "x"}
        name = next((values[key] for key in _NAMES if isinstance(values.get(key), str)), "")
        own = next((key for key in _NAMES if key in values), "")
        shown["value"] = _if_secret(naming(name), values["value"])
        if own:
            shown[own] = masked_text(values[own]) if isinstance(values[own], str) else _masked(values[own])
    return shown


def _key(key: str) -> Naming:
    """Return what a key says about its value; a key of bytes (as in `os.environb`) has become base64."""
    names = [name for name in (key, decoded_text(key)) if name is not None and _NAME.fullmatch(name)]
    kinds = [naming(name) for name in names]
    return next((kind for kind in (Naming.SECRET, Naming.UNSURE) if kind in kinds), Naming.ORDINARY)


def _sequence(values: List[Any]) -> List[Any]:
    if values and all(isinstance(inner, str) for inner in values):
        return masked_arguments(values)
    return [_pair(inner) if _is_pair(inner) else _masked(inner) for inner in values]


def _is_pair(value: Any) -> bool:
    return isinstance(value, list) and len(value) == _PAIR and isinstance(value[0], str)


def _pair(pair: List[Any]) -> List[Any]:
    return [masked_text(pair[0]), _if_secret(naming(pair[0]), pair[1])]


def _argument(argument: str, before: str) -> str:
    """Return a masked word of a command line; `before` is the previous word, which may be the option that names it."""
    if _hides_next(before) and not argument.startswith("-"):
        return str(_if_secret(Naming.SECRET, argument))
    if before == _SHELL:
        return masked_text(argument)
    if before in _LOGIN_OPTIONS:  # the word holds a user name and a password
        return masked_text(f"{before} {argument}")[len(before) + 1 :]
    setting = _SETTING.fullmatch(argument)
    if setting is None:
        return masked_text(argument)
    kind = naming(setting[2])
    hidden = _if_secret(kind, setting[3])
    return f"{setting[1]}{setting[2]}={hidden}" if kind is not Naming.ORDINARY else masked_text(argument)


def _hides_next(argument: str) -> bool:
    option = _OPTION.fullmatch(argument)
    return option is not None and not asks_only(argument) and naming(argument) is Naming.SECRET


def _if_secret(kind: Naming, value: Any) -> Any:
    """Return `value`, or the mask if its name demands it."""
    if not value or isinstance(value, bool) or (isinstance(value, str) and says_nothing(value)):
        return value
    if kind is Naming.SECRET or (kind is Naming.UNSURE and _looks_secret(value)):
        return MASK
    return _masked(value)


def _looks_secret(value: Any) -> bool:
    if isinstance(value, list):
        return any(_looks_secret(inner) for inner in value)
    return isinstance(value, str) and not is_plain_word(value) and not value.isdigit()
