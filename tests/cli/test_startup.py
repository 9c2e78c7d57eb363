"""What the command line loads before it does anything, in modules: seconds differ from machine to machine."""

import json
import subprocess
import sys

import pytest

from gnssice_batch import run
from tests.cli.test_commands import COMMANDS
from tests.support.runs import DAY_ONE_S, name, rinex, settings, span_s, write

HEAVY = {
    *("numba", "llvmlite", "numpy", "pandas", "xarray", "zarr", "numcodecs", "icechunk", "dask", "distributed"),
    *("fsspec", "s3fs", "adlfs", "isal", "hatanaka", "georinex", "yaml", "rich"),
}
REPORT = """
import json, sys
from gnssice_batch.cli import main
try:
    main(sys.argv[1:])
except SystemExit as ended:
    assert not ended.code, ended.code
print(json.dumps(sorted(sys.modules)))
"""


def loaded(*arguments):
    """Return the modules of a process that has run a command."""
    ended = subprocess.run([sys.executable, "-c", REPORT, *arguments], capture_output=True, text=True, check=True)
    return set(json.loads(ended.stdout.splitlines()[-1]))


def libraries(modules):
    return {name.partition(".")[0] for name in modules}


def test_help_loads_the_signatures_of_the_commands_only():
    modules = loaded("--help")
    assert libraries(modules) & (HEAVY | {"pydantic"}) == set()
    own = {name for name in modules if name.startswith("gnssice_batch.") and not name.startswith("gnssice_batch.cli")}
    api = ("api", *(f"api.{name}" for name in ("files", "runs", "settings", "stores", "virtual", "vod")))
    assert own == {f"gnssice_batch.{name}" for name in (*api, "errors", "redaction", "visible", "wording")}


@pytest.mark.parametrize("command", [*COMMANDS, "quarantine list", "runs show"])
def test_help_of_a_command_loads_no_library_of_the_job(command):
    """Pydantic may be there: Typer makes the types of options with it."""
    assert libraries(loaded(*command.split(), "--help")) & HEAVY == set()


def test_the_version_loads_none_either():
    assert libraries(loaded("--version")) & HEAVY == set()


@pytest.mark.heavy
@pytest.mark.parametrize("command", ["status", "log"])
def test_a_look_at_a_store_loads_neither_the_reader_nor_dask(command, tmp_path):
    write(tmp_path / "archive", {name(DAY_ONE_S, "01H"): rinex(span_s(DAY_ONE_S, 1))})
    chosen = settings(tmp_path)
    run(chosen)
    words = tmp_path / "settings.json"
    words.write_text(chosen.model_dump_json(exclude_defaults=True), encoding="utf-8")
    reading = {"numba", "llvmlite", "dask", "distributed", "xarray", "hatanaka", "georinex"}
    assert libraries(loaded(command, "-c", str(words))) & reading == set()


LAST = """
import atexit, sys
import gnssice_batch.__main__ as program
class Last:
    def __del__(self):
        print("the interpreter was taken down", file=sys.stderr)
last = Last()
atexit.register(print, "what was registered has run", file=sys.stderr)
sys.argv = ["gnssice-batch", *sys.argv[1:]]
program.main()
"""


@pytest.mark.parametrize(("arguments", "code"), [(["--help"], 0), (["status", "-c", "nowhere.yaml"], 2)])
def test_the_end_of_the_program_is_not_that_of_the_interpreter(arguments, code):
    """Icechunk's threads may be at work: once in some thousand commands one ended by a segmentation fault."""
    ended = subprocess.run([sys.executable, "-c", LAST, *arguments], capture_output=True, text=True, check=False)
    assert ended.returncode == code
    assert "what was registered has run" in ended.stderr
    assert "taken down" not in ended.stderr
