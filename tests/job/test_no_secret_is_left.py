"""Runs from object store to object store: equal to a local run, and no credential in anything written or printed."""

import base64
import json
import urllib.parse
from datetime import UTC, datetime, timedelta
from functools import partial

import numpy as np
import pytest
import yaml

from gnssice_batch import ArchiveError, ConfigError, IcechunkStore, StoreError, open_dataset
from gnssice_batch.cli.entry import main
from gnssice_batch.config import Settings
from gnssice_batch.job import coordinator
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
        context.setattr(coordinator, "publish", died)
        assert started("run", *loud) == 70
    contents = check(where, tmp_path / "none", "", secrets)
    assert [key for key in contents if ".runs/" in key and "/partitions/" in key]
    assert started("plan", *loud) == 0
    assert started("runs", "list", *loud) == 0
    assert started("run", *loud, "--report", "report.json") in {0, 1}
    for command in (
        ("status",),
        ("verify",),
        ("log",),
        ("quarantine", "list"),
        ("gc", "--older-than", "0"),
        ("maintain",),
    ):
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


PHASES = {
    "start_of": coordinator,
    "find_backlog": job_run,
    "prepare": job_run,
    "ingest": job_run,
    "prove": job_run,
    "publish": coordinator,
    "report_of": job_run,
    "kept": coordinator,
}
"""In their order, with the module that calls each."""


@pytest.mark.heavy
def test_whatever_phase_fails(planted, tmp_path, monkeypatch, capfd):
    """Each fails with an error that shows everything, as libraries and this package raise it."""
    store, options, _, secrets = planted
    where = location(store.url, options)
    for path, content in FILES.items():
        folder_at(where).write(f"archive/{path}", content)
    loud = ("run", "-c", settings_file(tmp_path, store, options), "--report", str(tmp_path / "report.json"))
    monkeypatch.chdir(tmp_path)
    raised = {RuntimeError: {70}, StoreError: {5}, ArchiveError: {3}}
    for number, (phase, module) in enumerate(PHASES.items()):
        kind = list(raised)[number % len(raised)]

        def fails(*_, kind=kind, **__):
            raise kind(f"the worst of libraries shows {secrets} and {store.url}?sig={secrets[-1]}")

        with monkeypatch.context() as context:
            context.setattr(module, phase, fails)
            assert started(*loud) in raised[kind], phase
    assert started(*loud) == 0
    said = capfd.readouterr()
    assert said.err.count("***") >= len(PHASES)
    check(where, tmp_path, said.out + said.err, secrets)


def of_the_environment(store, keys):
    """Return variables that give the keys of a storage: those of its own libraries, and our own."""
    if store.kind == "s3":
        return {f"AWS_{name.upper()}": secret for name, secret in keys.items()}
    name, secret = next(iter(keys.items()))
    part = "AccountKey" if name == "account_key" else "SharedAccessSignature"
    connection = f"AccountName={store.options['account_name']};{part}={secret}"
    own = {f"GNSSICE_{section}__STORAGE_OPTIONS__{name.upper()}": secret for section in ("ARCHIVE", "STORE")}
    return own | {"AZURE_STORAGE_CONNECTION_STRING": connection}


@pytest.mark.heavy
def test_keys_of_the_environment_and_workers(planted, tmp_path, monkeypatch, capfd):
    store, options, keys, secrets = planted
    where = location(store.url, options)
    for path, content in FILES.items():
        folder_at(where).write(f"archive/{path}", content)
    for variable, secret in of_the_environment(store, keys).items():
        monkeypatch.setenv(variable, secret)
    public = {name: value for name, value in options.items() if name not in keys}
    config = settings_file(tmp_path, store, public, cluster={"kind": "local", "workers": 2, "dashboard_port": None})
    monkeypatch.chdir(tmp_path)
    with monkeypatch.context() as context:
        context.setattr(coordinator, "publish", partial(_dies, secrets))
        assert started("run", "-c", config) == 70
    contents = check(where, tmp_path, "", secrets)
    assert [key for key in contents if ".runs/" in key and "/partitions/" in key]
    assert started("run", "-c", config, "--report", "report.json") == 0
    missing = store.url.replace(store.bucket, "no-such-bucket-0123")
    assert started("run", "-c", config, "--set", f"store.url={missing}") == 5
    said = capfd.readouterr()
    check(where, tmp_path, said.out + said.err, secrets)


def _dies(secrets, *_, **__):
    raise RuntimeError(f"the worst of libraries shows {secrets}")


PASSWORD = "planted-password-0123456789"
URLS = (
    f"https://somebody:{PASSWORD}@host.invalid/archive",
    f"https://host.invalid/archive?token={PASSWORD}",
    f"s3://KEY:{PASSWORD}@bucket/x",
    f"az://container/x?sv=2024-01-01&sig={PASSWORD}",
    f"abfss://container@account.dfs.core.windows.net/x?sig={PASSWORD}",
)


@pytest.mark.parametrize("section", ["archive", "store"])
@pytest.mark.parametrize("url", URLS, ids=lambda url: url.partition(":")[0])
def test_a_url_with_a_secret_is_shown_nowhere(url, section, tmp_path, monkeypatch, capfd):
    """Given in the file, after --set, in the environment, and to the Python interface."""
    document = {"site": "site", "archive": {"url": "archive"}, "store": {"url": "stores"}}
    plain, config = tmp_path / "plain.yaml", tmp_path / "settings.yaml"
    plain.write_text(yaml.safe_dump(document))
    config.write_text(yaml.safe_dump({**document, section: {"url": url}}))
    monkeypatch.chdir(tmp_path)
    for command in ("plan", "run", "status", "runs list"):
        assert started(*command.split(), "-c", str(config)) == 2
        assert started(*command.split(), "-c", str(plain), "--set", f"{section}.url={url}") == 2
    with monkeypatch.context() as context:
        context.setenv(f"GNSSICE_{section.upper()}__URL", url)
        assert started("run", "-c", str(plain)) == 2
    for call in (open_dataset, IcechunkStore.open_or_create, IcechunkStore.open):
        with pytest.raises(ConfigError) as raised:
            call(url)
        assert PASSWORD not in str(raised.value)
    said = capfd.readouterr()
    assert PASSWORD not in said.out + said.err
    written = (path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and path != config)
    assert not [content for content in written if PASSWORD.encode() in content]


def test_nothing_that_can_be_looked_at_shows_a_secret(planted):
    store, options, _, secrets = planted
    opened = IcechunkStore.open_or_create(f"{store.url}/mine", options)
    chosen = Settings.model_validate(
        {
            "site": "site",
            "archive": {"url": f"{store.url}/archive", "storage_options": options, "allow_static_credentials": True},
            "store": {"url": f"{store.url}/stores", "storage_options": options, "allow_static_credentials": True},
        }
    )
    folder = folder_at(location(store.url, options))
    with opened.transaction() as txn:
        looked_at = (opened, txn, txn.repository, chosen, folder, chosen.model_dump(), chosen.model_dump_json())
        shown = "".join(f"{one!r} {one!s}" for one in looked_at)
        txn.rollback()
    assert not [form for secret in secrets for form in forms(secret) if form in shown.encode()]


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
