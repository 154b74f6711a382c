"""Writes command lines for Monty's runners, quoted for Hydra and for the shell. Pure.

Called by `redo`, which decides what to repeat; returns a command that can be pasted into a terminal.

The overrides of the run's own command line are kept unchanged, since Hydra accepted them once, except those that the
repetition sets itself. New overrides are quoted by Hydra's grammar: a comma outside of quotes would start a sweep, and
`episodes=5` would be the number 5, which Monty's runner (the same in 0.54 and 0.55) cannot read.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import PurePosixPath

from monty_mqtt.sweep_job import FLAGS_WITH_A_VALUE, SWEEP_FLAGS
from monty_mqtt.wire import schema
from monty_mqtt.wire.vocabulary import MASK

__all__ = ["command_line", "for_shell", "ranges"]

_LOGGERS = "tbp.monty.frameworks.loggers"
LOGGING = (
    "++experiment.config.logging.monty_data_logger={"
    f"_target_:{_LOGGERS}.graph_matching_loggers.DetailedGraphMatchingLogger,"
    f"handlers:[{{_target_:{_LOGGERS}.monty_handlers.BasicCSVStatsHandler}},"
    f"{{_target_:{_LOGGERS}.monty_handlers.DetailedJSONHandler}}]}}"
)
"""Equals detailed_info_monty_runs of Monty's conf/logging: it writes eval_stats.csv, and every step into
detailed_run_stats.json. Not `logging=…`: some experiments have no such choice, or set their own after it."""

_OF_ITSELF = re.compile(
    r"\+{0,2}(num_parallel|episodes|hydra\.callbacks\.live_view[^=]*"
    r"|experiment\.config\.(liveview\.(run|started)|logging\.(run_name|monty_data_logger[^=]*)|do_train|do_eval))="
)
_EXPERIMENT = re.compile(r"\+{0,2}experiment=")
_MODEL = re.compile(r"\+{0,2}experiment\.config\.model_name_or_path=")
_OUTPUT = re.compile(r"\+{0,2}experiment\.config\.logging\.output_dir=")
_PLAIN = re.compile(r"(?!(null|true|false|inf|nan)$)[a-z_][\w./-]*", re.IGNORECASE | re.ASCII)
_SAFE_IN_QUOTES = re.compile(r"[^\"$`\\!]*")
_RUNNERS = {"run.py", "run_parallel.py"}
_WITHOUT_PARALLEL = re.compile(r"-(parallel_(eval|train)_episode_.*)$", re.DOTALL)


def command_line(about: schema.Info, episodes: str | None, more: Sequence[str] = ()) -> tuple[str | None, list[str]]:
    """Return the command that repeats chosen episodes of a run (None if it cannot be repeated), and notes for the user.

    Args:
        about: The run's `info` message.
        episodes: Numbers as Monty's parallel runner takes them: `3`, `0,3,5:8`; None means all, one after another.
        more: Further overrides for Hydra.
    """
    program, *given = about.command_line or [""]
    if SWEEP_FLAGS.intersection(given):
        return None, ["The run was one of a sweep (--multirun): repeat it with the overrides that were its own."]
    kept = [word for word in given if not _OF_ITSELF.match(word)]
    if not any(map(_EXPERIMENT.match, kept)):
        kept = [f"experiment={for_hydra(about.experiment or '')}", *kept]
    flags, kept = _flags_apart(kept)
    words = [
        *_runner(program, flags, is_parallel=episodes is not None),
        *kept,
        *_model(about, kept),
        *_output(about, kept),
        *([] if episodes is None else [f"episodes='{episodes}'"]),
        LOGGING,
        f"++experiment.config.logging.run_name={run_name(about)}",
        *more,
    ]
    there = [f"cd {for_shell(about.working_directory)} &&"] if about.working_directory else []
    return " ".join([*there, *map(for_shell, words)]), _notes(about, kept)


def ranges(numbers: Iterable[int]) -> str:
    """Return ascending numbers in the form that Monty's runner takes: `0,3,5:8` is 0, 3, 5, 6, 7."""
    parts: list[list[int]] = []
    for number in numbers:
        if parts and number == parts[-1][1]:
            parts[-1][1] += 1
        else:
            parts.append([number, number + 1])
    return ",".join(str(first) if end == first + 1 else f"{first}:{end}" for first, end in parts)


def run_name(about: schema.Info) -> str:
    """Return a run name for the repetition, so that its results do not overwrite the run's own."""
    name = _WITHOUT_PARALLEL.sub("", about.run_name or "") or (about.experiment or "").rpartition("/")[2]
    return f"{re.sub(r'[^A-Za-z0-9_.-]', '_', name) or 'experiment'}_redo"


