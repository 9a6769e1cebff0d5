"""The errors that a user may see: one clear line that says what, expected, got, and what to do.

The command line prints such a line on standard error and ends with exit status 2. Any other exception is a defect of
ours.
"""

LONGEST_LINE = 1000
"""Characters of a message: what was read is quoted in it, and may be anything."""


class SonocueError(Exception):
    """Something outside the program is not as it should be. The message is one line for the user, of bounded length."""

    def __init__(self, message: str = "") -> None:
        line = " ".join("".join(letter if letter.isprintable() else " " for letter in message).split())
        super().__init__(line if len(line) <= LONGEST_LINE else f"{line[: LONGEST_LINE // 2]} ... {line[-200:]}")


class ConfigError(SonocueError):
    """A setting or an argument cannot be used."""


class SourceError(SonocueError):
    """A device, file or stream cannot be opened or read."""


class SessionError(SonocueError):
    """A recorded session cannot be read or written."""


class ModelError(SonocueError):
    """A model folder is incomplete, altered, or does not fit."""


class BackendError(SonocueError):
    """An inference engine is missing, refuses the model, or failed."""


class TrainingError(SonocueError):
    """The data or the settings do not allow training."""


class PluginError(SonocueError):
    """A plugin is unknown, or its extra is not installed."""


class EndOfStream(Exception):  # noqa: N818 - not an error: the regular end of a stream, as StopIteration is
    """The stream has ended."""
