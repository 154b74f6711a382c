"""This tool measures every function and module, writes complexity_report.json, and prints the worst ten functions.

radon measures cyclomatic complexity and maintainability index; lizard measures nesting, length and parameters.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import lizard
from lizard_ext.lizardnd import LizardExtension as NestingDepth
from radon.complexity import cc_visit
from radon.metrics import mi_visit

ROOT = Path(__file__).resolve().parent.parent
REPORT = ROOT / "complexity_report.json"
MEASURED = ("monty_mqtt", "core", "bridge", "liveview", "stack", "grafana", "tools", "benchmarks")


def main() -> int:
    """Write the report, print the worst ten functions; return the exit code."""
    modules = [measure(path) for path in sources()]
    functions = [function for module in modules for function in module["functions"]]
    worst = sorted(
        functions, key=lambda function: (function["cyclomatic_complexity"], function["length_lines"]), reverse=True
    )[:10]
    REPORT.write_text(json.dumps({"modules": modules, "worst_functions": worst}, indent=1) + "\n")
    print(f"{len(functions)} functions in {len(modules)} modules -> {REPORT.name}")
    print(f"{'complexity':>10} {'nesting':>8} {'lines':>6} {'parameters':>11}  function")
    for function in worst:
        numbers = (
            function["cyclomatic_complexity"],
            function["nesting"],
            function["length_lines"],
            function["parameters"],
        )
        print(
            "{:>10} {:>8} {:>6} {:>11}".format(*numbers), f" {function['file']}:{function['line']} {function['name']}"
        )
    lowest = min(modules, key=lambda module: module["maintainability_index"])
    print(f"lowest maintainability index: {lowest['maintainability_index']:.0f} of 100, {lowest['file']}")
    return 0


def sources() -> list[Path]:
    """Return the Python files that git knows, in the measured folders."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", *MEASURED]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    return [ROOT / name for name in listed if name.endswith(".py") and (ROOT / name).exists()]


def measure(path: Path) -> dict[str, Any]:
    """Return a module's measures and those of its functions."""
    code = path.read_text()
    name = str(path.relative_to(ROOT))
    complexity = {block.lineno: block.complexity for block in cc_visit(code)}
    for block in cc_visit(code):
        complexity.update({method.lineno: method.complexity for method in getattr(block, "methods", [])})
    lengths = {node.lineno: (node.end_lineno or node.lineno) - node.lineno + 1 for node in functions_of(code)}
    analyzer = lizard.FileAnalyzer(lizard.get_extensions([NestingDepth()]))
    functions = [
        {
            "file": name,
            "name": function.name,
            "line": function.start_line,
            "cyclomatic_complexity": complexity.get(function.start_line, function.cyclomatic_complexity),
            "nesting": function.max_nesting_depth,
            "length_lines": lengths.get(function.start_line, function.length),
            "parameters": len(function.full_parameters),
        }
        for function in analyzer.analyze_source_code(str(path), code).function_list
    ]
    return {"file": name, "maintainability_index": mi_visit(code, multi=True), "functions": functions}


def functions_of(code: str) -> list[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Return every function definition, including nested ones."""
    return [node for node in ast.walk(ast.parse(code)) if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef))]


if __name__ == "__main__":
    sys.exit(main())
