"""The options of a storage: what may be said about how it is reached, never showing what is secret."""

import difflib
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError, model_validator

from gnssice_batch.errors import ConfigError
from gnssice_batch.redaction import remember
from gnssice_batch.storage.urls import Kind, Place

Credentials = Literal["auto", "env", "static", "anonymous"]

_OBJECT_STORES: Final = frozenset({Kind.S3, Kind.AZURE})
_BELONGS: Final = {
    "region": frozenset({Kind.S3}),
    "endpoint_url": _OBJECT_STORES,
    "path_style": frozenset({Kind.S3}),
    "allow_http": _OBJECT_STORES,
    "anon": _OBJECT_STORES | {Kind.GOOGLE},
    "requester_pays": frozenset({Kind.S3}),
    "profile": frozenset({Kind.S3}),
    "credentials": _OBJECT_STORES | {Kind.GOOGLE},
    "access_key_id": frozenset({Kind.S3}),
    "secret_access_key": frozenset({Kind.S3}),
    "session_token": frozenset({Kind.S3}),
    "account_name": frozenset({Kind.AZURE}),
    "account_key": frozenset({Kind.AZURE}),
    "sas_token": frozenset({Kind.AZURE}),
    "tenant_id": frozenset({Kind.AZURE}),
    "client_id": frozenset({Kind.AZURE}),
    "client_secret": frozenset({Kind.AZURE}),
}
_FOREIGN: Final = {
    "key": "access_key_id",
    "secret": "secret_access_key",
    "token": "session_token",
    "aws_access_key_id": "access_key_id",
    "aws_secret_access_key": "secret_access_key",
    "aws_session_token": "session_token",
    "force_path_style": "path_style",
    "anonymous": "anon",
    "region_name": "region",
    "endpoint": "endpoint_url",
    "account": "account_name",
    "access_key": "account_key",
}
"""What other libraries call them."""
_PRINCIPAL: Final = ("tenant_id", "client_id")
"""Whose `client_secret` it is."""


