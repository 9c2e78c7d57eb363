"""A text put into a file as a whole: what stood there before stays until the new text is written."""

import secrets
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

_OF_THE_SYSTEM: Final = Path("/dev")


def put_text(text: str, path: Path) -> None:
    """Write a text beside a file and give it the file's name; what is no file, as a pipe, is written to.

    A link stays one, and a file keeps its rights. Where nothing may be made beside it a file is written over.

    Raises
    ------
    OSError
        When it can't be written; a file that was there stands as it was.
    """
    mode = path.stat().st_mode if path.exists() else None
    if _OF_THE_SYSTEM in path.parents or (mode is not None and not stat.S_ISREG(mode)):
        path.write_text(text, encoding="utf-8")
        return
    place = path.resolve()
    unfinished = place.with_name(f".{place.name}.{secrets.token_hex(4)}.unfinished")
    try:
        file = unfinished.open("x", encoding="utf-8")
    except PermissionError:
        place.write_text(text, encoding="utf-8")
        return
    try:
        with file:
            file.write(text)
        if mode is not None:
            with suppress(PermissionError):
                unfinished.chmod(stat.S_IMODE(mode))
        unfinished.replace(place)
    finally:
        unfinished.unlink(missing_ok=True)
