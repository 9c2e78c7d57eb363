"""Documents of the arrays of text that ledgers are, written by hand from the specification of Zarr v3."""


def text_document(dim, chunk, **attributes):
    """Return the document of an array of no cell along a dimension."""
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": [0],
        "data_type": "string",
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [chunk]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": "",
        "codecs": [
            {"name": "vlen-utf8", "configuration": {}},
            {"name": "zstd", "configuration": {"level": 5, "checksum": True}},
        ],
        "attributes": attributes,
        "dimension_names": [dim],
        "storage_transformers": [],
    }
