"""Sockets that Dask leaves behind where it gives up connecting are collected here, and blamed on no later test."""

import gc
import warnings

import pytest


@pytest.fixture(autouse=True)
def collected():
    """Collect what a test has left."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()
