import pytest

from gnssice_batch.archive.ownership import group_name, owners, receiver_part
from gnssice_batch.config import Archive, Receiver
from gnssice_batch.errors import ConfigError, PlanError
from gnssice_batch.rinex.names import parse_name


def owners_of(uris, **settings):
    return owners(uris, {uri: parse_name(uri) for uri in uris}, {}, Archive(url="unused", **settings))


def conflicts(uris, **settings):
    with pytest.raises(PlanError) as caught:
        owners_of(uris, **settings)
    return caught.value.conflicts


@pytest.mark.parametrize(
    ("station", "group"), [("RACT", "ract"), (" My Site/7 ", "my_site_7"), ("a..b-c", "a..b-c"), ("__", ""), ("é", "")]
)
def test_group_names(station, group):
    assert group_name(station) == group


def test_the_part_of_a_path_that_is_the_receiver():
    part = receiver_part("site/{receiver}/**")
    assert part("site/Rec A/2025/x") == "Rec A"
    assert part("other/Rec A/x") is None


def test_two_folders_are_not_one_receiver():
    (said,) = conflicts(["Rec A/ract0010.25o", "rec_a/ract0010.25o", "b/ract0010.25o"], layout="{receiver}/**")
    assert said.startswith("the folders 'Rec A' and 'rec_a' would be one receiver, rec_a: ")


def test_stations_are_the_same_in_any_case():
    uris = ["2025/ract0010.25d.gz", "RACT0020.25O"]
    assert set(owners_of(uris).values()) == {"ract"}
    folders = ["2024/WTZR/ract0010.25o", "2025/wtzr/ract0010.25o"]
    assert set(owners_of(folders, layout="*/{receiver}/*").values()) == {"wtzr"}
    assert set(owners_of(["a/ract0010.25o", "a/RACT0020.25o"], layout="a/{receiver}00?0.25o").values()) == {"ract"}


def test_a_name_that_zarr_keeps_is_refused():
    (said,) = conflicts(["zarr.json/ract0010.25o"], layout="{receiver}/**")
    assert said.startswith("zarr.json/ract0010.25o: Zarr keeps the name zarr.json for itself")
    with pytest.raises(ValueError, match=r"zarr\.json can't"):
        Archive(url="unused", receivers={"zarr.json": Receiver(station="ract")})


def test_receivers_named_by_whole_file_names_are_refused():
    uris = [f"2025/ract00{day}0.25d.gz" for day in range(1, 6)]
    (said,) = conflicts(uris, layout="**/{receiver}")
    assert "makes a receiver of each of the 5 files, 2025/ract0010.25d.gz -> ract0010.25d.gz for one" in said


def test_a_network_of_one_file_each_is_none_of_these():
    uris = [f"2025/st0{number}0010.25d.gz" for number in range(8)]
    assert len(set(owners_of(uris).values())) == 8
    assert len(set(owners_of(uris, layout="2025/{receiver}0010.25d.gz").values())) == 8
    folders = [f"st0{number}/ract0010.25d.gz" for number in range(8)]
    assert len(set(owners_of(folders, layout="{receiver}/**").values())) == 8


def test_the_repository_is_not_inside_the_archive(tmp_path):
    from gnssice_batch import load_settings

    def chosen(*extra):
        archive, store = f"archive.url={tmp_path}", f"store.url={tmp_path}/stores"
        return load_settings(None, overrides=["site=s", archive, store, *extra])

    with pytest.raises(ConfigError, match=r"the repository \(stores/s/rinex\) would be inside the archive"):
        chosen()
    assert chosen('archive.exclude=["stores/*"]').site == "s"
    assert chosen(f"store.url={tmp_path}-stores").site == "s"
    with pytest.raises(ConfigError, match="would be inside the archive"):
        chosen(f"store.url={tmp_path.parent}", f"site={tmp_path.name}")
    with pytest.raises(ConfigError, match="would be inside the archive"):
        chosen("archive.url=s3://b/data", "store.url=s3://b/data/stores")
    assert chosen("archive.url=s3://b/data", "store.url=s3://b/stores").site == "s"


@pytest.mark.parametrize(
    "elsewhere",
    ['archive.include=["rinex/**"]', "archive.layout=rinex/{receiver}/*", "store.url={}/.store", "store.url={}/a/.b"],
)
def test_a_store_that_the_settings_do_not_look_into_may_be_there(tmp_path, elsewhere):
    from gnssice_batch import load_settings

    common = ["site=s", f"archive.url={tmp_path}", f"store.url={tmp_path}/stores"]
    assert load_settings(None, overrides=[*common, elsewhere.replace("{}", str(tmp_path))]).site == "s"
