"""Small files of each kind, which together make the reader use all of its kernels."""

from collections.abc import Iterator


def small_files() -> Iterator[bytes]:
    """Yield RINEX 2 and 3 as text, as CRINEX 1 and 3, and compressed with LZW."""
    import hatanaka  # noqa: PLC0415 - only who asks for it pays for it
    import ncompress  # noqa: PLC0415

    for text in (_rinex_2(), _rinex_3()):
        yield text
        yield bytes(hatanaka.rnx2crx(text))
        yield bytes(ncompress.compress(text))


def _rinex_2() -> bytes:
    types = _record("     4    C1    L1    D1    S1", "# / TYPES OF OBSERV")
    epochs = (f" 25  1  1  0  0{second:11.7f}  {flag}  1G01\n{_fields()}" for second, flag in _epochs())
    return (_header("2.11", types) + "".join(epochs)).encode()


def _rinex_3() -> bytes:
    types = _record("G    4 C1C L1C D1C S1C", "SYS / # / OBS TYPES")
    epochs = (f"> 2025 01 01 00 00{second:11.7f}  {flag}  1\nG01{_fields()}" for second, flag in _epochs())
    return (_header("3.04", types) + "".join(epochs)).encode()


def _epochs() -> tuple[tuple[int, int], ...]:
    """Return seconds and flags: an epoch after a power failure, and one that comes twice."""
    return (0, 0), (1, 1), (2, 0), (2, 0)


def _fields() -> str:
    """Return a pseudorange, a phase with a lost lock, a Doppler of zero and a signal strength."""
    return "".join(f"{value:14.3f}{marks}" for value, marks in ((2e7, " 7"), (1e8, "17"), (0, "  "), (45, "  "))) + "\n"


def _header(version: str, types: str) -> str:
    first = _record(f"{version:>9}{'':11}{'OBSERVATION DATA':<20}M", "RINEX VERSION / TYPE")
    time = _record("  2025     1     1     0     0    0.0000000     GPS", "TIME OF FIRST OBS")
    return first + types + time + _record("", "END OF HEADER")


def _record(content: str, label: str) -> str:
    return f"{content:<60}{label:<20}\n"
