"""Reads class lists: which standard planes a model may name, and in which order its logits stand."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from assistant.errors import ConfigError


@dataclass(frozen=True, slots=True)
class ClassList:
    """Standard planes and the background class.

    Attributes:
        name: short name, e.g. ``sononet13``.
        title: for people.
        background: the class that means no standard plane; one of ``classes``.
        classes: all names, in the order of the logits.
    """

    name: str
    title: str
    background: str
    classes: tuple[str, ...]

    @property
    def planes(self) -> tuple[str, ...]:
        """The standard planes: all classes but background."""
        return tuple(name for name in self.classes if name != self.background)


def load_class_list(name: str = "sononet13") -> ClassList:
    """A class list that we ship (``assistant/protocols/NAME.toml``), or one in a TOML file of the user's.

    Args:
        name: the name of a shipped list, or a path that ends in ``.toml``.

    Raises:
        ConfigError: there is no such list, or the file does not hold one.
    """
    shipped = files("assistant") / "protocols"
    path = Path(name) if name.endswith(".toml") else Path(str(shipped / f"{name}.toml"))
    try:
        data = tomllib.loads(path.read_text(encoding="utf-8"))
        classes = tuple(str(entry["name"]) for entry in data["class"])
        found = ClassList(data["name"], data["title"], data["background"], classes)
    except OSError as error:
        raise ConfigError(f"class list '{name}' cannot be read: {error.strerror}") from error
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise ConfigError(
            f"class list '{path}': expected name, title, background and [[class]] names: {error}"
        ) from error
    if len(set(classes)) != len(classes) or found.background not in classes:
        raise ConfigError(f"class list '{path}': class names must differ, and background '{found.background}' be one")
    return found
