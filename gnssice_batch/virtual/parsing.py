"""One NetCDF4 file as facts with references, all of it plain data."""

import hashlib
import io
import json
import math
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial
from importlib.util import find_spec
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from gnssice_batch.archive.listing import ArchiveAccess
from gnssice_batch.errors import AccessDeniedError, ArchiveError, ConfigError
from gnssice_batch.model.fill_values import fill_of_holes, missing_numbers
from gnssice_batch.model.virtual import Copied, NetcdfFacts, NetcdfFile, Profile, Referenced, VirtualReason
from gnssice_batch.redaction import redacted
from gnssice_batch.virtual.times import interval_ns, is_time, times_ns

type Attributes = dict[str, Any]

DECODING: Final = (
    "_FillValue",
    "missing_value",
    "scale_factor",
    "add_offset",
    "units",
    "calendar",
    "dtype",
    "_Unsigned",
)
"""Attributes that decide what a stored number means."""
SCALE_DTYPE: Final = "scale_dtype"
"""Attribute for what JSON does not keep: that a scale was of single precision, so that values are."""

_URL: Final = "memory:///file.nc"
_SCALES: Final = ("scale_factor", "add_offset")
_PREFERRED: Final = ("epoch", "Epoch", "time")
_MAGIC: Final = b"\x89HDF\r\n\x1a\n"
_COMPACT: Final = 0
"""Layout of HDF5 with values in the header of their array: H5D_COMPACT."""
_FILTERS: Final = frozenset({1, 2, 3})
"""Numbers of the filters deflate, shuffle and fletcher32."""
_LIBRARIES: Final = ("virtualizarr", "obstore", "h5py")


