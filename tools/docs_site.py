"""This hook of MkDocs adds the pages of the repository's root, the files that pages link to, and Mermaid.

Called by `make docs`. README is the first page; the other Markdown files of the root that exist, and that of the
tests, come last. A link out of docs/ leads to such a page, or to a copy of the file that it names.
"""

from __future__ import annotations

import posixpath
import re
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files
    from mkdocs.structure.pages import Page

PAGES = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "tests/README.md": "tests.md",
    "SECURITY.md": "security.md",
    "CODE_OF_CONDUCT.md": "code_of_conduct.md",
}
"""The name in docs/ under which each page from elsewhere in the repository appears."""
ICON = "liveview/web/public/icon.svg"
MERMAID = "tools/mermaid"
"""Folder whose package-lock.json names Mermaid; docs/mermaid.mjs loads it."""
LINK = re.compile(r"(\]\(|\bsrc=\"|\bhref=\")([^)\"#:]+)(?=[)\"#])")


def on_config(config: MkDocsConfig) -> None:
    """Append the root's pages that exist to the navigation."""
    project = [page for name, page in PAGES.items() if page != "index.md" and (root(config) / name).exists()]
    config.nav = [*config.nav, {"Project": project}]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the root's pages, the files outside docs/ that pages link to, the icon, and Mermaid."""
    top = root(config)
    sources = [(top / name, page) for name, page in PAGES.items() if (top / name).exists()]
    for path, page in sources:
        files.append(File.generated(config, page, content=relinked(path.read_text(), path.parent, config)))
    for path in sorted(linked(config, [path for path, _ in sources])):
        files.append(File.generated(config, f"files/{path.relative_to(top)}", abs_src_path=str(path)))
    files.append(File.generated(config, "icon.svg", abs_src_path=str(top / ICON)))
    built = mermaid(top / MERMAID)
    for module in [built / "mermaid.esm.min.mjs", *(built / "chunks" / "mermaid.esm.min").glob("*.mjs")]:
        files.append(File.generated(config, f"mermaid/{module.relative_to(built)}", abs_src_path=str(module)))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, **_: object) -> str:
    """Change links that lead out of docs/ to the places that their targets have on the site."""
    source = page.file.abs_src_path
    return relinked(markdown, Path(source).parent, config) if source else markdown


def mermaid(folder: Path) -> Path:
    """Return the folder of Mermaid's modules, installed with npm at first use.

    Raises:
        PluginError: npm is missing, or fails.
    """
    installed = folder / "node_modules" / "mermaid" / "dist"
    if not installed.is_dir():
        if not shutil.which("npm"):
            raise PluginError("Mermaid draws the diagrams and comes with npm, which is missing: apt install nodejs npm")
        command = ["npm", "ci", "--no-audit", "--no-fund", "--loglevel=error"]
        if subprocess.run(command, cwd=folder, check=False).returncode:
            raise PluginError(f"npm ci failed in {folder}")
    return installed


def root(config: MkDocsConfig) -> Path:
    """Return the folder of mkdocs.yml."""
    return Path(config.config_file_path).resolve().parent


def relinked(markdown: str, folder: Path, config: MkDocsConfig) -> str:
    """Return a page of `folder` with its links as they are in docs/."""

    def replaced(link: re.Match[str]) -> str:
        return link[1] + place(folder / link[2], folder, config, link[2])

    return LINK.sub(replaced, markdown)


def place(target: Path, folder: Path, config: MkDocsConfig, written: str) -> str:
    """Return the link to a file: in docs/, a page of the root, or the copy of another; else the link as written."""
    docs, top = Path(config.docs_dir), root(config)
    target = target.resolve()
    here = str(folder.relative_to(docs)) if folder.is_relative_to(docs) else "."
    if not target.exists() or not target.is_relative_to(top):
        return written
    if target.is_relative_to(docs):
        return posixpath.relpath(str(target.relative_to(docs)), here)
    name = str(target.relative_to(top))
    return posixpath.relpath(PAGES.get(name, f"files/{name}"), here)


def linked(config: MkDocsConfig, pages: list[Path]) -> set[Path]:
    """Return the files outside docs/ that pages link to and that are not pages themselves."""
    docs, top = Path(config.docs_dir), root(config)
    targets = {
        (path.parent / link[2]).resolve()
        for path in [*pages, *docs.rglob("*.md")]
        for link in LINK.finditer(path.read_text())
    }
    inside = {path for path in targets if path.is_file() and path.is_relative_to(top) and not path.is_relative_to(docs)}
    return {path for path in inside if str(path.relative_to(top)) not in PAGES}
