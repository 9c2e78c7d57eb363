"""docs/object-stores.md as it stands: its settings load, its commands and its Python run on real servers."""

import json
import os
import re
import shlex
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import botocore.session
import pytest
import yaml
from azure.storage.blob import ContainerSasPermissions, generate_container_sas

from gnssice_batch.config import load
from gnssice_batch.storage.options import StorageOptions
from tests.conftest import ROOT
from tests.support.object_stores.servers import missing, running
from tests.support.object_stores.stores import ACCOUNT, KEY, filesystem, fresh

PAGE = (ROOT / "docs" / "object-stores.md").read_text(encoding="utf-8")
SECTIONS = dict(re.findall(r"^## (.+)\n((?:(?!^## ).*\n?)*)", PAGE, re.MULTILINE))
MINIO = "MinIO, Ceph, R2 and other servers"
SIGNATURES = {"ARCHIVE_SAS": "sp=rl&sig=planted", "STORES_SAS": "sp=rcwdl&sig=planted"}


def blocks(language, text=PAGE):
    """Return the fenced blocks of a language."""
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.DOTALL | re.MULTILINE)


def settings(text=PAGE):
    """Return the blocks that are a settings file."""
    return [block for block in blocks("yaml", text) if block.startswith("site:")]


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """The environment of a machine that knows no cloud."""
    for name in os.environ:
        if name.startswith(("AWS_", "AZURE_", "GNSSICE_")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    return monkeypatch


@pytest.mark.parametrize("block", settings(), ids=lambda block: re.search(r"url: (.*)", block)[1])
def test_settings_load(block, tmp_path):
    (tmp_path / "settings.yaml").write_text(block, encoding="utf-8")
    chosen = load(tmp_path / "settings.yaml", SIGNATURES)
    assert chosen.archive.storage_options == chosen.store.storage_options or "SAS" in block


def test_every_server_of_the_table_has_its_example():
    named = re.findall(r"^\| (MinIO|Ceph|R2) \|", SECTIONS[MINIO], re.MULTILINE)
    assert len(settings(SECTIONS[MINIO])) == len(named) == 3


def test_policies_and_roles_give_no_more_than_they_say():
    writer, reader = (json.loads(block)["Statement"] for block in blocks("json", SECTIONS["AWS"]))
    actions = {action for each in writer for action in [each["Action"]] for action in _listed(action)}
    wanted = ("AbortMultipartUpload", "DeleteObject", "GetObject", "ListBucket", "PutObject")
    assert sorted(actions) == [f"s3:{name}" for name in wanted]
    assert {action for each in reader for action in _listed(each["Action"])} == {"s3:GetObject", "s3:ListBucket"}
    assert "my-archive" not in str([each for each in writer if "s3:PutObject" in _listed(each["Action"])])
    (role,) = (json.loads(block) for block in blocks("json", SECTIONS["Azure"]))
    assert {action.rpartition("/blobs/")[2] for action in role["DataActions"]} == {
        "read", "write", "add/action", "delete"
    }  # fmt: skip


def _listed(value):
    return [value] if isinstance(value, str) else value


def test_options_that_are_named_are_there():
    known, other = set(StorageOptions.model_fields), {"storage_options", "allow_static_credentials"}
    named = {name for name in re.findall(r"`(\w+): [\w-]+`", PAGE) if "_" in name}
    assert named - known - other == set()
    for key in re.findall(r"`((?:archive|store|icechunk|cluster|run)\.\w+)`", PAGE):
        section, _, name = key.partition(".")
        assert hasattr(getattr(load(None, {}, ["site=s", "archive.url=a", "store.url=b"]), section), name), key


@pytest.mark.processes
@pytest.mark.heavy
@pytest.mark.parametrize("section", ["AWS", MINIO])
def test_s3_from_an_empty_bucket_to_a_dataset(section, tmp_path, object_servers, environment):
    place = fresh("s3", tmp_path, object_servers("moto"))
    environment.setenv("AWS_ACCESS_KEY_ID", place.options["access_key_id"])
    environment.setenv("AWS_SECRET_ACCESS_KEY", place.options["secret_access_key"])
    if section == "AWS":
        environment.setenv("AWS_ENDPOINT_URL", place.options["endpoint_url"])
    others = {"minio.storage.svc:9000": place.address, "eu-central-1": place.options["region"]}
    runs(section, place, tmp_path, others)
    opens("AWS" if section == MINIO else section, place, others, environment)


@pytest.mark.processes
@pytest.mark.heavy
def test_the_policies_of_s3_are_enough_and_not_more(tmp_path, environment):
    """On a server that holds everybody to a policy, once the buckets, the archive and the users are made."""
    command_output(f"gnssice-batch {simulated_as_the_page_says()}", tmp_path)
    files = sorted(path for path in (tmp_path / "archive").rglob("*") if path.is_file())
    environment.setenv("INITIAL_NO_AUTH_ACTION_COUNT", str(2 + len(files) + 2 * 3))
    if reason := missing("moto"):
        pytest.skip(reason)
    with running("moto", tmp_path / "servers") as address:
        users = walled(f"http://{address}", tmp_path / "archive", files)
        environment.setenv("AWS_ENDPOINT_URL", f"http://{address}")
        (tmp_path / "settings.yaml").write_text(settings(SECTIONS["AWS"])[0], encoding="utf-8")
        environment.setenv("GNSSICE_ARCHIVE__STORAGE_OPTIONS__ALLOW_HTTP", "true")
        environment.setenv("GNSSICE_STORE__STORAGE_OPTIONS__ALLOW_HTTP", "true")
        become(users["runner"], environment)
        for command in ("run", "verify"):
            command_output(f"gnssice-batch {command} -c settings.yaml", tmp_path)
        become(users["reader"], environment)
        command_output("gnssice-batch status -c settings.yaml", tmp_path)
        done = subprocess.run(
            [sys.executable, "-m", "gnssice_batch", "run", "-c", "settings.yaml"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
    assert (done.returncode, "Access Denied" in done.stderr) == (3, True)


def simulated_as_the_page_says():
    """Return the words of the page that make an archive."""
    (line,) = (line for line in SECTIONS["AWS"].splitlines() if line.startswith("gnssice-batch simulate"))
    return line.partition(" ")[2]


def walled(endpoint_url, archive, files):
    """Make the buckets of the page, the archive, and users with its policies; return their keys."""
    nobody = {"aws_access_key_id": "nobody", "aws_secret_access_key": "nobody", "region_name": "eu-central-1"}
    session = botocore.session.get_session()
    s3, iam = (session.create_client(kind, endpoint_url=endpoint_url, **nobody) for kind in ("s3", "iam"))
    for bucket in ("my-archive", "my-stores"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    for path in files:
        s3.put_object(Bucket="my-archive", Key=f"rosalia/{path.relative_to(archive)}", Body=path.read_bytes())
    users = {}
    for name, policy in zip(("runner", "reader"), blocks("json", SECTIONS["AWS"]), strict=True):
        iam.create_user(UserName=name)
        iam.put_user_policy(UserName=name, PolicyName="of-the-page", PolicyDocument=policy)
        users[name] = iam.create_access_key(UserName=name)["AccessKey"]
    return users


def become(user, environment):
    """Have the keys of a user."""
    environment.setenv("AWS_ACCESS_KEY_ID", user["AccessKeyId"])
    environment.setenv("AWS_SECRET_ACCESS_KEY", user["SecretAccessKey"])


@pytest.mark.processes
@pytest.mark.heavy
def test_azure_from_an_empty_container_to_a_dataset(tmp_path, object_servers, environment):
    place = fresh("azure", tmp_path, object_servers("azurite"))
    environment.setenv("AZURE_STORAGE_ENDPOINT", place.options["endpoint_url"])
    environment.setenv("AZURE_STORAGE_ACCOUNT_KEY", KEY)
    others = {"mystorage": ACCOUNT}
    runs("Azure", place, tmp_path, others)
    opens("Azure", place, others, environment)


@pytest.mark.processes
@pytest.mark.heavy
def test_azure_with_signatures_that_give_no_more_than_the_page_says(tmp_path, object_servers, environment):
    archive, stores = (fresh("azure", tmp_path, object_servers("azurite")) for _ in range(2))
    environment.setenv("AZURE_STORAGE_ENDPOINT", archive.options["endpoint_url"])
    for name, place, permission in (("ARCHIVE_SAS", archive, "rl"), ("STORES_SAS", stores, "rcwdl")):
        assert f"`{permission}` for a" in SECTIONS["Azure"]
        environment.setenv(name, signature(place, permission))
    others = {"mystorage": ACCOUNT, "my-stores": stores.bucket}
    runs("Azure", archive, tmp_path, others, number=1)
    environment.setenv("AZURE_STORAGE_SAS_TOKEN", signature(stores, "rl"))
    opens("Azure", archive, others, environment)


def signature(place, permission):
    """Sign for a container, an hour."""
    ends = datetime.now(UTC) + timedelta(hours=1)
    rights = ContainerSasPermissions.from_string(permission)
    return generate_container_sas(ACCOUNT, place.bucket, account_key=KEY, permission=rights, expiry=ends)


def runs(section, place, folder, others, number=0):
    """Run the commands of a section with its first settings, or others; archive and stores are in one bucket or two."""
    text = SECTIONS[section]
    (folder / "settings.yaml").write_text(replaced(settings(text)[number], place, others), encoding="utf-8")
    script = SECTIONS["AWS"] if section == MINIO else text
    commands = [line for block in blocks("sh", script) for line in block.splitlines() if line.startswith("gnssice-")]
    assert [shlex.split(command)[1] for command in commands] == ["simulate", "plan", "run", "status", "verify"]
    said = ""
    for command in commands:
        said = command_output(command, folder)
        if " simulate " in command:
            files, _ = filesystem(place)
            files.put(f"{folder}/archive", f"{place.bucket}/rosalia", recursive=True)
    assert re.search(r"differences +none", said)


def command_output(command, folder):
    """Run a command of the page and return what it prints; it has to end with 0."""
    program = [sys.executable, "-m", "gnssice_batch", *shlex.split(command)[1:]]
    done = subprocess.run(program, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def opens(section, place, others, environment):
    """Run the Python of a section."""
    if "AWS_ACCESS_KEY_ID" in os.environ:
        environment.setenv("AWS_ENDPOINT_URL", place.options["endpoint_url"])
    (block,) = blocks("python", SECTIONS[section])
    names = {}
    exec(compile(replaced(block, place, others), "docs/object-stores.md", "exec"), names)
    assert 20 < float(names["snr"].max()) < 60


def replaced(text, place, others):
    """Return a block with names of the test in place of the page's."""
    for name, other in ({"my-archive": place.bucket, "my-stores": place.bucket} | others).items():
        text = text.replace(name, other)
    return text


def test_other_yaml_is_yaml():
    assert [yaml.safe_load(block)["kind"] for block in blocks("yaml") if block not in settings()] == ["ServiceAccount"]