class _LeftOutError(Exception):
    """A file can't be referenced."""

    def __init__(self, reason: VirtualReason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


def check_installed() -> None:
    """Check that the libraries are there that references are made with.

    Raises
    ------
    ConfigError
        With what to install.
    """
    missing = [name for name in _LIBRARIES if find_spec(name) is None]
    if missing:
        msg = f"virtual datasets need {' and '.join(missing)}: pip install 'gnssice-batch[virtual]'"
        raise ConfigError(msg)


def parse_files(files: tuple[NetcdfFile, ...], archive: ArchiveAccess) -> tuple[NetcdfFacts, ...]:
    """What is in each of some files, fetched from their archive.

    Raises
    ------
    AccessDeniedError
        When the archive gives nothing to these credentials.
    """
    return tuple(_fetched(file, archive) for file in files)


def _fetched(file: NetcdfFile, archive: ArchiveAccess) -> NetcdfFacts:
    try:
        content = archive.fetch(file.uri)
    except AccessDeniedError:
        raise
    except ArchiveError as error:
        return NetcdfFacts(file, "", reason=VirtualReason.UNREADABLE, detail=_said(error))
    if len(content) != file.size_bytes:
        said = f"it had {file.size_bytes} bytes when it was listed, and {len(content)} when it was read"
        return NetcdfFacts(file, "", reason=VirtualReason.UNREADABLE, detail=said)
    return parse(content, file)


def parse(content: bytes, file: NetcdfFile) -> NetcdfFacts:
    """What is in a file, given its bytes.

    What can't be referenced is told by `NetcdfFacts.reason`; no content makes this raise.
    """
    found = NetcdfFacts(file, hashlib.sha256(content).hexdigest())
    try:
        return _parsed(content, found)
    except _LeftOutError as left_out:
        return replace(found, reason=left_out.reason, detail=left_out.detail)
    except NotImplementedError as error:
        return replace(found, reason=VirtualReason.UNSUPPORTED, detail=_said(error))
    except Exception as error:  # noqa: BLE001 - damaged files make HDF5 and VirtualiZarr raise anything
        return replace(found, reason=VirtualReason.DAMAGED, detail=_said(error))


def _parsed(content: bytes, found: NetcdfFacts) -> NetcdfFacts:
    import h5py  # noqa: PLC0415 - only where files are parsed

    if not content.startswith(_MAGIC):
        raise _LeftOutError(
            VirtualReason.NOT_HDF5, "it does not begin as an HDF5 file does; NetCDF 3 can't be referenced"
        )
    manifests = _manifests(content)
    if manifests.groups:
        inside = ", ".join(sorted(manifests.groups))
        raise _LeftOutError(VirtualReason.HAS_GROUPS, f"it has groups inside ({inside}), which would be lost")
    documents = {name: _document(array.metadata.to_dict()) for name, array in manifests.arrays.items()}
    if not documents:
        raise _LeftOutError(VirtualReason.NO_ARRAYS, "it holds no arrays")
    with h5py.File(io.BytesIO(content), "r") as opened:
        _check_sets(opened, documents)
        _name_dimensions(opened, documents)
        time = _time_of(documents)
        _bound(documents, time)
        copied = tuple(_copied(opened[name], name, one) for name, one in documents.items() if _is_copied(one, time))
    taken = {each.name for each in copied}
    arrays = {name: array for name, array in manifests.arrays.items() if name not in taken}
    referenced = tuple(
        _referenced(name, documents[name], array.manifest, len(content)) for name, array in arrays.items()
    )
    attributes = json.dumps(_plain(manifests.metadata.attributes), sort_keys=True)
    return _placed(replace(found, attributes=attributes, referenced=referenced, copied=copied), time)


def _manifests(content: bytes) -> Any:
    """VirtualiZarr's manifests of the root group of a file."""
    from obspec_utils.registry import ObjectStoreRegistry  # noqa: PLC0415 - only where files are parsed
    from obstore.store import MemoryStore  # noqa: PLC0415
    from virtualizarr.parsers import HDFParser  # noqa: PLC0415

    registry = ObjectStoreRegistry({"memory:///": MemoryStore()})
    try:
        return HDFParser(reader_factory=partial(_whole, content))(_URL, registry)._group  # noqa: SLF001 - it has no public one
    except Exception:
        _check_filters(content)
        raise


def _check_filters(content: bytes) -> None:
    """Say which array has filters that no codec stands for."""
    import h5py  # noqa: PLC0415 - only where files are parsed

    with h5py.File(io.BytesIO(content), "r") as opened:
        for name, one in opened.items():
            plist = one.id.get_create_plist() if isinstance(one, h5py.Dataset) else None
            codes = [plist.get_filter(number)[0] for number in range(plist.get_nfilters())] if plist else []
            if strange := set(codes) - _FILTERS:
                said = f"{name} is packed by filter {min(strange)} of HDF5, which references can't say"
                raise _LeftOutError(VirtualReason.UNSUPPORTED, said)


def _whole(content: bytes, *_: object) -> io.BytesIO:
    """A reader of a file that is in memory already."""
    return io.BytesIO(content)


def _document(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The ``zarr.json`` of an array, as plain JSON values."""
    document: dict[str, Any] = json.loads(json.dumps(_plain(metadata)))
    return document


def _plain(value: Any) -> Any:
    """Values of NumPy, and not a number, as JSON has them."""
    if isinstance(value, np.ndarray | np.generic):
        value = value.tolist()
    match value:
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
        case bytes():
            return value.decode("utf-8", "replace")
        case float() if not math.isfinite(value):
            return "NaN" if math.isnan(value) else "Infinity" if value > 0 else "-Infinity"
        case _:
            return value


def _check_sets(opened: Any, documents: Mapping[str, dict[str, Any]]) -> None:
    """Refuse what references can't say of arrays; note scales of single precision."""
    for name, document in documents.items():
        one = opened[name]
        _check_layout(one, name)
        if one.chunks is not None:
            skipped: list[Any] = []
            one.id.chunk_iter(lambda chunk, skipped=skipped: skipped.append(chunk) if chunk.filter_mask else None)
            if skipped:
                said = f"{len(skipped)} chunks of {name} were stored without its filters, as they did not shrink"
                raise _LeftOutError(VirtualReason.FILTERS_SKIPPED, said)
        kinds = {
            str(one.attrs[key].dtype) for key in _SCALES if isinstance(one.attrs.get(key), np.generic | np.ndarray)
        }
        if kinds and kinds <= {"float32"}:
            document["attributes"][SCALE_DTYPE] = "float32"


def _name_dimensions(opened: Any, documents: Mapping[str, dict[str, Any]]) -> None:
    """Give coordinates of several dimensions, as labels of characters, the names that NetCDF keeps of these."""
    for name, document in documents.items():
        if len(set(document["dimension_names"])) == len(document["dimension_names"]):
            continue
        numbers = opened[name].attrs.get("_Netcdf4Coordinates")
        if numbers is None:
            raise _LeftOutError(VirtualReason.UNSUPPORTED, f"{name} has one dimension twice")
        names = {int(one.attrs["_Netcdf4Dimid"]): key for key, one in opened.items() if "_Netcdf4Dimid" in one.attrs}
        document["dimension_names"] = [names[int(number)] for number in numbers]


def _check_layout(one: Any, name: str) -> None:
    """Refuse values that lie elsewhere than in chunks of the file: a reference to none reads as the fill value."""
    if one.is_virtual or one.external:
        raise _LeftOutError(VirtualReason.UNSUPPORTED, f"the values of {name} are in other files")
    if one.ndim > 1 and one.id.get_create_plist().get_layout() == _COMPACT:
        raise _LeftOutError(VirtualReason.UNSUPPORTED, f"the values of {name} are in its header (compact storage)")


def _time_of(documents: Mapping[str, dict[str, Any]]) -> str | None:
    """The name of the time dimension; None where there is none."""
    found = [
        name
        for name, document in documents.items()
        if document["dimension_names"] == [name] and is_time(document["attributes"])
    ]
    return next(iter([*(name for name in _PREFERRED if name in found), *sorted(found)]), None)


def _bound(documents: Mapping[str, dict[str, Any]], time: str | None) -> None:
    """Give bounds of times the units of these, which they have by CF conventions, section 7.1."""
    told = documents[time]["attributes"] if time else {}
    bounds = documents.get(str(told.get("bounds", "")))
    for name in ("units", "calendar"):
        if bounds is not None and name in told:
            bounds["attributes"].setdefault(name, told[name])


def _is_copied(document: Mapping[str, Any], time: str | None) -> bool:
    """Whether the values of an array are taken along: short ones, text, and what does not lie along time."""
    text = document["data_type"] == "string"
    return text or len(document["shape"]) <= 1 or (time is not None and time not in document["dimension_names"])


def _copied(one: Any, name: str, document: dict[str, Any]) -> Copied:
    shape = [max(size, 1) for size in document["shape"]]
    whole = {**document, "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": shape}}}
    if document["data_type"] == "string":
        texts = np.atleast_1d(np.asarray(one.asstr()[()], object)).ravel()
        return Copied(name, json.dumps(whole, sort_keys=True), texts=tuple(str(text) for text in texts))
    values = np.asarray(one[()])
    whole["codecs"] = [{"name": "bytes", "configuration": {"endian": "little"}}]
    raw = np.ascontiguousarray(values.astype(values.dtype.newbyteorder("<"), copy=False)).tobytes()
    return Copied(name, json.dumps(whole, sort_keys=True), zlib.compress(raw, 1))


