"""Runs from object store to object store: equal to a local run, and no credential in anything written or printed."""

import base64
import json
import urllib.parse
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
import yaml

from gnssice_batch import open_dataset
from gnssice_batch.cli.entry import main
from gnssice_batch.job import run as job_run
from gnssice_batch.storage import credentials, filesystems
from gnssice_batch.storage.folder import folder_at
from gnssice_batch.storage.location import location
from tests.support.object_stores.stores import fresh
from tests.support.runs import DAY_ONE_S, name, rinex, span_s, write

pytestmark = pytest.mark.processes

PLANTED = {
    "access_key_id": "PLANTEDKEYID0123456789",
    "secret_access_key": "planted/secret+0123456789",
    "session_token": "planted=token+987654",
}
FILES = {name(DAY_ONE_S + 21600 * n, "06H"): rinex(span_s(DAY_ONE_S + 21600 * n, 1)) for n in range(3)}
BROKEN = {name(DAY_ONE_S + 70000, "06H"): b"<html>no file</html>"}


def sas(store):
    from azure.storage.blob import AccountSasPermissions, ResourceTypes, generate_account_sas

    return generate_account_sas(
        store.options["account_name"],
        store.options["account_key"],
        ResourceTypes(service=True, container=True, object=True),
        AccountSasPermissions.from_string("rwdlacup"),
        datetime.now(UTC) + timedelta(hours=1),
    )


@pytest.fixture(params=["s3", "azure-key", "azure-sas"])
def planted(request, tmp_path, object_servers):
    """A place with credentials that can be recognised, and these."""
    kind = request.param.partition("-")[0]
    store = fresh(kind, tmp_path, object_servers({"s3": "moto", "azure": "azurite"}[kind]))
    options = dict(store.options)
    if kind == "s3":
        keys = PLANTED
        options |= keys
    elif request.param == "azure-sas":
        options["sas_token"] = sas(store)
        del options["account_key"]
        keys = {"sas_token": options["sas_token"]}
    else:
        keys = {"account_key": options["account_key"]}
    credentials.forget()
    filesystems.forget()
    secrets = [*keys.values()]
    if "sas_token" in keys:
        secrets.append(urllib.parse.parse_qs(keys["sas_token"])["sig"][0])
    return store, options, keys, secrets


def settings_file(tmp_path, store, options, **more):
    document = {
        "site": "site",
        "archive": {"url": f"{store.url}/archive", "layout": "{receiver}/**", "storage_options": options},
        "store": {"url": f"{store.url}/stores", "storage_options": options},
        "chunks": {"epoch": 720},
        "grid": {"interval_s": 30, "phase_s": 0},
        "log": {"level": "debug", "format": "json"},
        **more,
    }
    for section in ("archive", "store"):
        document[section]["allow_static_credentials"] = True
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(document))
    return str(path)


def forms(secret):
    """Return the ways a secret may stand in bytes: plain, quoted, in base64 at any offset."""
    plain = secret.encode()
    yield plain
    yield urllib.parse.quote(secret, safe="").encode()
    yield json.dumps(secret)[1:-1].encode()
    for offset in range(3):
        yield base64.b64encode(b"\0" * offset + plain)[(4 if offset else 0) : -4]


def check(where, folder, printed, secrets):
    """Search all bytes that were written to the storage, to disk, or printed."""
    remote = folder_at(where)
    contents = {key: remote.read(key) for key in remote.entries() if not key.startswith("archive/")}
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != "settings.yaml")
    contents |= {str(path): path.read_bytes() for path in files}
    contents["printed"] = printed.encode()
    wanted = [form for secret in secrets for form in forms(secret)]
    assert [key for key, content in contents.items() if any(form in content for form in wanted)] == []
    return contents


def started(*arguments):
    """Run a command of the program and return its exit code."""
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    return ended.value.code


@pytest.mark.heavy
def test_no_secret_is_written_or_printed_whatever_becomes_of_a_run(planted, tmp_path, monkeypatch, capfd):
    store, options, _, secrets = planted
    where = location(store.url, options)
    for path, content in (FILES | BROKEN).items():
        folder_at(where).write(f"archive/{path}", content)
    config = settings_file(tmp_path, store, options)
    loud = ("-c", config)
    monkeypatch.chdir(tmp_path)

    def died(*_, **__):
        raise RuntimeError(f"the worst of libraries shows {secrets}")

    with monkeypatch.context() as context:
        context.setattr(job_run, "publish", died)
        assert started("run", *loud) == 70
    contents = check(where, tmp_path / "none", "", secrets)
    assert [key for key in contents if ".runs/" in key and "/partitions/" in key]
    assert started("plan", *loud) == 0
    assert started("runs", "list", *loud) == 0
    assert started("run", *loud, "--report", "report.json") in {0, 1}
    for command in (("status",), ("verify",), ("log",), ("quarantine", "list"), ("gc", "--older-than", "0")):
        assert started(*command, *loud) == 0, command
    assert started("run", *loud) in {0, 1}
    wrong = [
        "archive.storage_options.account_key=short",
        "archive.storage_options.regoin=x",
        "store.url=s3://K:planted@b/x",
    ]
    for override in wrong:
        assert started("run", *loud, "--set", override) in {2, 3}
    assert started("run", *loud, "--set", f"archive.url={store.url}/nothing") == 3
    missing = store.url.replace(store.bucket, "no-such-bucket-0123")
    assert started("run", *loud, "--set", f"store.url={missing}") == 5
    said = capfd.readouterr()
    assert "***" in said.err
    check(where, tmp_path, said.out + said.err, secrets)


@pytest.mark.heavy
def test_the_result_is_that_of_a_local_run(planted, tmp_path, capfd):
    store, options, _, _ = planted
    where = location(store.url, options)
    for path, content in FILES.items():
        folder_at(where).write(f"archive/{path}", content)
    assert started("run", "-c", settings_file(tmp_path, store, options)) == 0
    write(tmp_path / "archive", FILES)
    local = tmp_path / "local.yaml"
    document = yaml.safe_load((tmp_path / "settings.yaml").read_text())
    document["archive"] = {"url": str(tmp_path / "archive"), "layout": "{receiver}/**"}
    document["store"] = {"url": str(tmp_path / "stores")}
    local.write_text(yaml.safe_dump(document))
    assert started("run", "-c", str(local)) == 0
    one = open_dataset(f"{store.url}/stores/site/rinex", "rec", storage_options=options)
    other = open_dataset(str(tmp_path / "stores/site/rinex"), "rec")
    for variable in (*one.data_vars, "sid", "epoch"):
        np.testing.assert_array_equal(one[variable].values, other[variable].values)
    capfd.readouterr()
