"""The Zarr codecs of each array: one exact chain per array, per profile.

Two-dimensional arrays are turned sid-major inside a chunk, because a signal resembles itself at the next epoch far more
than it resembles its neighbour. The chain then depends on the profile:

========================  =============================  ========================================================
array                     ``default``                    ``compact``
========================  =============================  ========================================================
``Pseudorange``,          transpose, bytes, zstd         transpose, numcodecs.fixedscaleoffset, numcodecs.pcodec,
``Phase``                                                crc32c
``SNR``, ``Doppler``      transpose, bytes, zstd         transpose, numcodecs.pcodec, crc32c
``LLI``, ``SSI``          transpose, bytes, zstd         transpose, bytes, numcodecs.bz2
``metadata/joined``       transpose, bytes, zstd         the same
``epoch``                 numcodecs.delta, bytes, zstd   the same
other numbers             bytes, zstd                    the same
strings                   vlen-utf8, zstd                the same
========================  =============================  ========================================================

``compact`` is exact, and NaN stays NaN. PCodec gives back any float bit for bit. Before it, `Pseudorange` and `Phase`
become whole multiples of 1e-6, held in float64 so that NaN needs no stand-in: an F14.3 field (RINEX 3.05 table A3)
divided by a scale factor of 1, 10, 100 or 1000 is such a multiple, so the division on the way back rounds to the very
same float64. Only the sign of a negative zero is lost, which RINEX writes for nothing observed. The float32 variables
stay as they are: multiples of 1e-3 would be smaller, but wrong where a scale factor was applied, and multiples of 1e-6
are larger.

Every chunk has a checksum that plain zarr verifies: that of the zstd frame, of gzip or bz2, or ``crc32c``. Arrays that
were made in layout 1 have none in zstd and pcodec, as their own metadata says, also where their group has layout 2 now.

Every codec is one that zarr registers itself; a reader of ``compact`` needs the `pcodec` package beside zarr.
"""

from dataclasses import dataclass
from typing import Any, Final, Literal, cast

import numpy as np
import zarr
from zarr.abc.codec import ArrayArrayCodec, ArrayBytesCodec, BytesBytesCodec, Codec
from zarr.codecs import Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.codecs.numcodecs import BZ2, Delta, FixedScaleOffset, PCodec
from zarr.core.metadata import ArrayV3Metadata

from gnssice_batch.errors import ConfigError
from gnssice_batch.model.template import JOINED
from gnssice_batch.model.vod_contents import CONTENTS

PROFILES: Final = ("default", "compact")
ALGORITHMS: Final = ("zstd", "gzip")

_VARIABLES: Final = frozenset(spec.name for contents in CONTENTS.values() for spec in contents.variables)
_JOINED: Final = frozenset(spec.name for spec in JOINED)
_SCALED: Final = frozenset({"Pseudorange", "Phase"})
_STEPS_PER_UNIT: Final = 1_000_000
_PCODEC_LEVEL: Final = 11
"""Level 12 is under 1 % smaller and up to 2.5 times slower to write; level 8 is 4 to 7 % larger."""
_BZ2_LEVEL: Final = 9


@dataclass(frozen=True, slots=True)
class ArrayEncoding:
    """Codec arguments of `zarr.create_array`; with shards they are the codecs of the inner chunks."""

    filters: tuple[ArrayArrayCodec, ...]
    serializer: ArrayBytesCodec | Literal["auto"]
    compressors: tuple[BytesBytesCodec, ...]


@dataclass(frozen=True, slots=True)
class StoredCodec:
    """One codec of a stored array, as its metadata names it."""

    name: str
    level: int | None
    """None for a codec that has none."""


def encoding(name: str, dtype: str, *, profile: str, level: int, algorithm: str = "zstd") -> ArrayEncoding:
    """Choose the codecs of an array.

    Parameters
    ----------
    name
        Name of the array. The data variables and those of ``metadata/joined`` are ``(epoch, sid)``, every other array
        has one dimension.
    dtype
        Its numpy dtype, or ``str`` for variable-length UTF-8.
    profile
        ``default`` or ``compact``.
    level
        Level of the configured algorithm; the codecs that only ``compact`` uses have levels of their own.
    algorithm
        ``zstd`` or ``gzip``.

    Raises
    ------
    ConfigError
        When there is no such profile or algorithm.
    """
    if profile not in PROFILES:
        raise ConfigError(f"encoding profile {profile!r} is none of {', '.join(PROFILES)}")
    compressor = _compressor(algorithm, level)
    if name not in _VARIABLES | _JOINED:
        return ArrayEncoding(_coordinate_filters(name, dtype), "auto", (compressor,))
    sid_major = TransposeCodec(order=(1, 0))
    if profile == "default" or name in _JOINED:
        return ArrayEncoding((sid_major,), "auto", (compressor,))
    if np.dtype(dtype).kind != "f":
        return ArrayEncoding((sid_major,), "auto", (BZ2(level=_BZ2_LEVEL),))
    scaled = (_whole_steps(),) if name in _SCALED else ()
    return ArrayEncoding((sid_major, *scaled), PCodec(level=_PCODEC_LEVEL), (Crc32cCodec(),))


def stored_codecs(array: zarr.Array[Any]) -> tuple[StoredCodec, ...]:
    """Codecs an array of Zarr format 3 is stored with, in encoding order; of the inner chunks where it has shards."""
    metadata = cast("ArrayV3Metadata", array.metadata)
    return tuple(_stored(codec) for codec in metadata.inner_codecs)


def _compressor(algorithm: str, level: int) -> BytesBytesCodec:
    match algorithm:
        case "zstd":
            return ZstdCodec(level=level, checksum=True)
        case "gzip":
            return GzipCodec(level=level)
        case _:
            raise ConfigError(f"compression algorithm {algorithm!r} is none of {', '.join(ALGORITHMS)}")


def _coordinate_filters(name: str, dtype: str) -> tuple[ArrayArrayCodec, ...]:
    """Take differences of the regular epoch axis: a chunk shrinks to 50 bytes, which Icechunk keeps in its manifest."""
    if name == "epoch" and np.dtype(dtype).kind == "i":
        return (Delta(dtype=np.dtype(dtype).str),)
    return ()


def _whole_steps() -> ArrayArrayCodec:
    return FixedScaleOffset(offset=0, scale=_STEPS_PER_UNIT, dtype="<f8", astype="<f8")


def _stored(codec: Codec) -> StoredCodec:
    document = cast("dict[str, Any]", codec.to_dict())
    return StoredCodec(document["name"], document.get("configuration", {}).get("level"))
