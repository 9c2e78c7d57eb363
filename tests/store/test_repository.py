"""Repositories made and opened: on a disk under a lock, elsewhere after the proof of conditional writes."""

from contextlib import nullcontext

import icechunk
import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.storage.location import location
from gnssice_batch.storage.traffic import TRAFFIC
from gnssice_batch.store import repository as module
from gnssice_batch.store.conditional_writes import PROOF
from gnssice_batch.store.lock import ToldLock
from gnssice_batch.store.repository import (
    MAIN,
    RepositoryOptions,
    make_branch,
    manifest_length,
    open_existing,
    open_repository,
    remove_branch,
    repository_exists,
    repository_url,
    with_ledgers_inline,
)

ELSEWHERE = location("s3://bucket/site/rinex", {"endpoint_url": "https://server.example.org", "anon": True})
OPTIONS = RepositoryOptions(
    compression_level=9,
    inline_threshold=77,
    get_concurrency=3,
    max_concurrent_requests=33,
    requests_per_object=7,
    request_bytes=1 << 20,
    max_tries=2,
    max_backoff_s=1.5,
    connect_timeout_s=0.25,
    read_timeout_s=0.75,
)
MADE, UPDATED = 3, 2
"""Objects that Icechunk writes for a new repository, and for what is kept with one."""


@pytest.fixture
def local(tmp_path):
    return open_repository(str(tmp_path / "site" / "rinex"))


@pytest.fixture
def requests():
    """Requests since the test began, by kind."""
    TRAFFIC.take()
    yield lambda: TRAFFIC.take().requests
    TRAFFIC.take()


class Server:
    """Icechunk's memory in the place of a server, and what was asked of it."""

    def __init__(self, monkeypatch):
        self.memory = icechunk.in_memory_storage()
        self.portable, self.proofs = [], []
        monkeypatch.setattr(module, "storage", self._storage)
        monkeypatch.setattr(module, "prove", self.proofs.append)

    def _storage(self, where, *, portable=False):
        assert where == ELSEWHERE
        self.portable.append(portable)
        return self.memory


@pytest.fixture
def server(monkeypatch, requests):  # noqa: ARG001 - those before it are forgotten
    return Server(monkeypatch)


@pytest.fixture
def asked(monkeypatch):
    """With which settings a repository was looked for."""
    settings, exists = [], icechunk.Repository.exists

    def noted(place, storage_settings=None):
        settings.append(storage_settings)
        return exists(place, storage_settings=storage_settings)

    monkeypatch.setattr(icechunk.Repository, "exists", noted)
    return settings


