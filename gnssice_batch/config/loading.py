"""Settings from a YAML file, environment variables, command-line overrides."""

import copy
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, ValidationError

from gnssice_batch.config.models import Settings
from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.options import SECRETS, StorageOptions, nearest_option

PREFIX = "GNSSICE_"
"""Environment variables with this prefix are settings; two underscores part the levels."""

_PLACEHOLDER = re.compile(r"\$?\$\{([^}]*)\}")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_SERVICE_VARIABLE = re.compile(r"_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_.*)?)?)")
"""What Kubernetes sets in every pod for a service whose name begins like our prefix."""

Tree = dict[str, Any]


class _UniqueKeyLoader(yaml.SafeLoader):
    """Refuses a key that appears twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                message = f"the key {key!r} appears twice, the second time before line {node.end_mark.line + 1}"
                raise ConfigError(message)
        return super().construct_mapping(node, deep)


def load(path: str | Path | None, environment: Mapping[str, str], overrides: Sequence[str] = ()) -> Settings:
    """Read settings; what comes later in this list wins: defaults, file, environment, overrides.

    Parameters
    ----------
    path
        YAML file; None to go without.
    environment
        Usually ``os.environ``: ``GNSSICE_ARCHIVE__URL`` sets ``archive.url``, and ``${NAME}`` inside a value of
        the file is replaced by the variable NAME (``$${NAME}`` stands for itself).
    overrides
        ``archive.url=...``; lists, mappings, booleans and null are written as in YAML.

    Raises
    ------
    ConfigError
        One sentence per fault, on a line each.
    """
    written = _file_tree(path) if path is not None else {}
    tree = _substituted(written, environment)
    written = copy.deepcopy(written)
    for name, value in sorted(environment.items()):
        if name.startswith(PREFIX) and not _SERVICE_VARIABLE.search(name):
            _put(tree, name.removeprefix(PREFIX).split("__"), _value(value))
    for override in overrides:
        key, equals, value = override.partition("=")
        if not equals:
            message = f"the override {override!r} should be written key=value"
            raise ConfigError(message)
        for each in (tree, written):
            _put(each, key.strip().split("."), copy.deepcopy(_value(value)))
    settings = _validated(tree)
    _refuse_static_keys(settings, written)
    return settings


def json_schema() -> dict[str, Any]:
    """Return the JSON schema of the settings."""
    return Settings.model_json_schema()


def _refuse_static_keys(settings: Settings, written: Tree) -> None:
    """Refuse keys that stand in the file or the command line: those leak with copies, commits and process lists.

    A value that is nothing but ``${NAME}``, or that a variable sets, lies in the environment as any other credential.
    """
    faults = [
        f"{section}.storage_options.{name} is a static key in the settings: take the credentials from the environment"
        f" (also as ${{NAME}}) or from an identity, or set {section}.allow_static_credentials: true."
        for section, allowed in (
            ("archive", settings.archive.allow_static_credentials),
            ("store", settings.store.allow_static_credentials),
        )
        if not allowed
        for name in _static_keys(written.get(section))
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def _static_keys(section: Any) -> list[str]:
    options = section.get("storage_options") if isinstance(section, dict) else None
    given = options.items() if isinstance(options, dict) else ()
    return [name for name, value in given if name in SECRETS and value and not _VARIABLE.fullmatch(str(value))]


def _file_tree(path: str | Path) -> Tree:
    try:
        tree = yaml.load(Path(path).read_text(encoding="utf-8"), Loader=_UniqueKeyLoader)  # noqa: S506, a SafeLoader
    except OSError as error:
        message = f"the settings file {path} can't be read: {error.strerror}"
        raise ConfigError(message) from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        message = f"the settings file {path} is not valid YAML: {' '.join(str(error).split())}"
        raise ConfigError(message) from error
    if not isinstance(tree, dict | None):
        message = f"the settings file {path} should contain keys and values"
        raise ConfigError(message)
    return {key: value for key, value in (tree or {}).items() if value is not None}


def _substituted(value: Any, environment: Mapping[str, str], key: str = "") -> Any:
    """Return the value with every ``${NAME}`` in its strings replaced."""
    if isinstance(value, dict):
        return {name: _substituted(inner, environment, f"{key}.{name}".lstrip(".")) for name, inner in value.items()}
    if isinstance(value, list):
        return [_substituted(inner, environment, key) for inner in value]
    if not isinstance(value, str):
        return value

    def variable(match: re.Match[str]) -> str:
        if match[0].startswith("$$"):
            return match[0][1:]
        if match[1] not in environment:
            message = f"{key} holds ${{{match[1]}}}, and the environment has no variable {match[1]}"
            raise ConfigError(message)
        return environment[match[1]]

    return _PLACEHOLDER.sub(variable, value)


def _value(text: str) -> Any:
    """Read lists, mappings, booleans and null as in YAML; all else stays text, which a secret of digits must."""
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        return text
    return value if value is None or isinstance(value, bool | list | dict) else text


def _put(tree: Tree, keys: Sequence[str], value: Any) -> None:
    """Set a value deep in the tree; keys match those that stand there, or are known, in any case."""
    for depth, key in enumerate(keys[:-1]):
        inner = tree.setdefault(_spelling(tree, keys[:depth], key), {})
        if not isinstance(inner, dict):
            message = f"{'.'.join(keys).lower()} can't be set: {'.'.join(keys[: depth + 1]).lower()} is a value"
            raise ConfigError(message)
        tree = inner
    tree[_spelling(tree, keys[:-1], keys[-1])] = value


def _spelling(tree: Tree, above: Sequence[str], key: str) -> str:
    attributes = ("Institution", "Author", "Email", "Department", "Research Group")
    known = [*tree, *(attributes if [name.lower() for name in above] == ["attributes"] else ())]
    folded = {str(name).lower().replace(" ", "_"): str(name) for name in known}
    return folded.get(key.lower().replace(" ", "_"), key.lower() if key.isupper() else key)


def _validated(tree: Tree) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(fault) for fault in error.errors())) from None


def _sentence(fault: Any) -> str:
    """Say in a sentence what is wrong, without the value: it may be a secret."""
    loc = [str(part) for part in fault["loc"]]
    key = ".".join(loc)
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a setting; did you mean {_nearest(loc)}?"
    if fault["type"] == "missing":
        return f"{key} is missing."
    said = fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
    said = re.sub(r"^[A-Z]\w* should", "should", said).rstrip(".")
    return f"{key} {said}." if said.startswith(("should", "can't", "knows")) else f"{key}: {said}.".removeprefix(": ")


def _nearest(loc: Sequence[str]) -> str:
    """Return the known key that is nearest to an unknown one: beside it, or anywhere."""
    known = list(_keys(Settings, ()))
    inside = _model_at(loc[:-1])
    if inside is StorageOptions:
        return ".".join([*loc[:-1], nearest_option(loc[-1])])
    names = list(inside.model_fields) if inside else []
    beside = [".".join([*loc[:-1], name]) for name in difflib.get_close_matches(loc[-1], names, n=1, cutoff=0.6)]
    same_name = [key for key in known if key.rpartition(".")[2] == loc[-1]]
    return (beside or same_name or difflib.get_close_matches(".".join(loc), known, n=1, cutoff=0.0))[0]


def _model_at(loc: Sequence[str]) -> type[BaseModel] | None:
    """Return the section that a place in the settings belongs to."""
    model: Any = Settings
    for part in loc:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[part].annotation if part in model.model_fields else None
        elif get_origin(model) is dict:
            model = get_args(model)[1]
    return model if isinstance(model, type) and issubclass(model, BaseModel) else None


def _keys(model: type[BaseModel], above: tuple[str, ...]) -> Iterator[str]:
    """Yield every key as a dotted path; ``*`` stands for a name of the user's."""
    for name, field in model.model_fields.items():
        yield ".".join([*above, name])
        yield from _inner_keys(field.annotation, (*above, name))


def _inner_keys(kind: Any, above: tuple[str, ...]) -> Iterator[str]:
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        yield from _keys(kind, above)
    elif get_origin(kind) is dict:
        yield from _inner_keys(get_args(kind)[1], (*above, "*"))
    elif get_origin(kind) in (Union, UnionType):
        for option in get_args(kind):
            yield from _inner_keys(option, above)
