"""The chains give back every value RINEX can hold, are stored as configured, and open without this package."""

import json
import subprocess
import sys

import numpy as np
import pytest
import zarr
from hypothesis import given
from hypothesis import strategies as st
from numcodecs import Zstd
from zarr.storage import MemoryStore

from gnssice_batch.errors import ConfigError
from gnssice_batch.model.template import EPOCH_COORDINATES, SID_COORDINATES, VARIABLES
from gnssice_batch.store.layout.codecs import ALGORITHMS, PROFILES, encoding, stored_codecs

LOWEST, HIGHEST = -999_999_999_999, 9_999_999_999_999
"""F14.3 in units of 0.001: nine digits and a minus sign, or ten digits."""

SCALES = (1, 10, 100, 1000)
FLOATS = tuple((spec.name, spec.dtype) for spec in VARIABLES if spec.dtype.startswith("float"))
INTEGERS = tuple((spec.name, spec.dtype) for spec in VARIABLES if spec.dtype == "int8")
COORDINATES = (*EPOCH_COORDINATES, *SID_COORDINATES)
CUBE = {"shape": (96, 70), "chunks": (48, 64), "shards": (96, 128)}

fields = st.tuples(st.integers(LOWEST, HIGHEST), st.sampled_from(SCALES)) | st.none()


def make(name, dtype, *, profile="compact", level=5, algorithm="zstd", **layout):
    codecs = encoding(name, dtype, profile=profile, level=level, algorithm=algorithm)
    return zarr.create_array(
        layout.pop("store", None) or MemoryStore(),
        name=name,
        dtype=dtype,
        fill_value=layout.pop("fill_value", None),
        filters=codecs.filters,
        serializer=codecs.serializer,
        compressors=codecs.compressors,
        **layout,
    )


def reopened(array):
    return zarr.open_array(array.store_path, mode="r")


def stored_bytes(array):
    return sum(len(value) for key, value in array.store._store_dict.items() if not key.endswith("zarr.json"))


def same_bits(left, right):
    if left.dtype.kind != "f":
        return left.dtype == right.dtype and np.array_equal(left, right)
    bits = np.dtype(f"u{left.dtype.itemsize}")
    missing = np.isnan(left)
    return np.array_equal(missing, np.isnan(right)) and np.array_equal(
        left[~missing].view(bits), right[~missing].view(bits)
    )