class TestElsewhere:
    def test_a_server_is_tried_before_the_first_repository_and_that_is_remembered(self, server, requests):
        opened = open_repository(ELSEWHERE)
        assert server.proofs == [ELSEWHERE]
        assert opened.handle.get_metadata()[PROOF]["server"] == "https://server.example.org"
        assert requests() == {"PUT": MADE + UPDATED}
        assert open_repository(ELSEWHERE).head() == opened.head()
        assert server.proofs == [ELSEWHERE]
        assert requests() == {}

    def test_a_server_that_was_tried_just_now_is_not_tried_again(self, server):
        opened = open_repository(ELSEWHERE, proven=True)
        assert server.proofs == []
        assert PROOF in opened.handle.get_metadata()

    def test_one_that_another_program_has_made_is_looked_at_before_anything_is_written(self, server, requests):
        made = icechunk.Repository.create(server.memory)

        def refuse(found):
            assert (found.location, found.head()) == (ELSEWHERE, made.lookup_branch(MAIN))
            raise StoreError("not ours")

        with pytest.raises(StoreError, match="not ours"):
            open_repository(ELSEWHERE, check=refuse)
        assert (server.proofs, requests(), made.get_metadata()) == ([], {}, {})
        seen = []
        opened = open_repository(ELSEWHERE, check=seen.append)
        assert [found.url for found in seen] == [ELSEWHERE.url]
        assert (server.proofs, requests()) == ([ELSEWHERE], {"PUT": UPDATED})
        assert opened.head() == made.lookup_branch(MAIN)
        open_repository(ELSEWHERE, check=refuse)

    def test_a_new_one_is_not_looked_at_and_none_has_to_be(self, server):
        assert open_repository(ELSEWHERE, check=pytest.fail)
        server.memory = icechunk.in_memory_storage()
        made = icechunk.Repository.create(server.memory)
        assert open_repository(ELSEWHERE).head() == made.lookup_branch(MAIN)

    @pytest.mark.parametrize("portable", [True, False])
    def test_keys_travel_only_where_that_was_asked_for(self, server, portable):
        open_repository(ELSEWHERE, portable=portable)
        assert set(server.portable) == {portable}
        server.portable.clear()
        assert open_existing(ELSEWHERE, portable=portable)
        assert server.portable[-1] is portable

    def test_what_another_process_has_made_meanwhile_is_taken(self, server, requests):
        made = icechunk.Repository.create(server.memory)
        found = module._created(ELSEWHERE, server.memory, module._configuration(OPTIONS))
        assert found.lookup_branch(MAIN) == made.lookup_branch(MAIN)
        assert found.config.inline_chunk_threshold_bytes == 77
        assert requests() == {}

    def test_a_process_makes_its_requests_as_its_options_say_and_readers_as_theirs(self, server):
        for _ in range(2):
            mine = open_repository(ELSEWHERE, OPTIONS).handle.config
            assert told(mine) == {**KEPT, **REQUESTS, "max_concurrent_requests": 33}
            assert told(icechunk.Repository.fetch_config(server.memory)) == KEPT
        others = told(open_existing(ELSEWHERE).handle.config)
        limits = {"tries": (12, 100, 20_000), "parts": (18, 12 << 20), "times_ms": (5_000, 30_000)}
        assert others == {**KEPT, **limits}

    @pytest.mark.usefixtures("server")
    def test_it_is_looked_for_within_these_limits(self, asked):
        open_repository(ELSEWHERE, OPTIONS)
        repository_exists(ELSEWHERE)
        assert [settings.timeouts.read_timeout_ms for settings in asked] == [750, 30_000]

    @pytest.mark.parametrize("calls", [0, 1], ids=["when it is looked for", "when it is opened"])
    def test_what_is_refused_there_is_told(self, server, monkeypatch, calls):
        icechunk.Repository.create(server.memory)
        asked = []

        def refused(where, *, portable=False):
            assert where == ELSEWHERE
            asked.append(portable)
            if len(asked) > calls:
                raise PermissionError("no AWS credentials")
            return server.memory

        monkeypatch.setattr(module, "storage", refused)
        with pytest.raises(StoreError) as raised:
            open_existing(ELSEWHERE)
        assert str(raised.value) == f"the repository {ELSEWHERE.url} can't be read: no AWS credentials"
        with pytest.raises(StoreError, match="can't be read: no AWS credentials"):
            repository_exists(ELSEWHERE)
        with pytest.raises(StoreError, match="can't be opened for writing: no AWS credentials"):
            open_repository(ELSEWHERE)

    @pytest.mark.usefixtures("server")
    def test_nothing_is_locked(self):
        assert isinstance(open_repository(ELSEWHERE).lock, nullcontext)

    def test_there_is_one_or_none(self, server):
        assert not repository_exists(ELSEWHERE)
        assert open_existing(ELSEWHERE) is None
        icechunk.Repository.create(server.memory)
        assert repository_exists(ELSEWHERE)
        assert open_existing(ELSEWHERE).location == ELSEWHERE

    @pytest.mark.usefixtures("server")
    def test_what_was_written_is_counted(self, requests):
        opened = open_repository(ELSEWHERE)
        requests()
        opened.wrote(3, 500)
        counted = TRAFFIC.take()
        assert (counted.requests, counted.sent_bytes) == ({"PUT": 3}, 500)
        make_branch(opened, "one", opened.head())
        assert requests() == {"PUT": UPDATED}
        remove_branch(opened, "one")
        assert requests() == {"PUT": UPDATED}


KEPT = {
    "inline": 77,
    "partial": 3,
    "compression": (icechunk.CompressionAlgorithm.Zstd, 9),
    "max_concurrent_requests": None,
    "preloaded": 10_000,
    "manifests_at_once": 64,
}
"""Of the options what is kept with a repository."""
REQUESTS = {"tries": (2, 100, 1_500), "parts": (7, 1 << 20), "times_ms": (250, 750)}


def told(configuration):
    """What a configuration says that was chosen."""
    compression, storage, manifest = configuration.compression, configuration.storage, configuration.manifest
    found = {
        "inline": configuration.inline_chunk_threshold_bytes,
        "partial": configuration.get_partial_values_concurrency,
        "compression": (compression.algorithm, compression.level),
        "max_concurrent_requests": configuration.max_concurrent_requests,
        "preloaded": manifest.preload.max_total_refs,
        "manifests_at_once": manifest.max_concurrent_manifest_fetches_during_commit,
    }
    if storage and storage.timeouts:
        tries, parts, times = storage.retries, storage.concurrency, storage.timeouts
        found["tries"] = (tries.max_tries, tries.initial_backoff_ms, tries.max_backoff_ms)
        found["parts"] = (parts.max_concurrent_requests_for_object, parts.ideal_concurrent_request_size)
        found["times_ms"] = (times.connect_timeout_ms, times.read_timeout_ms)
    return found


