"""Reads checklists: what an examination asks for, which is more than any model detects."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from assistant.errors import ConfigError

MAX_ITEMS = 200
_MAX_BYTES = 100_000


@dataclass(frozen=True, slots=True)
class AskedItem:
    """One thing that an examination asks for.

    Attributes:
        name: for people; differs from every other item's.
        plane: the class whose detection suggests it; None: ticked by hand.
    """

    name: str
    plane: str | None = None


@dataclass(frozen=True, slots=True)
class Checklist:
    """What an examination asks for, in order.

    Attributes:
        name: short name, e.g. ``fasp20``.
        title: for people.
        items: at least one.
    """

    name: str
    title: str
    items: tuple[AskedItem, ...]


def load_checklist(name: str) -> Checklist:
    """A checklist that we ship (``assistant/protocols/NAME.toml``), or one in a TOML file of the user's.

    Args:
        name: the name of a shipped checklist, or a path that ends in ``.toml``.

    Raises:
        ConfigError: there is no such checklist, or the file does not hold one.
    """
    shipped = files("assistant") / "protocols"
    path = Path(name) if name.endswith(".toml") else Path(str(shipped / f"{name}.toml"))
    try:
        text = path.read_bytes()[: _MAX_BYTES + 1]
        if len(text) > _MAX_BYTES:
            raise ConfigError(f"checklist '{path}': expected at most {_MAX_BYTES} bytes, got more")
        data = tomllib.loads(text.decode("utf-8"))
    except OSError as error:
        raise ConfigError(
            f"checklist '{name}' cannot be read: {error.strerror}; name a .toml file, or fasp20"
        ) from error
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"checklist '{path}' is not TOML: {error}") from error
    items = data.get("item")
    if not isinstance(items, list) or not 0 < len(items) <= MAX_ITEMS:
        raise ConfigError(f"checklist '{path}': expected 1 to {MAX_ITEMS} [[item]] tables")
    asked = tuple(_item(item, path) for item in items)
    names = [item.name for item in asked]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ConfigError(f"checklist '{path}': item '{twice}' stands twice")
    short, title = data.get("name"), data.get("title")
    if not (isinstance(short, str) and short and isinstance(title, str) and title):
        raise ConfigError(f"checklist '{path}': expected name and title, got {short!r} and {title!r}")
    return Checklist(short, title, asked)


def _item(data: object, path: Path) -> AskedItem:
    if not isinstance(data, dict) or not data.keys() <= {"name", "plane"}:
        raise ConfigError(
            f"checklist '{path}': an [[item]] has name and, where a class detects it, plane; got {data!r}"
        )
    name, plane = data.get("name"), data.get("plane")
    if not isinstance(name, str) or not name or not (plane is None or (isinstance(plane, str) and plane)):
        raise ConfigError(f"checklist '{path}': item: expected a name and a plane or none, got {data!r}")
    return AskedItem(name, plane)
