"""Compares what two runs left behind, value by value, and says where they differ."""

from __future__ import annotations

import csv
import inspect
import json
import warnings
from pathlib import Path
from typing import Any, Iterator

import numpy as np
import torch
from omegaconf import OmegaConf


def is_time(path: str) -> bool:
    """Return whether a path of names leads into something Monty calls a time."""
    return any("time" in name for name in path.split("/"))


def differences(a: Any, b: Any, path: str = "", above: tuple[int, ...] = ()) -> Iterator[str]:
    """Yield the path of every value in which two nested structures differ. `above` keeps cycles out."""
    if id(a) in above:
        return
    a, b, above = opened(a), opened(b), (*above, id(a))
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        for key in a:
            yield from differences(a[key], b[key], f"{path}/{key}", above)
    elif isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        for index, (left, right) in enumerate(zip(a, b)):
            if type(left) is not float or left != right:
                yield from differences(left, right, f"{path}/{index}", above)
    elif a != b and not (a != a and b != b):  # noqa: PLR0124 - NaN
        yield path


def opened(value: Any) -> Any:  # noqa: PLR0911 - one kind a line
    """Return what is in a tensor, an array, a configuration or an object, as plain lists and dicts."""
    if isinstance(value, torch.Tensor):
        return (value.to_dense() if value.is_sparse else value).tolist()
    if OmegaConf.is_config(value):
        return OmegaConf.to_container(value, resolve=False)
    if isinstance(value, np.ndarray | np.generic):
        return value.tolist()
    if isinstance(value, (tuple, set, frozenset)):
        return list(value) if isinstance(value, tuple) else sorted(value)
    if hasattr(value, "to_dict"):  # a graph of torch_geometric
        return value.to_dict()
    if hasattr(value, "__dict__") and not inspect.isroutine(value) and not isinstance(value, type):
        return {"class": type(value).__qualname__, **vars(value)}
    return value


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def episodes_of(path: Path) -> list[Any]:
    """Return Monty's detailed JSON: one episode a line."""
    return [next(iter(json.loads(line).values())) for line in path.read_text().splitlines()]


def model_of(path: Path) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch_geometric's, when it is imported
        return torch.load(path, weights_only=False)
