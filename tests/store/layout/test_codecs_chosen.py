"""Which codecs an array gets, by its name, its type and the profile."""

import pytest
import zarr
from zarr.codecs import Crc32cCodec, GzipCodec, TransposeCodec, ZstdCodec
from zarr.codecs.numcodecs import BZ2, PCodec

from gnssice_batch.errors import ConfigError
from gnssice_batch.store.layout.codecs import ArrayEncoding, StoredCodec, encoding, stored_codecs

SID_MAJOR = TransposeCodec(order=(1, 0))
ZSTD = ZstdCodec(level=7, checksum=True)
JOINED = "metadata/joined/epoch_flag"
TABLES = (("SNR", "float32"), ("Phase", "float64"), ("LLI", "int8"), ("VOD", "float32"), (JOINED, "int8"))


def words(codec):
    return codec.to_dict()["configuration"]


@pytest.mark.parametrize(("name", "dtype"), TABLES)
def test_tables_are_compressed_signal_by_signal_as_configured(name, dtype):
    for algorithm, codec in (("zstd", ZSTD), ("gzip", GzipCodec(level=7))):
        found = encoding(name, dtype, profile="default", level=7, algorithm=algorithm)
        assert found == ArrayEncoding((SID_MAJOR,), "auto", (codec,))


@pytest.mark.parametrize("dtype", ["float32", "int8"])
def test_joins_are_stored_as_configured_in_compact_too(dtype):
    found = encoding(JOINED, dtype, profile="compact", level=7)
    assert found == ArrayEncoding((SID_MAJOR,), "auto", (ZSTD,))


@pytest.mark.parametrize("name", ["Pseudorange", "Phase"])
def test_ranges_and_phases_are_whole_steps_in_compact(name):
    found = encoding(name, "float64", profile="compact", level=7)
    order, scaled = found.filters
    assert order == SID_MAJOR
    assert words(scaled) == {"offset": 0, "scale": 1_000_000, "dtype": "<f8", "astype": "<f8"}
    assert (found.serializer, found.compressors) == (PCodec(level=11), (Crc32cCodec(),))


def test_other_tables_are_stored_without_steps_in_compact():
    for name in ("SNR", "Doppler", "VOD"):
        found = encoding(name, "float32", profile="compact", level=7)
        assert found == ArrayEncoding((SID_MAJOR,), PCodec(level=11), (Crc32cCodec(),))
    assert encoding("LLI", "int8", profile="compact", level=7) == ArrayEncoding((SID_MAJOR,), "auto", (BZ2(level=9),))


@pytest.mark.parametrize("profile", ["default", "compact"])
@pytest.mark.parametrize(("name", "dtype"), [("epoch_flag", "int8"), ("sid", "str"), ("epoch", "float64")])
def test_columns_are_compressed_as_they_are(name, dtype, profile):
    assert encoding(name, dtype, profile=profile, level=7) == ArrayEncoding((), "auto", (ZSTD,))


def test_of_epochs_in_nanoseconds_their_differences_are_compressed():
    found = encoding("epoch", "int64", profile="compact", level=7)
    (differences,) = found.filters
    assert differences.to_dict() == {"name": "numcodecs.delta", "configuration": {"dtype": "<i8"}}
    assert found.compressors == (ZSTD,)


def test_an_unknown_profile_or_algorithm_is_refused_for_any_array():
    for name, dtype in (("sid", "str"), ("SNR", "float32")):
        with pytest.raises(ConfigError, match="'tiny' is none of default, compact"):
            encoding(name, dtype, profile="tiny", level=7)
        with pytest.raises(ConfigError, match="'lz4' is none of zstd, gzip"):
            encoding(name, dtype, profile="compact", level=7, algorithm="lz4")


@pytest.mark.parametrize(
    ("profile", "chain"),
    [
        ("default", [("transpose", None), ("bytes", None), ("zstd", 7)]),
        ("compact", [("transpose", None), ("numcodecs.pcodec", 11), ("crc32c", None)]),
    ],
)
@pytest.mark.parametrize("shards", [None, (4, 4)])
def test_codecs_of_a_stored_array_are_named_with_their_levels(profile, chain, shards):
    chosen = encoding("SNR", "float32", profile=profile, level=7)
    one = zarr.create_array(
        zarr.storage.MemoryStore(),
        shape=(4, 4),
        chunks=(2, 2),
        shards=shards,
        dtype="float32",
        filters=chosen.filters,
        serializer=chosen.serializer,
        compressors=chosen.compressors,
    )
    assert stored_codecs(one) == tuple(StoredCodec(*each) for each in chain)
