"""SNR of published groups, of which some stay open."""

import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.store.reading import snr
from gnssice_batch.store.reading.snr import _Groups, snr_of
from gnssice_batch.store.repository import open_repository
from tests.support.small_groups import committed, made_group
from tests.support.templates import template

KEPT = snr._GROUPS_KEPT


@pytest.fixture(scope="module")
def stored(tmp_path_factory):
    """A repository, and more versions of it than groups stay open."""
    repository = open_repository(str(tmp_path_factory.mktemp("snr") / "rinex"))

    def begun(root):
        made_group(root, template())["SNR"][10:12] = np.arange(6).reshape(2, 3)

    changes = [lambda root, n=number: root["rec"].attrs.update({"comment": n}) for number in range(KEPT)]
    return repository.location, [committed(repository, change) for change in (begun, *changes)]


def test_epochs_are_read_signal_by_signal(stored):
    where, versions = stored
    found = snr_of(where, versions[0], "rec", range(9, 12))
    np.testing.assert_array_equal(found, np.array([[np.nan] * 3, [0, 1, 2], [3, 4, 5]], np.float32))
    assert found.flags.f_contiguous
    with pytest.raises(StoreError, match=r"snapshot 0{20} of"):
        snr_of(where, "0" * 20, "rec", range(3))


def test_a_group_stays_open_while_it_is_among_the_last_that_were_read(stored):
    where, versions = stored
    groups = _Groups()
    opened = [groups.get(where, version, "rec") for version in versions[:KEPT]]
    assert groups.get(where, versions[0], "rec") is opened[0]
    groups.get(where, versions[KEPT], "rec")
    assert groups.get(where, versions[0], "rec") is opened[0], "read again since"
    assert groups.get(where, versions[2], "rec") is opened[2]
    assert groups.get(where, versions[1], "rec") is not opened[1], "longest not read"


def test_a_group_that_several_threads_want_is_opened_once(stored, monkeypatch):
    where, versions = stored
    opened, opens = [], snr.cells_of_snapshot

    def slow(*asked):
        opened.append(asked)
        time.sleep(0.05)
        return opens(*asked)

    monkeypatch.setattr(snr, "cells_of_snapshot", slow)
    groups = _Groups()
    with ThreadPoolExecutor(4) as threads:
        found = set(map(id, threads.map(lambda _: groups.get(where, versions[0], "rec"), range(4))))
    assert (len(opened), len(found)) == (1, 1)