class TestOnADisk:
    def test_it_is_made_with_the_folders_above_it_and_without_any_proof(self, tmp_path, monkeypatch, requests):
        monkeypatch.setattr(module, "prove", pytest.fail)
        opened = open_repository(str(tmp_path / "deep" / "site" / "rinex"), OPTIONS)
        assert opened.handle.get_metadata() == {}
        assert told(opened.handle.config) == {**KEPT, "max_concurrent_requests": 33}
        assert open_repository(opened.url, check=pytest.fail).head() == opened.head()
        opened.wrote(3, 500)
        assert requests() == {}

    def test_the_defaults_of_the_options_are_the_programs(self, local):
        kept = told(local.handle.config)
        assert (kept["inline"], kept["partial"], kept["compression"][1]) == (512, 1, 5)

    def test_there_are_no_limits_of_requests(self, local, asked):
        assert "tries" not in told(open_existing(local.url).handle.config)
        assert asked == [None]

    def test_its_lock_lies_beside_it_and_is_held_while_it_is_made(self, tmp_path, monkeypatch):
        held = []

        class Lock(ToldLock):
            def __exit__(self, *raised):
                held.append(repository_exists(url))
                super().__exit__(*raised)

        url = str(tmp_path / "site" / "rinex")
        monkeypatch.setattr(module, "ToldLock", Lock)
        lock = open_repository(url).lock
        assert held == [True]
        assert lock.lock_file == str(tmp_path / "site" / ".rinex.lock")

    def test_what_was_cut_short_while_it_was_made_is_removed(self, tmp_path):
        folder = tmp_path / "site" / "rinex"
        (folder / "snapshots").mkdir(parents=True)
        (folder / "snapshots" / "1CECHNKREP0F1RSTCMT0#1").write_bytes(b"half of it")
        assert open_repository(str(folder)).head()
        assert [path.name for path in (folder / "snapshots").iterdir()] == ["1CECHNKREP0F1RSTCMT0"]

    def test_it_is_there_or_not(self, tmp_path, local):
        assert repository_exists(local.url)
        assert open_existing(local.url).head() == local.head()
        assert isinstance(open_existing(local.url).lock, nullcontext)
        (tmp_path / "empty").mkdir()
        (tmp_path / "file").write_bytes(b"")
        for name in ("empty", "file", "nothing"):
            assert not repository_exists(str(tmp_path / name))
            assert open_existing(str(tmp_path / name)) is None

    def test_one_that_is_made_between_two_looks_is_there(self, tmp_path, monkeypatch):
        """Its folders are there before its state is."""
        url = str(tmp_path / "rinex")
        (tmp_path / "rinex" / "chunks").mkdir(parents=True)
        (tmp_path / "rinex" / "chunks" / "A").write_bytes(b"x")
        with pytest.raises(StoreError, match=f"the repository {url} is damaged, its file repo is missing"):
            repository_exists(url)

        def made_after(_):
            (tmp_path / "rinex" / "chunks" / "A").unlink()
            icechunk.Repository.create(icechunk.local_filesystem_storage(url))
            (tmp_path / "rinex" / "chunks" / "A").write_bytes(b"x")
            raise StoreError("damaged")

        monkeypatch.setattr(module, "check_state", made_after)
        assert repository_exists(url)

    def test_other_things_at_its_place_are_told(self, tmp_path):
        (tmp_path / "other").write_bytes(b"x")
        with pytest.raises(StoreError) as raised:
            open_repository(str(tmp_path))
        assert str(raised.value) == (
            f"{tmp_path} is no repository, and none can be made there, because other things are there: change"
            " store.url or site, or move them away"
        )

    def test_a_place_that_is_a_file_is_told(self, tmp_path):
        (tmp_path / "file").write_bytes(b"x")
        with pytest.raises(StoreError, match=r"file can't be opened for writing: .*File exists"):
            open_repository(str(tmp_path / "file"))

    def test_damage_is_told_by_whoever_opens_it(self, tmp_path, local):
        (tmp_path / "site" / "rinex" / "repo").write_bytes(b"x" * 100)
        for opening in (open_repository, open_existing):
            with pytest.raises(
                StoreError, match=f"^the repository {local.url} is damaged, its file repo can't be read"
            ):
                opening(local.url)


def test_errors_of_the_system_are_no_damage():
    for error in (OSError(5, "Input/output error"), icechunk.IcechunkError("a message\nmore of it")):
        first = str(error).partition("\n")[0]
        assert module._unread(ELSEWHERE, error) == f"the repository {ELSEWHERE.url} can't be read: {first}"
        wanted = f"the repository {ELSEWHERE.url} can't be opened for writing: {first}"
        assert module._unopened(ELSEWHERE, error) == wanted


def test_the_ledgers_of_a_commit_are_in_its_manifests(local):
    assert with_ledgers_inline(local).config.inline_chunk_threshold_bytes == 16_384
    assert told(with_ledgers_inline(local).config)["manifests_at_once"] == 64
    assert local.handle.config.inline_chunk_threshold_bytes == 512


def test_coordinates_of_signals_are_loaded_first_and_long_arrays_have_several_manifests(local):
    kept = local.handle.config.manifest
    assert "sid|sv|" in repr(kept.preload.preload_if)
    assert '"epoch"), 10000' in repr(kept.splitting.split_sizes)
    assert (manifest_length("epoch"), manifest_length("file"), manifest_length("sid")) == (10_000, 4, None)


def test_a_product_has_a_repository_of_its_own_below_its_site():
    assert repository_url("s3://bucket/stores/", "site") == "s3://bucket/stores/site/rinex"
    assert repository_url("/stores", "site", "vod") == "/stores/site/vod"
