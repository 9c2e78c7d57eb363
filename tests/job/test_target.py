"""Where a job publishes, keeps its journals and its reports, by its settings."""

import pytest

from gnssice_batch.errors import StoreError
from gnssice_batch.job.target import VIRTUAL, at_url, check_place, target_of
from gnssice_batch.planning.plan import Retry
from gnssice_batch.storage.options import StorageOptions
from gnssice_batch.store.repository import RepositoryOptions
from tests.support.runs import settings

FAR = {"url": "s3://bucket/stores", "storage_options": {"region": "eu-central-1"}}
STORED = StorageOptions(region="eu-central-1")


def test_journals_lie_beside_the_repository_where_nothing_else_is_said(tmp_path):
    target = target_of(settings(tmp_path))
    assert target.url == f"{tmp_path}/stores/site/rinex"
    assert (target.journals.url, target.reports) == (f"{target.url}.runs", None)
    assert (target.branch, target.tag, target.product) == ("main", None, "rinex")
    assert target.identity == settings(tmp_path).identity("rinex")
    other = target_of(settings(tmp_path), product=VIRTUAL)
    assert other.journals.url == f"{tmp_path}/stores/site/virtual.runs"


@pytest.mark.parametrize(("product", "journals"), [("rinex", "s3://other/j"), ("virtual", "s3://other/j.virtual")])
def test_each_product_has_a_repository_and_journals_of_its_own(tmp_path, product, journals):
    run = {"journal_url": "s3://other/j", "report_url": "s3://other/r", "branch": "next", "tag": "v1"}
    chosen = settings(tmp_path, store=FAR, run=run)
    target = target_of(chosen, product=product)
    assert (target.url, target.location.options) == (f"s3://bucket/stores/site/{product}", STORED)
    assert (target.journals.url, target.reports.url) == (journals, "s3://other/r")
    assert (target.branch, target.tag, target.product) == ("next", "v1", product)
    assert target.identity == chosen.identity(product)


def test_the_options_of_the_store_are_those_of_its_journals_in_a_storage_of_the_same_kind(tmp_path):
    target = target_of(settings(tmp_path, store=FAR, run={"report_url": str(tmp_path / "reports")}))
    assert target.journals.options == STORED
    assert target.reports.options == StorageOptions()


def test_what_a_run_takes_instead_of_what_is_new_makes_it_another_run(tmp_path):
    chosen = settings(tmp_path)
    retry = Retry(frozenset({"off_grid"}))
    assert target_of(chosen, retry).identity == f"{chosen.identity()} again: off_grid; ; "


def test_the_repository_is_opened_as_the_settings_say(tmp_path):
    words = {"compression_algorithm": "gzip", "compression_level": 7, "inline_threshold": 99, "get_concurrency": 3}
    options = target_of(settings(tmp_path, icechunk=words)).options
    assert options == RepositoryOptions(compression_level=7, inline_threshold=99, get_concurrency=3)


def test_another_repository_has_its_journals_beside_it(tmp_path):
    target = target_of(settings(tmp_path, store=FAR, run={"journal_url": "s3://other/j", "tag": "v1"}), product=VIRTUAL)
    other = at_url(target, "s3://bucket/BOX//")
    assert (other.url, other.journals.url) == ("s3://bucket/BOX", "s3://bucket/BOX.runs")
    assert (other.location.options, other.tag, other.identity) == (STORED, "v1", target.identity)


def test_no_repository_is_made_among_the_files_of_others(tmp_path):
    target = target_of(settings(tmp_path))
    check_place(target)
    folder = tmp_path / "stores" / "site" / "rinex"
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("all of it")
    with pytest.raises(StoreError, match=r"holds thesis\.tex"):
        check_place(target)
    check_place(target_of(settings(tmp_path, store=FAR)))
