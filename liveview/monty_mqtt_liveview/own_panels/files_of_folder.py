"""Reads a text file of a folder, bounded: nothing that lies elsewhere, nothing that is too large.

Called by the other modules of `own_panels`.
"""

from __future__ import annotations

from pathlib import Path

from monty_mqtt.errors import ServiceError

__all__ = ["read_text"]


def read_text(folder: Path, name: str, most_bytes: int) -> str:
    """Return the text of a file that lies directly in a folder.

    Args:
        folder: The folder.
        name: Name of the file.
        most_bytes: How large it may be.

    Raises:
        FileNotFoundError: There is no such file.
        ServiceError: It cannot be used; the text names it and says why, in one line.
    """
    path = folder / name
    try:
        place = path.resolve(strict=True)
        if place.parent != folder.resolve():
            raise ServiceError(f"{name!r}: a link to a file outside of its folder is not read")
        if not place.is_file():
            raise ServiceError(f"{name!r}: it is no file")
        with place.open("rb") as file:
            content = file.read(most_bytes + 1)
        if len(content) > most_bytes:
            raise ServiceError(f"{name!r}: it has more than {most_bytes:,} bytes")
        return content.decode()
    except FileNotFoundError:
        raise
    except (OSError, RuntimeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "links in a circle"
        raise ServiceError(f"{name!r}: it cannot be read ({reason})") from None
    except UnicodeDecodeError:
        raise ServiceError(f"{name!r}: it is not text in UTF-8") from None
