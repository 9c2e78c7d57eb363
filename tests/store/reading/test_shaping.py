import numpy as np
import pytest
import xarray as xr

from gnssice_batch import StoreError, open_dataset, run
from tests.support.runs import DAY_ONE_S, name, repository, rinex, settings, span_s, write

SVS = [f"{system}{number:02}" for system, last in (("G", 32), ("R", 24), ("E", 20)) for number in range(1, last + 1)]
"""More signals than fit into one chunk."""


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    folder = tmp_path_factory.mktemp("two")
    first = name(DAY_ONE_S, "01H")
    files = {
        first: rinex(span_s(DAY_ONE_S, 1), SVS),
        first.replace("rec/", "other/"): rinex(span_s(DAY_ONE_S, 1), ("G02", "C05"), salt=3),
    }
    write(folder / "archive", files)
    chosen = settings(folder)
    run(chosen)
    return str(repository(chosen))


def test_it_is_written_by_zarr_whole_and_in_part(url, tmp_path):
    whole = open_dataset(url, "rec", trim=False)
    parts = {"whole": whole, "part": whole.isel(epoch=slice(3, 50), sid=slice(1, 7)), "loaded": whole.load()}
    for each, dataset in parts.items():
        dataset.to_zarr(tmp_path / each, consolidated=False)
        with xr.open_zarr(tmp_path / each, consolidated=False) as copy:
            np.testing.assert_array_equal(copy.SNR.values, dataset.SNR.values)
            assert copy.sid.values.tolist() == dataset.sid.values.tolist()


@pytest.mark.parametrize(
    "more",
    [{}, {"trim": False}, {"mask": True}, {"text_objects": True}, {"per_epoch": False}, {"chunks": None},
     {"chunks": {"epoch": 720}}, {"sids": ["G01|L1|C", "R03|G1|C", "E21|E1|C"]}],
)  # fmt: skip
def test_its_chunks_agree(url, more):
    dataset = open_dataset(url, "rec", **more)
    for same in (dataset, dataset.isel(epoch=slice(3, 50), sid=slice(1, 90)), dataset.sel(sid=dataset.sid[::3])):
        whole = same.chunk({})
        assert dict(whole.chunks) == dict(whole.unify_chunks().chunks)
        assert whole.sv.values.tolist() == same.sv.values.tolist()
    cut = dataset.chunk({"epoch": 7, "sid": 10})
    assert (cut.chunks["epoch"][0], cut.chunks["sid"][0]) == (7, min(10, dataset.sizes["sid"]))
    assert dict(dataset.chunk({"epoch": 7}).chunks)["epoch"][0] == 7


def test_it_is_plotted_as_it_is(url):
    import matplotlib as mpl

    mpl.use("agg")
    from matplotlib import pyplot as plt

    image = open_dataset(url, "rec").SNR.plot()
    assert image.get_array().size == 120 * len(SVS)
    plt.close("all")


def test_given_signals_keep_integers_and_know_what_they_are(url):
    plain = open_dataset(url, "rec")
    sids = ["E21|E1|C", "R03|G1|C", "G01|L1|C"]
    dataset = open_dataset(url, "rec", sids=sids)
    assert dataset.sid.values.tolist() == sids
    assert {name: dataset[name].dtype for name in dataset.data_vars} == {
        name: plain[name].dtype for name in plain.data_vars
    }
    assert (dataset.LLI.isel(sid=0) == -1).all()
    assert dataset.SNR.isel(sid=0).isnull().all()
    for sid in sids[1:]:
        xr.testing.assert_identical(dataset.sel(sid=sid).load(), plain.sel(sid=sid).load())
    assert dataset.system.values.tolist() == ["E", "R", "G"]
    assert dataset.freq_center.values[0] == np.float32(1575.42)


def test_without_a_receiver_it_says_which_there_are(url):
    with pytest.raises(StoreError, match="say which receiver; it has other, rec"):
        open_dataset(url)


def test_masked_indicators_have_means(url):
    dataset = open_dataset(url, "rec", mask=True)
    plain = open_dataset(url, "rec")
    for indicator in ("LLI", "SSI"):
        there = plain[indicator].values >= 0
        assert dataset[indicator].dtype == np.float32
        np.testing.assert_array_equal(dataset[indicator].notnull().values, there)
        np.testing.assert_array_equal(dataset[indicator].values[there], plain[indicator].values[there])


def test_two_receivers_are_merged(url):
    pair = {each: open_dataset(url, each, per_epoch=False) for each in ("rec", "other")}
    merged = xr.merge(
        [dataset[["SNR"]].rename(SNR=each) for each, dataset in pair.items()], join="outer", compat="no_conflicts"
    )
    assert set(merged.data_vars) == {"rec", "other"}
    assert merged.sizes["sid"] == len({*pair["rec"].sid.values} | {*pair["other"].sid.values})
    np.testing.assert_array_equal(merged.rec.sel(sid=pair["rec"].sid).values, pair["rec"].SNR.values)
