"""The pages as text: nothing beside them is needed, no name in them becomes markup."""

import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from gnssice_batch.archive.skipped import SkipKind, SkippedFile
from gnssice_batch.reporting import libraries
from gnssice_batch.reporting.gathering import store_facts
from gnssice_batch.reporting.page import percent
from gnssice_batch.reporting.run_page import run_page
from gnssice_batch.reporting.store_page import store_page
from tests.support.reported import CUT, EVIL, PAGE, reported

VOID = {"meta", "link", "img", "br"}


class Page(HTMLParser):
    """What a browser would see: elements, their attributes, text; ends that have no begin are errors."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text, self.open = [], [], [], []
        self.feed(text)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(tag, *each) for each in attrs]

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)

    def values(self, name):
        return [value for _, key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    chosen, report = reported(tmp_path_factory.mktemp("reported"))
    return store_facts(chosen), report


@pytest.fixture(scope="module")
def pages(made):
    facts, report = made
    return {"store": store_page(facts), "run": run_page(report)}


@pytest.mark.parametrize("kind", ["store", "run"])
def test_nothing_beside_the_page_is_needed(pages, kind):
    page = Page(pages[kind])
    assert {"script", "iframe", "object", "b>"}.isdisjoint(page.tags)
    for name in ("src", "href", "xlink:href"):
        assert [value for value in page.values(name) if not value.startswith(("data:", "#"))] == []
    assert not [key for _, key, _ in page.attributes if key.startswith("on")]
    assert re.findall(r"url\((?!#)", pages[kind]) == []
    assert "@import" not in pages[kind]


@pytest.mark.parametrize("kind", ["store", "run"])
def test_names_become_text(pages, kind):
    page = Page(pages[kind])
    text = "".join(page.text)
    assert EVIL not in pages[kind]
    assert f"<html>{EVIL}</html>" in text
    assert PAGE in text
    assert CUT in text


def test_links_lead_somewhere_and_no_name_is_given_twice(pages):
    for text in pages.values():
        page = Page(text)
        ids = page.values("id")
        assert len(ids) == len(set(ids))
        assert {value[1:] for value in page.values("href") if value.startswith("#")} <= set(ids)
        assert set(re.findall(r"url\(#([^)]*)\)", text)) <= set(ids)


def test_who_does_not_see_the_drawings_is_told_of_them(pages):
    page = Page(pages["store"])
    assert page.tags.count("svg") == 4 * 2
    assert len(page.values("aria-label")) >= 4 * 2
    assert page.tags.count("h1") == 1
    assert "Hours of rec by how much of them the store holds, 35.6 % of its epochs" in pages["store"]
    assert page.tags.count("img") == len(page.values("alt"))


def test_the_page_says_what_the_store_holds(pages):
    text = " ".join(" ".join(Page(pages["store"]).text).split())
    for said in (
        "Completeness 46.7 % 1,959 of 4,199 epochs",
        "Gaps 62, 2,240 epochs missing",
        "2025-01-02 02:00:00 receiver SEPT POLARX4 17",
        "gnssice-batch quarantine list --receiver rec --reason truncated --all",
        "4 ok, 1 partial , 1 rejected",
        "every 30 s",
    ):
        assert said in text


def test_a_store_that_holds_nothing(made):
    facts = replace(made[0], receivers=())
    assert "The store holds no receiver." in store_page(facts)


def test_a_receiver_without_an_epoch(made):
    nothing = [replace(each, presence=None, samples=None, first_ns=None, last_ns=None) for each in made[0].receivers]
    assert "holds no epoch" in store_page(replace(made[0], receivers=tuple(nothing)))


def test_text_that_steers_is_written_out(made):
    facts = replace(made[0], url="stores/\u202ertl\x1b[31m\udcff")
    assert "stores/\\u202ertl\\x1b[31m\\udcff" in store_page(facts)


def test_the_page_of_a_run_has_all_that_went_wrong(made):
    skipped = SkippedFile("README", SkipKind.UNKNOWN, "the name has none of the known forms")
    report = replace(
        made[1], skipped_files=(skipped,), gone=("old.rnx",), left_out={"x": "no interval"}, set_aside=("rec.2025001",),
        markers={"rec": {"A": 1, "B": 2}},
    )  # fmt: skip
    text = " ".join(" ".join(Page(run_page(report)).text).split())
    for said in ("README", "old.rnx", "no interval", "rec.2025001", "A in 1 file, B in 2 files", "not_rinex"):
        assert said in text
    assert f"published as {made[1].snapshot}" in text


def test_the_page_of_a_run_that_had_nothing_to_do(made):
    report = replace(made[1], files={}, snapshot=None, changes={}, bytes_read=0)
    assert "nothing new, nothing published" in run_page(report)


def test_a_run_says_changes_of_equipment(pages):
    assert "SEPT POLARX4 17" in pages["run"]


@pytest.mark.parametrize(
    ("part", "whole", "said"),
    [
        (0, 5, "0 %"),
        (5, 5, "100 %"),
        (1, 10**6, "0.1 %"),
        (10**6 - 1, 10**6, "99.9 %"),
        (1, 3, "33.3 %"),
        (0, 0, "0 %"),
    ],
)
def test_whole_is_said_only_where_nothing_is_missing(part, whole, said):
    assert percent(part, whole) == said


def test_libraries_that_are_missing_are_named(monkeypatch):
    monkeypatch.setattr(libraries, "find_spec", lambda name: None if name == "matplotlib" else name)
    with pytest.raises(libraries.ConfigError, match=r"needs matplotlib: pip install 'gnssice-batch\[report\]'"):
        libraries.check_libraries()


def test_a_part_of_the_store_says_that_it_is_one(made):
    facts = replace(made[0], receivers=made[0].receivers[:1], left_out=1, since_ns=0)
    text = " ".join(store_page(facts).split())
    assert "from 1980-01-06 00:00:00 on without 1 other receiver." in text
