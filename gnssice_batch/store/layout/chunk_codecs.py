"""Chunks turned into bytes as the metadata document of their array says, without Zarr's pipeline.

Zarr takes a millisecond or two to open an array, and several more to read or write it, most of it to hand work from
thread to thread. A network's run touches thirty arrays a receiver for a few values each. What stands in chunks is the
same; a document that says anything this module does not know is left to Zarr.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final

import numcodecs
import numpy as np
import numpy.typing as npt

from gnssice_batch.store.layout.documents import Document

type Cells = npt.NDArray[Any]

_KINDS: Final = frozenset({"int8", "int16", "int32", "int64", "float32", "float64"})
_TIMES: Final = "numpy.datetime64"
_SHARDS: Final = "sharding_indexed"
_SID_MAJOR: Final = {"name": "transpose", "configuration": {"order": [1, 0]}}
_INDEX_CODECS: Final = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
_KEYS: Final = {"name": "default", "configuration": {"separator": "/"}}


@dataclass(frozen=True, slots=True)
class ChunkCodec:
    """How the chunks of an array are stored, or the inner chunks of its shards."""

    shape: tuple[int, ...]
    """Of a chunk."""
    shard: tuple[int, ...] | None
    """Shape of a shard; None where the array has none."""
    dtype: np.dtype[Any]
    """Objects for text."""
    fill: Any
    turned: bool
    """Whether cells are laid out with the last axis first."""
    encoders: Sequence[Callable[[Any], Any]]
    decoders: Sequence[Callable[[Any], Any]]

    def encode(self, cells: Cells, *, empties: bool = False) -> bytes | None:
        """A whole chunk as it is stored; None for one of nothing but the fill value, unless such are stored too."""
        if not empties and self.is_empty(cells):
            return None
        encoded: Any = np.ascontiguousarray(cells.T if self.turned else cells, self.dtype)
        for step in self.encoders:
            encoded = step(encoded)
        return bytes(encoded)

    def decode(self, chunk: bytes | memoryview | None) -> Cells:
        """The cells of a whole chunk, not to be written to; None is one that is not stored.

        Raises
        ------
        ValueError, RuntimeError
            When these bytes are no such chunk.
        """
        if chunk is None:
            return self.empty()
        decoded: Any = chunk
        for step in self.decoders:
            decoded = step(decoded)
        if self.dtype.kind != "O":
            decoded = np.frombuffer(decoded, self.dtype)
        shape = self.shape[::-1] if self.turned else self.shape
        cells: Cells = decoded.reshape(shape)
        return cells.T if self.turned else cells

    def empty(self) -> Cells:
        """A chunk of nothing but the fill value, laid out as it is stored."""
        shape = self.shape[::-1] if self.turned else self.shape
        cells = np.full(shape, self.fill, self.dtype)
        return cells.T if self.turned else cells

    def is_empty(self, cells: Cells) -> bool:
        """Whether cells are nothing but the fill value."""
        if self.fill != self.fill:
            return bool(np.isnan(cells).all())
        if self.dtype.kind == "f" and self.fill == 0:
            return not cells.any() and not np.signbit(cells).any()
        return bool((cells == self.fill).all())


def codec_of(document: Document) -> ChunkCodec | None:
    """How the chunks of an array are stored; None where only Zarr can tell."""
    known = {name: value for name, value in document.items() if name not in {"shape", "attributes", "dimension_names"}}
    return _codec(json.dumps(known, sort_keys=True))


@lru_cache(maxsize=1024)
def _codec(text: str) -> ChunkCodec | None:
    document = json.loads(text)
    dtype, grid, chain = _dtype(document["data_type"]), document["chunk_grid"], document["codecs"]
    plain = (document.get("chunk_key_encoding"), document.get("storage_transformers", [])) == (_KEYS, [])
    if dtype is None or not plain or grid["name"] != "regular":
        return None
    shape, shard = tuple(grid["configuration"]["chunk_shape"]), None
    if chain[0]["name"] == _SHARDS:
        inner = chain[0]["configuration"]
        if (len(chain), inner["index_codecs"], inner.get("index_location")) != (1, _INDEX_CODECS, "end"):
            return None
        shape, shard, chain = tuple(inner["chunk_shape"]), shape, inner["codecs"]
    turned = chain[0] == _SID_MAJOR
    steps = [_steps(codec, dtype) for codec in chain[turned:]]
    if None in steps:
        return None
    encoders, decoders = zip(*filter(None, steps), strict=True)
    fill = _fill(document["fill_value"], dtype)
    return ChunkCodec(shape, shard, dtype, fill, turned, encoders, decoders[::-1])


def _dtype(data_type: Any) -> np.dtype[Any] | None:
    if data_type == "string":
        return np.dtype(object)
    if isinstance(data_type, Mapping):
        known = data_type["name"] == _TIMES and data_type["configuration"] == {"unit": "ns", "scale_factor": 1}
        return np.dtype("<M8[ns]") if known else None
    return np.dtype(data_type).newbyteorder("<") if data_type in _KINDS else None


def _fill(value: Any, dtype: np.dtype[Any]) -> Any:
    return np.array(value, "<i8").view(dtype)[()] if dtype.kind == "M" else dtype.type(value)


def _steps(codec: Mapping[str, Any], dtype: np.dtype[Any]) -> tuple[Callable[[Any], Any], Callable[[Any], Any]] | None:
    """What a codec does to a chunk, and undoes; None for one that is not known here."""
    words = codec.get("configuration", {})
    match codec["name"]:
        case "bytes" if words.get("endian", "little") == "little" and dtype.kind != "O":
            return _as_it_is, _as_it_is
        case "vlen-utf8" if dtype.kind == "O":
            return _both(numcodecs.VLenUTF8())
        case "numcodecs.delta":
            return _both(numcodecs.get_codec({**words, "id": "delta"}))
        case "zstd":
            return _both(numcodecs.Zstd(level=words["level"], checksum=words["checksum"]))
        case "gzip":
            return _both(numcodecs.GZip(level=words["level"]))
        case _:
            return None


def _both(codec: Any) -> tuple[Callable[[Any], Any], Callable[[Any], Any]]:
    return codec.encode, codec.decode


def _as_it_is(cells: Any) -> Any:
    return cells
