"""Whether the libraries that pages are made with are installed."""

from importlib.util import find_spec
from typing import Final

from gnssice_batch.errors import ConfigError

_NEEDED: Final = ("jinja2", "matplotlib")


def check_libraries() -> None:
    """Find out whether pages can be made, before the work for one begins.

    Raises
    ------
    ConfigError
        When a library is missing.
    """
    missing = [name for name in _NEEDED if find_spec(name) is None]
    if missing:
        message = (
            f"a report as HTML needs {' and '.join(missing)}: pip install 'gnssice-batch[report]', or name it .json"
        )
        raise ConfigError(message)