class StorageOptions(BaseModel):
    """How a storage is reached; the same words for archive, store and journals, whatever library opens them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    region: str | None = Field(
        None,
        description="S3: region of the bucket, e.g. eu-central-1; null: that of environment or profile. R2: auto.",
    )
    endpoint_url: str | None = Field(
        None,
        description="URL of the server, e.g. https://minio.example.org:9000; null: AWS or Azure, or what "
        "AWS_ENDPOINT_URL or AZURE_STORAGE_ENDPOINT says. That of an emulator of Azure ends with the account's name.",
    )
    path_style: bool | None = Field(
        None,
        description="S3: true puts the bucket in the path (https://host/bucket) as MinIO, Ceph and R2 want it, false "
        "in the host's name.",
    )
    allow_http: bool = Field(
        False,  # noqa: FBT003
        description="Allow an endpoint_url with http://, on which data and signatures are not encrypted: only in a "
        "network of your own.",
    )
    anon: bool = Field(
        False,  # noqa: FBT003
        description="Send no credentials, for public buckets; the same as credentials: anonymous.",
    )
    requester_pays: bool = Field(
        False,  # noqa: FBT003
        description="S3: true agrees to pay for requests and transfer of a bucket whose owner does not.",
    )
    profile: str | None = Field(None, description="S3: profile of ~/.aws/config that gives the credentials.")
    credentials: Credentials = Field(
        "auto",
        description="Where credentials come from. auto: environment, files of AWS or Azure, then the identity of the "
        "pod or machine; env: environment variables only; static: the keys in these options; anonymous: none.",
    )
    access_key_id: SecretStr | None = Field(None, description="S3: id of a static key.")
    secret_access_key: SecretStr | None = Field(None, description="S3: secret of that key.")
    session_token: SecretStr | None = Field(None, description="S3: token of a temporary key, which is not renewed.")
    account_name: str | None = Field(
        None, description="Azure: name of the storage account; null: that of the URL, else AZURE_STORAGE_ACCOUNT_NAME."
    )
    account_key: SecretStr | None = Field(None, description="Azure: key of the account, with all rights on it.")
    sas_token: SecretStr | None = Field(None, description="Azure: shared access signature (SAS).")
    tenant_id: str | None = Field(None, description="Azure: tenant of a service principal.")
    client_id: str | None = Field(
        None,
        description="Azure: client id of a service principal, or of the user-assigned identity of the machine or pod; "
        "null: the system-assigned one, or what AZURE_CLIENT_ID says.",
    )
    client_secret: SecretStr | None = Field(None, description="Azure: secret of a service principal.")

    @model_validator(mode="after")
    def _fit_together(self) -> Self:
        for value in self.secrets().values():
            remember(value)
        for sentence in _contradictions(self):
            raise ValueError(sentence)
        return self

    def __repr_args__(self) -> Iterator[tuple[str, Any]]:
        """Show what is given, nothing of it secret."""
        yield from self.given().items()

    def secrets(self) -> dict[str, str]:
        """By name the options that must not be shown, where they are given."""
        found = ((name, getattr(self, name)) for name in SECRETS)
        return {name: value.get_secret_value() for name, value in found if value is not None}

    def given(self) -> dict[str, Any]:
        """The options that differ from their defaults."""
        return {name: getattr(self, name) for name in _BELONGS if getattr(self, name) != _DEFAULTS[name]}

    def public(self) -> "StorageOptions":
        """These options without their secrets; whoever has them only has to find credentials elsewhere.

        What tells whose a secret is goes with it.
        """
        left_out = {*SECRETS, *(_PRINCIPAL if self.client_secret else ())}
        open_ones = {name: value for name, value in self.given().items() if name not in left_out}
        if open_ones.get("credentials") == "static":
            open_ones.pop("credentials")
        return StorageOptions(**open_ones)

    @property
    def source(self) -> Credentials:
        """Where the credentials come from."""
        if self.anon or self.credentials == "anonymous":
            return "anonymous"
        return "static" if self.secrets() else self.credentials


SECRETS: Final = tuple(
    name for name, field in StorageOptions.model_fields.items() if "SecretStr" in str(field.annotation)
)
"""The options that hold secrets."""

_DEFAULTS: Final = {name: field.default for name, field in StorageOptions.model_fields.items()}


def options_of(given: "Mapping[str, Any] | StorageOptions | None") -> StorageOptions:
    """Options from a mapping, checked.

    Raises
    ------
    ConfigError
        With a sentence per fault, none of which has a value in it.
    """
    if isinstance(given, StorageOptions):
        return given
    try:
        return StorageOptions(**(given or {}))
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(fault) for fault in error.errors())) from None


def nearest_option(name: str) -> str:
    """The option that an unknown one may have meant."""
    close = difflib.get_close_matches(name, StorageOptions.model_fields, n=1, cutoff=0.0)
    return _FOREIGN.get(name) or close[0]


def check_options(place: Place, options: StorageOptions) -> None:
    """Check that options and URL belong together.

    Raises
    ------
    ConfigError
        With the name of the option that does not.
    """
    for name in options.given():
        if place.kind not in _BELONGS[name]:
            schemes = " and ".join(f"{kind}://" for kind in sorted(_BELONGS[name]))
            msg = f"the storage option {name} is for {schemes} URLs, this one is {_scheme(place)}"
            raise ConfigError(msg)
    endpoint = (options.endpoint_url or "").lower()
    if endpoint and not endpoint.startswith(("http://", "https://")):
        msg = "the storage option endpoint_url should begin with https:// or http://"
        raise ConfigError(msg)
    if endpoint.startswith("http://") and not options.allow_http:
        msg = (
            "the storage option endpoint_url is http://, so data and signatures would cross the network in clear: use"
            " https://, or set allow_http: true where the network is your own"
        )
        raise ConfigError(msg)
    if place.account and options.account_name and place.account != options.account_name:
        msg = f"the URL names the account {place.account!r}, the storage option account_name {options.account_name!r}"
        raise ConfigError(msg)


def _scheme(place: Place) -> str:
    return "a local folder" if place.kind is Kind.LOCAL else f"{place.kind}://"


def _contradictions(options: StorageOptions) -> Iterator[str]:
    if options.endpoint_url and "@" in options.endpoint_url:
        yield "the storage option endpoint_url must not carry a user or a password"
    if options.requester_pays and options.source == "anonymous":
        yield "the storage option requester_pays contradicts credentials: anonymous, anon: who pays has to sign"
    yield from _incomplete(options)
    yield from _mixed(options)


def _incomplete(options: StorageOptions) -> Iterator[str]:
    """Say what lacks something without which it is no credential."""
    if bool(options.access_key_id) != bool(options.secret_access_key):
        yield "the storage options access_key_id and secret_access_key go together"
    if options.session_token and not options.access_key_id:
        yield "the storage option session_token goes with access_key_id and secret_access_key"
    if options.client_secret and not (options.client_id and options.tenant_id):
        yield "the storage option client_secret goes with client_id and tenant_id"
    if options.tenant_id and not options.client_secret:
        yield "the storage option tenant_id goes with client_secret: an identity knows its tenant"
    if options.source == "static" and not options.secrets():
        yield "the storage option credentials: static needs keys beside it"


def _mixed(options: StorageOptions) -> Iterator[str]:
    """Say what can't be used beside something else."""
    secrets = options.secrets()
    if sum(name in secrets for name in ("account_key", "sas_token", "client_secret")) > 1:
        yield "of the storage options account_key, sas_token and client_secret only one can be used"
    if secrets and (options.anon or options.credentials not in {"auto", "static"}):
        yield f"the storage option {next(iter(secrets))} contradicts credentials: {options.credentials}, anon"
    if options.profile and (secrets or options.source in {"env", "anonymous"}):
        yield "the storage option profile contradicts the other credentials"
    if options.client_id and (options.source in {"env", "anonymous"} or options.account_key or options.sas_token):
        yield "the storage option client_id contradicts the other credentials"


def _sentence(fault: Any) -> str:
    name = ".".join(str(part) for part in fault["loc"])
    if fault["type"] == "extra_forbidden":
        return f"the storage option {name} is not known; did you mean {nearest_option(name)}?"
    said = str(fault["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    return f"the storage option {name} {said}" if name else said
