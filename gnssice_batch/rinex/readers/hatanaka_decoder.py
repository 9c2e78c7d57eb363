"""CRINEX to RINEX text by the reference program, for comparison with our own decoder."""

from gnssice_batch.errors import ReadError, Reason


def text_of(content: bytes) -> bytes:
    """Return the RINEX text of a CRINEX file; what follows damage is left out until the next whole epoch.

    Raises
    ------
    ReadError
        ``READER_FAILED`` if the program gives nothing; it does not know CRINEX 3.1 (RINEX 4), which
        ``decoder="native"`` reads.
    """
    import hatanaka  # noqa: PLC0415 - only who asks for it pays for it

    try:
        return bytes(hatanaka.crx2rnx(content, skip_strange_epochs=True))
    except (hatanaka.HatanakaException, ValueError, OSError) as error:
        known = " (it does not know CRINEX 3.1; the native decoder does)" if content.startswith(b"3.1 ") else ""
        raise ReadError(Reason.READER_FAILED, f"crx2rnx: {error}{known}") from error
