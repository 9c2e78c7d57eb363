"""YAML text read into plain values, bounded in size, refused in words that quote none of it."""

import re
from collections.abc import Hashable
from pathlib import Path
from typing import Any, Final, override

import yaml

from gnssice_batch.errors import ConfigError

MOST_CHARACTERS: Final = 4_000_000
MOST_VALUES: Final = 100_000
"""Of a document, aliases counted with all that they stand for: a thousand receivers have some ten thousand."""
MOST_LEVELS: Final = 40
_QUOTED: Final = re.compile(r"""(['"])(?!<)[^'"]{2,}\1""")
"""What YAML's messages quote from the text, but for single characters and the names of its own tokens."""
_DATES: Final = "tag:yaml.org,2002:timestamp"

type _Extent = tuple[int, int]
"""Values and levels of a node, with what its aliases stand for."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that appears twice, of which YAML would take the last, and what is too large or without end.

    Dates stay text, which the settings that hold dates read themselves.
    """

    yaml_implicit_resolvers = {  # noqa: RUF012 - as PyYAML has it
        first: [(tag, pattern) for tag, pattern in resolvers if tag != _DATES]
        for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self._level = 0
        self._extents: dict[int, _Extent] = {}
        """By identity of the node; one that is still being read has none yet."""

    @override
    def compose_node(self, parent: Any, index: Any) -> Any:
        event: yaml.Event = self.peek_event()  # type: ignore[no-untyped-call]
        mark: Any = event.start_mark
        is_alias = isinstance(event, yaml.AliasEvent)
        self._level += 1
        if self._level > MOST_LEVELS:
            raise ConfigError(_too_deep(mark))
        node: Any = super().compose_node(parent, index)
        self._level -= 1
        if is_alias:
            if id(node) not in self._extents:
                raise ConfigError(f"holds an alias of what it is itself a part of, {_place(mark)}")
            return node
        self._extents[id(node)] = self._extent(node, mark)
        return node

    def _extent(self, node: yaml.Node, mark: yaml.Mark) -> _Extent:
        inner = [each for pair in node.value for each in pair] if isinstance(node, yaml.MappingNode) else node.value
        held = [] if isinstance(node, yaml.ScalarNode) else [self._extents[id(each)] for each in inner]
        values, levels = 1 + sum(each[0] for each in held), 1 + max((each[1] for each in held), default=0)
        if values > MOST_VALUES:
            raise ConfigError(f"holds more than {MOST_VALUES:,} values, aliases counted in full, {_place(mark)}")
        if levels > MOST_LEVELS:
            raise ConfigError(_too_deep(mark))
        return values, levels

    @override
    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node: yaml.MappingNode = super().compose_mapping_node(anchor)
        seen = set[str]()
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode):
                continue
            if key.value in seen:
                raise ConfigError(f"the key {key.value!r} appears twice, the second time {_place(key.start_mark)}")
            seen.add(key.value)
        return node

    @override
    def construct_object(self, node: yaml.Node, deep: bool = False) -> Hashable:
        try:
            made: Hashable = super().construct_object(node, deep)
        except (ValueError, LookupError, AttributeError, TypeError, OverflowError) as error:
            kind = node.tag.rpartition(":")[2]
            said = f"a value that should be of YAML's type {kind} is none"
            raise yaml.constructor.ConstructorError(None, None, said, node.start_mark) from error
        return made


def read_yaml_file(what: str, path: str | Path) -> Any:
    """The value of a YAML file.

    Parameters
    ----------
    what
        What the file is, for messages.

    Raises
    ------
    ConfigError
        When it can't be read or is no YAML.
    """
    try:
        with Path(path).open(encoding="utf-8") as file:
            text = file.read(MOST_CHARACTERS + 1)
    except OSError as error:
        raise ConfigError(f"{what} {path} can't be read: {error.strerror}") from error
    except ValueError as error:
        raise ConfigError(f"{what} {path} can't be read: its bytes, or those of its name, are no text") from error
    try:
        return read_yaml(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"{what} {path} is not valid YAML: {_complaint(error)}") from None
    except ConfigError as error:
        raise ConfigError(f"{what} {path}: {error}") from error


def read_yaml(text: str) -> Any:
    """The value of a YAML document.

    Raises
    ------
    yaml.YAMLError
        When it is none, or a value of it is none of the kind that it should be.
    ConfigError
        When it is too large, has no end, or holds a key twice.
    """
    if len(text) > MOST_CHARACTERS:
        raise ConfigError(f"holds more than {MOST_CHARACTERS:,} characters")
    loader = _Loader(text)
    try:
        return loader.get_single_data()
    finally:
        loader.dispose()


def _complaint(error: yaml.YAMLError) -> str:
    """Where a text is no YAML, and why, without anything of the text: it may be a secret."""
    if not isinstance(error, yaml.MarkedYAMLError):
        position = getattr(error, "position", None)
        return "it holds a character that can't be there" + ("" if position is None else f", at position {position:,}")
    mark = error.problem_mark or error.context_mark
    said = " ".join(filter(None, (error.context, error.problem)))
    return ", ".join(filter(None, (_QUOTED.sub("'...'", said), _place(mark) if mark else "")))


def _too_deep(mark: yaml.Mark) -> str:
    return f"is more than {MOST_LEVELS} levels deep, {_place(mark)}"


def _place(mark: yaml.Mark) -> str:
    return f"in line {mark.line + 1}, column {mark.column + 1}"