def output_dir(about: schema.Info) -> PurePosixPath | None:
    """Return the directory that contains the run's own directory of results; None if the run did not report it."""
    logging = about.config.get("logging")
    path = logging.get("output_dir") if isinstance(logging, dict) else None
    if not isinstance(path, str) or not path.startswith("/"):
        return None
    directory, run = PurePosixPath(path), about.run_name or ""
    if about.output_dir is None:  # true for the parent of a parallel run, which writes nothing itself
        return directory
    # Results are in <directory>/<run>, of a worker in <directory>/<run>/<run>-parallel_…; pretraining adds one level.
    for name in dict.fromkeys(("pretrained", run, _WITHOUT_PARALLEL.sub("", run))):
        directory = directory.parent if directory.name == name else directory
    return directory


def for_hydra(value: str) -> str:
    """Return a text as a value of Hydra's override grammar (1.3), quoted if necessary."""
    if _PLAIN.fullmatch(value):
        return value
    # Backslashes count only before a quote: https://hydra.cc/docs/advanced/override_grammar/basic/#quoted-values
    escaped = re.sub(r"(\\*)\$\{", r"\1\1\\${", re.sub(r"(\\*)'", r"\1\1\\'", value))
    trailing = len(escaped) - len(escaped.rstrip("\\"))
    return f"'{escaped}{escaped[len(escaped) - trailing :]}'"


def for_shell(word: str) -> str:
    """Return a word quoted for bash, zsh and similar shells; it contains no characters that control a terminal."""
    if not word.isprintable():
        escaped = "".join(_escaped(character) for character in word)
        return f"$'{escaped}'"
    quoted = shlex.quote(word)
    in_need = quoted != word and "'" in word
    return f'"{word}"' if in_need and _SAFE_IN_QUOTES.fullmatch(word) else quoted


def _escaped(character: str) -> str:
    if character in "\\'":
        return f"\\{character}"
    if character.isprintable():
        return character
    return "".join(f"\\x{byte:02x}" for byte in character.encode("utf-8", "surrogatepass"))


def _model(about: schema.Info, kept: Sequence[str]) -> list[str]:
    """Return the path of the model: experiments take it from `MONTY_MODELS`, which another terminal may lack."""
    path = about.config.get("model_name_or_path")
    if not isinstance(path, str) or not path.startswith("/") or any(map(_MODEL.match, kept)):
        return []
    return [f"++experiment.config.model_name_or_path={for_hydra(path)}"]


def _output(about: schema.Info, kept: Sequence[str]) -> list[str]:
    """Return the override of the output directory: experiments take it from `MONTY_LOGS`."""
    directory = output_dir(about)
    if directory is None or any(map(_OUTPUT.match, kept)):
        return []
    return [f"++experiment.config.logging.output_dir={for_hydra(str(directory))}"]


def _flags_apart(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Separate Hydra's own flags with their values (`--config-dir DIR`) from the overrides."""
    flags: list[str] = []
    overrides: list[str] = []
    for word in words:
        is_value = bool(flags) and flags[-1] in FLAGS_WITH_A_VALUE
        (flags if is_value or word.startswith("-") else overrides).append(word)
    return flags, overrides


def _runner(program: str, flags: Sequence[str], *, is_parallel: bool) -> list[str]:
    # Flags come first: Hydra's parser accepts none after an override.
    directory, slash, name = program.rpartition("/")
    if name in _RUNNERS and not directory.endswith("monty_mqtt"):
        runner, at_once = ("run_parallel.py", ["num_parallel=1"]) if is_parallel else ("run.py", [])
        return ["python", f"{directory}{slash}{runner}", *flags, *at_once]
    # `monty-mqtt run` would take the flags as its own.
    start = ["python", "-m", "monty_mqtt.run"] if flags else ["monty-mqtt", "run"]
    return [*start, *(["--parallel", "1"] if is_parallel else []), *flags]


def _notes(about: schema.Info, kept: Sequence[str]) -> list[str]:
    notes = [_where(about)]
    if (about.command_line or [""])[0] in _RUNNERS and not about.working_directory:
        notes.append("Run it in the directory that has run_parallel.py.")
    notes.append(f"Every step is then in {_steps_file(about)}; it is large.")
    if any(MASK in word for word in kept):
        notes.append(f"Put the secrets back where it says {MASK}.")
    return [note for note in notes if note]


def _where(about: schema.Info) -> str:
    where = [f"on {about.host}"] if about.host else []
    where += [f"in environment {about.environment}"] if about.environment else []
    return f"Run it {' '.join(where)}." if where else ""


def _steps_file(about: schema.Info) -> str:
    directory, file = output_dir(about), f"{run_name(about)}/detailed_run_stats.json"
    return f"{file}, where Monty writes its results" if directory is None else str(directory / file)
