"""Settings from a YAML file, environment variables, command-line overrides."""

import copy
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin

import yaml
from pydantic import BaseModel, SecretStr, ValidationError

from gnssice_batch.config.models import Settings
from gnssice_batch.config.text import read_yaml, read_yaml_file
from gnssice_batch.errors import ConfigError
from gnssice_batch.storage.options import SECRETS, StorageOptions, nearest_option

PREFIX = "GNSSICE_"
"""Environment variables with this prefix are settings; two underscores part the levels."""

_NO_SETTINGS = frozenset({"GNSSICE_CONFIG"})
"""Variables with the prefix that are no settings: the place of the settings file."""

_PLACEHOLDER = re.compile(r"\$?\$\{([^}]*)\}")
_VARIABLE = re.compile(r"\$\{[^}]*\}")
_SERVICE_VARIABLE = re.compile(r"_(SERVICE_(HOST|PORT(_.*)?)|PORT(_\d+_(TCP|UDP)(_.*)?)?)")
"""What Kubernetes sets in every pod for a service whose name begins like our prefix."""

_WORDS = {
    "string_type": "should be text: what YAML takes for a number, yes, no or nothing has to be in quotes",
    "string_pattern_mismatch": "should begin with a letter (A to Z, a to z) or a digit, and hold only these,"
    " underscores, dots and dashes",
    "tuple_type": "should be a list of globs",
    "model_type": "should hold settings, a key and a value each",
    "dict_type": "should hold keys with values",
    "invalid_key": "should have text as its key: what YAML takes for a number, yes, no or nothing has to be in quotes",
}
"""What pydantic says in words of Python or of regular expressions, by the type of its fault."""

_SURROGATES = re.compile("[\ud800-\udfff]")
"""What Python makes of bytes of the command line and the environment that are no UTF-8."""
_TEXTS = {str, SecretStr, NoneType}
_NULLS = frozenset({"", "~", "null"})

Tree = dict[str, Any]


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
        if name.startswith(PREFIX) and name not in _NO_SETTINGS and not _SERVICE_VARIABLE.search(name):
            keys = _named(name.removeprefix(PREFIX).split("__"), f"the variable {name}")
            _put(tree, keys, _value(keys, value))
    for override in overrides:
        keys, value = _override(override)
        for each in (tree, written):
            _put(each, keys, copy.deepcopy(_value(keys, value)))
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
            ("vod.orbits", settings.vod.orbits.allow_static_credentials),
        )
        if not allowed
        for name in _static_keys(_section(written, section))
    ]
    if faults:
        raise ConfigError("\n".join(faults))


def _section(written: Tree, path: str) -> Any:
    """A section by its path; None where it is not written."""
    found: Any = written
    for name in path.split("."):
        found = found.get(name) if isinstance(found, dict) else None
    return found


def _static_keys(section: Any) -> list[str]:
    options = section.get("storage_options") if isinstance(section, dict) else None
    given = options.items() if isinstance(options, dict) else ()
    return [name for name, value in given if name in SECRETS and value and not _VARIABLE.fullmatch(str(value))]


def _file_tree(path: str | Path) -> Tree:
    tree = read_yaml_file("the settings file", path)
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


def _override(override: str) -> tuple[list[str], str]:
    """The keys and the value of ``key=value``; the value, which may be a secret, is not shown where no key is."""
    key, equals, value = override.partition("=")
    if not equals:
        message = f"the override {override!r} should be written key=value"
        raise ConfigError(message)
    return _named(key.strip().split("."), f"the override '{key}=...'"), value


def _named(keys: list[str], what: str) -> list[str]:
    """Refuse keys of which one has no name."""
    if not all(keys):
        message = f"{what} names no setting: it should be written as {PREFIX}ARCHIVE__URL or archive.url=..."
        raise ConfigError(message)
    return keys


def _value(keys: Sequence[str], text: str) -> Any:
    """Read lists, mappings, booleans and null as in YAML; all else stays text, which a secret of digits must.

    What a setting can only take as text stays text too, but for the null of one that may be left out.
    """
    kinds = _kinds_of(_annotation_at([key.lower() for key in keys]))
    if kinds and kinds <= _TEXTS:
        return None if NoneType in kinds and text.lower() in _NULLS else text
    try:
        value = read_yaml(text)
    except yaml.YAMLError:
        return text
    except ConfigError as error:
        raise ConfigError(f"the value of {'.'.join(keys).lower()} {error}") from error
    return value if value is None or isinstance(value, bool | list | dict) else text


def _kinds_of(annotation: Any) -> set[Any]:
    """What a value may be, as far as that is plain types; nothing where there is no such setting."""
    options = get_args(annotation) if isinstance(annotation, UnionType) else (annotation,)
    return set(options) - {None}


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
    _refuse_no_text(tree)
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise ConfigError("\n".join(_sentence(fault) for fault in error.errors())) from None


def _refuse_no_text(value: Any, key: str = "") -> None:
    """Refuse what no path, URL or name can hold: the character NUL, and bytes that are no UTF-8."""
    if isinstance(value, dict):
        for name, inner in value.items():
            _refuse_no_text(name, f"{key}.{name}".lstrip("."))
            _refuse_no_text(inner, f"{key}.{name}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            _refuse_no_text(inner, key)
    elif isinstance(value, str) and "\0" in value:
        raise ConfigError(f"{key!r} should not hold the character NUL")
    elif isinstance(value, str) and _SURROGATES.search(value):
        raise ConfigError(f"{key!r} should be UTF-8, and has other bytes")


def _sentence(fault: Any) -> str:
    """Say in a sentence what is wrong, without the value: it may be a secret."""
    loc = [str(part) for part in fault["loc"] if part != "[key]"]
    key = ".".join(loc)
    if fault["type"] == "extra_forbidden":
        return f"{key} is not a setting; did you mean {_nearest(loc)}?"
    if fault["type"] == "missing":
        return f"{key} is missing."
    said = _WORDS.get(fault["type"]) or fault["msg"].removeprefix("Value error, ").removeprefix("Assertion failed, ")
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
    found = _annotation_at(loc)
    return found if isinstance(found, type) and issubclass(found, BaseModel) else None


def _annotation_at(loc: Sequence[str]) -> Any:
    """Return what is to be at a place in the settings, None where nothing can be."""
    found: Any = Settings
    for part in loc:
        if isinstance(found, type) and issubclass(found, BaseModel):
            found = found.model_fields[part].annotation if part in found.model_fields else None
        else:
            found = get_args(found)[1] if get_origin(found) is dict else None
    return found


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