def _referenced(name: str, document: dict[str, Any], manifest: Any, size_bytes: int) -> Referenced:
    there = np.asarray(manifest._paths != "", bool)  # noqa: SLF001 - the public form is a dictionary of all chunks
    lengths = np.where(there, manifest._lengths, 0).astype(np.uint64)  # noqa: SLF001
    offsets = np.where(there, manifest._offsets, 0).astype(np.uint64)  # noqa: SLF001
    grid = tuple(-(-size // chunk) for size, chunk in zip(document["shape"], chunk_shape(document), strict=True))
    if not lengths.size or lengths.shape != grid:
        grid = tuple(max(number, 0) for number in grid)
        offsets = lengths = np.zeros(grid, np.uint64)
    if lengths.size and int((offsets + lengths).max()) > size_bytes:
        raise _LeftOutError(VirtualReason.DAMAGED, f"chunks of {name} lie beyond the end of the file")
    return Referenced(name, json.dumps(document, sort_keys=True), grid, offsets.ravel(), lengths.ravel())


def chunk_shape(document: Mapping[str, Any]) -> tuple[int, ...]:
    """The chunk shape that a ``zarr.json`` gives."""
    return tuple(document["chunk_grid"]["configuration"]["chunk_shape"])


def _placed(found: NetcdfFacts, time: str | None) -> NetcdfFacts:
    """The facts with their time axis, and what decides which others the file belongs together with."""
    axis = next((each for each in found.copied if each.name == time), None)
    if axis is None or time is None:
        return replace(
            found, reason=VirtualReason.NO_TIME_AXIS, detail="no dimension has a coordinate with CF time units"
        )
    values, attributes = _values(axis)
    missing = np.isin(values, missing_numbers(json.loads(axis.document))).any()
    times = None if missing else times_ns(values, attributes)
    if times is None or not times.size:
        return replace(found, reason=VirtualReason.NO_TIME_AXIS, detail=f"{time} holds no times")
    found = replace(found, first_ns=int(times.min()), last_ns=int(times.max()), epochs=times.size)
    step_ns = interval_ns(times)
    if step_ns is None:
        return replace(
            found, reason=VirtualReason.IRREGULAR_EPOCHS, detail=f"{time} is not one interval after the other"
        )
    lengths = {each.name: length for each in found.referenced if (length := _chunk_epochs(each, time))}
    short = [name for name, length in lengths.items() if times.size % length]
    if short:
        said = f"the {times.size} epochs of {short[0]} are not whole chunks of {lengths[short[0]]}"
        return replace(found, reason=VirtualReason.SHORT_LAST_CHUNK, detail=said)
    unwritten = [each.name for each in found.referenced if each.name in lengths and _has_own_fill(each)]
    if unwritten:
        said = f"chunks of {unwritten[0]} were never written, and what they read as is not declared to be missing"
        return replace(found, reason=VirtualReason.UNWRITTEN_CHUNKS, detail=said)
    whole = math.lcm(*lengths.values()) if lengths else times.size
    return replace(found, profile=_profile(found, time, step_ns, whole))


def _values(axis: Copied) -> tuple[npt.NDArray[Any], Attributes]:
    document = json.loads(axis.document)
    return np.frombuffer(axis.raw, np.dtype(document["data_type"]).newbyteorder("<")), document["attributes"]


def _chunk_epochs(one: Referenced, time: str) -> int:
    document = json.loads(one.document)
    return chunk_shape(document)[document["dimension_names"].index(time)] if time in document["dimension_names"] else 0


def _has_own_fill(one: Referenced) -> bool:
    """Whether chunks read as a value that an array over time does not have where it has no file."""
    document = json.loads(one.document)
    return not one.lengths.all() and document["fill_value"] != fill_of_holes(document)


def _profile(found: NetcdfFacts, time: str, step_ns: int, chunk_epochs: int) -> Profile:
    parts: dict[str, dict[str, Any]] = {name: {} for name in ("variables", "dtypes", "scales", "codecs", "chunks")}
    both: tuple[Referenced | Copied, ...] = (*found.referenced, *found.copied)
    for one in both:
        document = json.loads(one.document)
        is_axis, dims = one.name == time, document["dimension_names"]
        parts["variables"][one.name] = dims
        parts["dtypes"][one.name] = [document["data_type"], None if is_axis else document["fill_value"]]
        parts["scales"][one.name] = None if is_axis else _decoding(document["attributes"])
        parts["codecs"][one.name] = document["codecs"] if isinstance(one, Referenced) else None
        lengths = zip(dims, document["shape"], chunk_shape(document), strict=True)
        parts["chunks"][one.name] = [
            [chunk] if dim == time else [size, chunk] for dim, size, chunk in lengths if isinstance(one, Referenced)
        ]
    told = {name: json.dumps(part, sort_keys=True) for name, part in parts.items()}
    return Profile(time, **told, axis=_axis(found, time), interval_ns=step_ns, chunk_epochs=chunk_epochs)


def _decoding(attributes: Attributes) -> Attributes:
    return {name: attributes[name] for name in (*DECODING, SCALE_DTYPE) if name in attributes}


def _axis(found: NetcdfFacts, time: str) -> str:
    """Digest of all values that do not lie along time."""
    digest = hashlib.sha256()
    for part in _along_nothing(found, time):
        digest.update(part)
    return digest.hexdigest()


def _along_nothing(found: NetcdfFacts, time: str) -> Iterator[bytes]:
    for one in sorted(found.copied, key=lambda each: each.name):
        document = json.loads(one.document)
        if time not in document["dimension_names"]:
            yield json.dumps([one.name, document["shape"], one.texts]).encode() + b"\n"
            yield one.raw


def _said(error: Exception) -> str:
    return redacted(str(error).strip().partition("\n")[0])[:200] or type(error).__name__