def assert_exact(name, dtype, values, profile="compact"):
    """Store values, in as many signals as it takes, and compare their bits."""
    block = np.full((-(-values.size // 64) * 64,), np.nan, dtype)
    block[: values.size] = values
    block = block.reshape(-1, 64)
    epochs = block.shape[0]
    array = make(
        name, dtype, profile=profile, fill_value=np.nan, shape=block.shape, chunks=(epochs, 64), shards=(epochs, 64)
    )
    array[:] = block
    assert same_bits(block, reopened(array)[:])


def decode(field):
    thousandths, scale = field or (np.nan, 1)
    return thousandths / (1000 * scale)


@pytest.mark.parametrize(("name", "dtype"), FLOATS)
@given(observed=st.lists(fields, min_size=1, max_size=130))
def test_any_f14_3_field_at_any_scale_factor_comes_back_bit_for_bit(name, dtype, observed):
    assert_exact(name, dtype, np.array([decode(field) for field in observed], dtype))


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize(("name", "dtype"), FLOATS)
def test_whole_range_is_exact(name, dtype, scale):
    edges = [LOWEST, LOWEST + 1, -1, 0, 1, HIGHEST - 1, HIGHEST]
    binades = [2**k + step for k in range(44) for step in range(-8, 9) if 2**k + step <= HIGHEST]
    spread = np.random.default_rng(scale).integers(LOWEST, HIGHEST, 60_000)
    thousandths = np.concatenate([edges, binades, np.negative(binades[: 39 * 17]), spread])
    assert_exact(name, dtype, (thousandths / (1000 * scale)).astype(dtype))


@pytest.mark.parametrize("metres", [4_294_967_296, 4_503_599_627, 8_589_934_592, 9_007_199_254, 9_999_999_000])
def test_exact_where_a_float64_is_coarser_than_the_step(metres):
    thousandths = metres * 1000 + np.arange(-100_000, 100_001)
    for name in ("Pseudorange", "Phase"):
        assert_exact(name, "float64", np.minimum(thousandths, HIGHEST) / 1000)


@pytest.mark.parametrize("scale", SCALES)
def test_doppler_is_exact_up_to_50_khz(scale):
    thousandths = np.concatenate([np.arange(-50_000_000, 50_000_001, 997), np.arange(49_990_000, 50_000_001)])
    assert_exact("Doppler", "float32", (thousandths / (1000 * scale)).astype("f4"))


@pytest.mark.parametrize("name", ["SNR", "Doppler"])
@given(values=st.lists(st.floats(width=32, allow_nan=False), min_size=1, max_size=70))
def test_float32_variables_keep_any_float(name, values):
    assert_exact(name, "float32", np.array(values, "f4"))


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize(("name", "dtype"), [*FLOATS, *INTEGERS])
def test_sharded_block_with_holes_comes_back(name, dtype, profile):
    rng = np.random.default_rng(7)
    block = rng.integers(-1, 9, CUBE["shape"]).astype(dtype)
    if dtype != "int8":
        block[rng.random(block.shape) < 0.5] = np.nan
    array = make(name, dtype, profile=profile, fill_value=-1 if dtype == "int8" else np.nan, **CUBE)
    array[:] = block
    assert same_bits(block, reopened(array)[:])
    assert same_bits(block[40:60, 66:68], reopened(array)[40:60, 66:68])


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("spec", COORDINATES, ids=lambda spec: spec.name)
def test_coordinates_come_back(spec, profile):
    values = {
        "str": np.array(["G01|L1|C", "", "µ"], object),
        "int64": np.array([-(2**63), 2**63 - 1, 0]),
    }.get(spec.dtype)
    if values is None:
        values = np.array([0.0, 5e-12, np.nan]) if spec.dtype.startswith("float") else np.array([-1, 0, 100])
        values = values.astype(spec.dtype)
    array = make(spec.name, spec.dtype, profile=profile, fill_value=spec.fill, shape=(3,), chunks=(2,))
    array[:] = values
    read = np.asarray(reopened(array)[:])
    assert read.tolist() == values.tolist() if spec.dtype == "str" else same_bits(values, read)


@pytest.mark.parametrize("interval_ns", [50_000_000, 200_000_000, 1_000_000_000, 5_000_000_000, 30_000_000_000])
def test_regular_epoch_chunk_is_small_enough_for_the_manifest(interval_ns):
    epochs = 1_419_724_818_000_000_000 + interval_ns * np.arange(17280)
    array = make("epoch", "int64", profile="default", shape=(17280,), chunks=(17280,))
    array[:] = epochs
    assert np.array_equal(reopened(array)[:], epochs)
    assert stored_bytes(array) < 128


def names_and_levels(array):
    return [(codec.name, codec.level) for codec in stored_codecs(array)]


@pytest.mark.parametrize("level", [1, 5, 9])
@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize(("name", "dtype"), [*FLOATS, *INTEGERS])
def test_default_profile_is_stored_as_configured(name, dtype, algorithm, level):
    array = make(name, dtype, profile="default", level=level, algorithm=algorithm, **CUBE)
    assert names_and_levels(reopened(array)) == [("transpose", None), ("bytes", None), (algorithm, level)]


@pytest.mark.parametrize(
    ("name", "dtype", "chain"),
    [
        ("Phase", "float64", [("numcodecs.fixedscaleoffset", None), ("numcodecs.pcodec", 11), ("crc32c", None)]),
        ("Pseudorange", "float64", [("numcodecs.fixedscaleoffset", None), ("numcodecs.pcodec", 11), ("crc32c", None)]),
        ("SNR", "float32", [("numcodecs.pcodec", 11), ("crc32c", None)]),
        ("Doppler", "float32", [("numcodecs.pcodec", 11), ("crc32c", None)]),
        ("LLI", "int8", [("bytes", None), ("numcodecs.bz2", 9)]),
        ("SSI", "int8", [("bytes", None), ("numcodecs.bz2", 9)]),
    ],
)
def test_compact_profile_is_stored_as_documented(name, dtype, chain):
    array = make(name, dtype, profile="compact", **CUBE)
    assert names_and_levels(reopened(array)) == [("transpose", None), *chain]


def test_coordinates_are_stored_the_same_in_both_profiles():
    for spec in COORDINATES:
        chains = [make(spec.name, spec.dtype, profile=p, level=7, shape=(3,), chunks=(2,)) for p in PROFILES]
        default, compact = (names_and_levels(array) for array in chains)
        assert default == compact
        assert default[-1] == ("zstd", 7)


def test_compact_is_much_smaller_on_an_arc():
    epoch = np.arange(2880.0)[:, None]
    phase = 1.2e8 + 3e7 * np.sin(epoch / 900 + np.sqrt(np.arange(64)))
    phase[phase < 1.1e8] = np.nan
    sizes = {}
    for profile in PROFILES:
        array = make("Phase", "float64", profile=profile, fill_value=np.nan, shape=phase.shape, chunks=phase.shape)
        array[:] = np.rint(phase * 1000) / 1000
        sizes[profile] = stored_bytes(array)
    assert sizes["compact"] < 0.5 * sizes["default"]


def test_signals_lie_one_after_another_inside_a_chunk():
    dbhz = np.rint(np.random.default_rng(3).normal(0, 0.3, (2880, 64)).cumsum(axis=0)) + 45
    array = make("SNR", "float32", profile="default", shape=dbhz.shape, chunks=dbhz.shape)
    array[:] = dbhz
    along_epochs = len(Zstd(level=5).encode(np.ascontiguousarray(dbhz, "f4")))
    assert stored_bytes(array) < 0.9 * along_epochs


READ_WITHOUT_US = """
import json, sys, zarr
group = zarr.open_group(sys.argv[1], mode="r")
values = {name: array[:].tolist() for name, array in group.arrays()}
assert not [name for name in sys.modules if name.startswith("gnssice_batch")]
json.dump(values, sys.stdout)
"""


def test_plain_zarr_opens_it_without_this_package_and_without_a_warning(tmp_path):
    expected = {}
    for name, dtype in (*FLOATS, *INTEGERS):
        expected[name] = [[1.0, 2.0], [3.0, 4.0]]
        make(name, dtype, store=tmp_path / "store", shape=(2, 2), chunks=(2, 2))[:] = expected[name]
    make("epoch", "int64", store=tmp_path / "store", shape=(3,), chunks=(2,))[:] = expected["epoch"] = [10, 20, 30]
    zarr.open_group(tmp_path / "store", mode="a")
    command = [sys.executable, "-W", "error", "-c", READ_WITHOUT_US, str(tmp_path / "store")]
    read = subprocess.run(command, capture_output=True, text=True, check=True, cwd=tmp_path)
    assert read.stderr == ""
    assert json.loads(read.stdout) == expected


def test_unknown_names_are_refused():
    with pytest.raises(ConfigError, match="'tiny' is none of default, compact"):
        encoding("SNR", "float32", profile="tiny", level=5)
    with pytest.raises(ConfigError, match="'lz4' is none of zstd, gzip"):
        encoding("SNR", "float32", profile="default", level=5, algorithm="lz4")
