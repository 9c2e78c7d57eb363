"""Damage as found in archives: files cut short by a broken transfer, files that are something else."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

from gnssice_batch.simulate.files import faults_as_config_errors

_PAGE: Final = b"<html><head><title>404 Not Found</title></head><body>Not Found</body></html>\n"


def damage(files: Sequence[Path], count: int) -> list[Path]:
    """Damage so many files, evenly spaced: by turns cut short in the middle, and replaced by an error page.

    Parameters
    ----------
    files
        Files of an archive.
    count
        How many to damage, at most all.

    Returns
    -------
    list of Path
        The damaged files.

    Raises
    ------
    ConfigError
        When one can't be written.
    """
    count = min(count, len(files))
    chosen = [files[(2 * number + 1) * len(files) // (2 * count)] for number in range(count)]
    for number, path in enumerate(chosen):
        content = path.read_bytes()
        with faults_as_config_errors(path):
            path.write_bytes(_PAGE if number % 2 else content[: len(content) // 2])
    return chosen
