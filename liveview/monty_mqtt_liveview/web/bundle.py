"""Serves the built front end, the files of `static/`, and knows which of them a view needs.

Called by `documents`. `make web` builds the folder from `liveview/web` and the wheel carries it: whoever runs the page
needs no Node.
"""

from __future__ import annotations

import gzip
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
from starlette.responses import Response

from monty_mqtt.errors import ServiceError
from monty_mqtt_liveview.web.responses import not_found

__all__ = ["ASSETS", "Bundle"]

ASSETS = "/assets"
_STATIC = Path(__file__).parent.parent / "static"
_MANIFEST = "manifest.json"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".md": "text/plain; charset=utf-8",
    ".svg": "image/svg+xml",
    ".ts": "text/plain; charset=utf-8",
    ".txt": "text/plain; charset=utf-8",
    ".woff2": "font/woff2",
}
_PACKED = ".woff2"
_BEGINS = "start"
_FOR_GOOD = "public, max-age=31536000, immutable"


class Chunk(msgspec.Struct, frozen=True):
    """Describes a file of the bundle, as Vite's manifest does.

    Attributes:
        file: Its name, with a digest of its content.
        name: Name of the module that it begins with; empty for a style sheet or a font.
        imports: Keys of the chunks that it needs at once.
        css: Names of its style sheets.
        is_entry: Whether a document begins with it.
    """

    file: str
    name: str = ""
    imports: tuple[str, ...] = ()
    css: tuple[str, ...] = ()
    is_entry: bool = msgspec.field(default=False, name="isEntry")


class _Content(NamedTuple):
    plain: bytes
    packed: bytes | None


class Bundle:
    """Knows the built files by name.

    Args:
        folder: Where they are.

    Raises:
        ServiceError: They were not built.
    """

    def __init__(self, folder: Path = _STATIC) -> None:
        manifest = folder / _MANIFEST
        if not manifest.is_file():
            raise ServiceError(f"the page's front end is not built, {manifest} is missing: make web")
        self._chunks = msgspec.json.decode(manifest.read_bytes(), type=dict[str, Chunk])
        self._entries = {chunk.name: chunk for chunk in self._chunks.values() if chunk.is_entry}
        self._begins = self._entries[_BEGINS]
        self._files = {path.name: path for path in folder.iterdir() if path.suffix in _TYPES}
        self._content = cache(self._read)

    def tags(self, view: str) -> str:
        """Return the HTML tags of the document's head that load a view: `runs`, `run`, `workers`, or none of them."""
        chunks = [self._begins, *(chunk for chunk in self._chunks.values() if chunk.name == f"{view}_view")]
        modules = dict.fromkeys(file for chunk in chunks for file in self._needed(chunk))
        sheets = dict.fromkeys(sheet for chunk in self._chunks.values() for sheet in chunk.css)
        links = [f'<link rel="stylesheet" href="{ASSETS}/{sheet}" />' for sheet in sheets]
        links += [f'<link rel="modulepreload" href="{ASSETS}/{module}" />' for module in modules]
        script = f'<script type="module" src="{ASSETS}/{self._begins.file}"></script>'
        return "\n    ".join([*links, script])

    def script(self, entry: str) -> str:
        """Return the script that another document begins with; it stands alone, and may stand in the document."""
        return self.text(self._entries[entry].file)

    def text(self, name: str) -> str:
        """Return the content of a file that is text."""
        return self._content(name).plain.decode()

    def answer(self, name: str, *, takes_gzip: bool) -> Response:
        """Return a file as a response, packed if the browser takes that.

        Raises:
            HTTPException: 404, there is no such file.
        """
        if name not in self._files:
            raise not_found(f"no file {name!r}")
        content = self._content(name)
        is_packed = takes_gzip and content.packed is not None
        headers: dict[str, Any] = {"Cache-Control": self._keeps(name), "Vary": "Accept-Encoding"}
        if is_packed:
            headers["Content-Encoding"] = "gzip"
        body = content.packed if is_packed else content.plain
        return Response(body, media_type=_TYPES[self._files[name].suffix], headers=headers)

    def _needed(self, chunk: Chunk) -> list[str]:
        """Return the names of a chunk's file and of all that it imports, what is needed first last."""
        return [chunk.file, *(file for key in chunk.imports for file in self._needed(self._chunks[key]))]

    def _keeps(self, name: str) -> str:
        """Return how long a browser may keep a file: for ever if its name changes with its content."""
        named = {name for chunk in self._chunks.values() for name in (chunk.file, *chunk.css)}
        return _FOR_GOOD if name in named else "no-cache"

    def _read(self, name: str) -> _Content:
        path = self._files[name]
        plain = path.read_bytes()
        return _Content(plain, None if path.suffix == _PACKED else gzip.compress(plain, mtime=0))
