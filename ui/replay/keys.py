"""Every action of the replay window: its keys, its name, its line in the help. On Qt's main thread."""

from __future__ import annotations

from PyQt6.QtCore import QCoreApplication

from ui.keys import Action

translate = QCoreApplication.translate  # the name that pylupdate6 looks for

FOOTER = ("play", "heatmap", "overlays", "label", "note", "undo", "export", "model", "help", "close")
"""The actions that have a button; the others are keys and stand in the help."""


def actions() -> tuple[Action, ...]:
    """All actions, in the language that is installed now."""

    def of(name: str, keys: tuple[str, ...], label: str, says: str, switch: bool = False) -> Action:
        return Action(name, keys, label, says, switch)

    return (
        of("play", ("P", "Space"), translate("ReplayKeys", "Play"), translate("ReplayKeys", "Play, or pause")),
        of("frame_back", (",",), translate("ReplayKeys", "Frame back"), translate("ReplayKeys", "One frame back")),
        of("frame_on", (".",), translate("ReplayKeys", "Frame on"), translate("ReplayKeys", "One frame on")),
        of(
            "second_back", ("Left",), translate("ReplayKeys", "Second back"), translate("ReplayKeys", "One second back")
        ),
        of("second_on", ("Right",), translate("ReplayKeys", "Second on"), translate("ReplayKeys", "One second on")),
        of(
            "tens_back",
            ("Shift+Left",),
            translate("ReplayKeys", "10 s back"),
            translate("ReplayKeys", "Ten seconds back"),
        ),
        of("tens_on", ("Shift+Right",), translate("ReplayKeys", "10 s on"), translate("ReplayKeys", "Ten seconds on")),
        of("first", ("Home",), translate("ReplayKeys", "First"), translate("ReplayKeys", "To the first frame")),
        of("last", ("End",), translate("ReplayKeys", "Last"), translate("ReplayKeys", "To the last frame")),
        of(
            "plane_back",
            ("PgUp",),
            translate("ReplayKeys", "Plane before"),
            translate("ReplayKeys", "To the plane before"),
        ),
        of(
            "plane_on", ("PgDown",), translate("ReplayKeys", "Next plane"), translate("ReplayKeys", "To the next plane")
        ),
        of(
            "event_back",
            ("Ctrl+PgUp",),
            translate("ReplayKeys", "Event before"),
            translate("ReplayKeys", "To the event or note before"),
        ),
        of(
            "event_on",
            ("Ctrl+PgDown",),
            translate("ReplayKeys", "Next event"),
            translate("ReplayKeys", "To the next event or note"),
        ),
        of(
            "difference_back",
            ("Shift+D",),
            translate("ReplayKeys", "Difference before"),
            translate("ReplayKeys", "To the difference before"),
        ),
        of(
            "difference_on",
            ("D",),
            translate("ReplayKeys", "Next difference"),
            translate("ReplayKeys", "To the next difference of two models"),
        ),
        of("slower", ("-",), translate("ReplayKeys", "Slower"), translate("ReplayKeys", "Slower, down to a quarter")),
        of(
            "faster",
            ("+", "="),
            translate("ReplayKeys", "Faster"),
            translate("ReplayKeys", "Faster, up to eight times; pitch is kept"),
        ),
        of("mute", ("M",), translate("ReplayKeys", "Mute"), translate("ReplayKeys", "Without sound, or with it")),
        of(
            "zoom_in",
            ("Ctrl+Up",),
            translate("ReplayKeys", "Enlarge"),
            translate("ReplayKeys", "Enlarge the timeline (or turn the wheel)"),
        ),
        of(
            "zoom_out",
            ("Ctrl+Down",),
            translate("ReplayKeys", "Reduce"),
            translate("ReplayKeys", "Show more of the timeline"),
        ),
        of(
            "heatmap",
            ("H",),
            translate("ReplayKeys", "Heatmap"),
            translate("ReplayKeys", "Show or hide the gaze map"),
            True,
        ),
        of(
            "overlays",
            ("V",),
            translate("ReplayKeys", "Overlays"),
            translate("ReplayKeys", "Show or hide all that lies over the image"),
            True,
        ),
        of(
            "mark_in",
            ("I",),
            translate("ReplayKeys", "Mark in"),
            translate("ReplayKeys", "A range begins at this frame; again: no range"),
        ),
        of(
            "mark_out",
            ("O",),
            translate("ReplayKeys", "Mark out"),
            translate("ReplayKeys", "The range ends at this frame; again: no range"),
        ),
        of(
            "label",
            ("L",),
            translate("ReplayKeys", "Label"),
            translate("ReplayKeys", "Name the plane of this frame or range"),
        ),
        of(
            "erase",
            ("Del",),
            translate("ReplayKeys", "Erase"),
            translate("ReplayKeys", "Take label and note of this frame or range away"),
        ),
        of(
            "note",
            ("N",),
            translate("ReplayKeys", "Note"),
            translate("ReplayKeys", "Note something about this frame or range"),
        ),
        of(
            "undo",
            ("U", "Ctrl+Z"),
            translate("ReplayKeys", "Undo"),
            translate("ReplayKeys", "Take the last label or note back"),
        ),
        of(
            "save",
            ("Ctrl+S",),
            translate("ReplayKeys", "Save"),
            translate("ReplayKeys", "Try again to save labels that could not be saved"),
        ),
        of(
            "still",
            ("S",),
            translate("ReplayKeys", "Still"),
            translate("ReplayKeys", "Save this image, bare and annotated"),
        ),
        of(
            "export",
            ("X",),
            translate("ReplayKeys", "Export"),
            translate("ReplayKeys", "Write a video, stills or a table"),
        ),
        of(
            "model",
            ("R",),
            translate("ReplayKeys", "Other model"),
            translate("ReplayKeys", "Run another model over it; again: stop it"),
        ),
        of(
            "fullscreen",
            ("F",),
            translate("ReplayKeys", "Full screen"),
            translate("ReplayKeys", "Enter or leave full screen"),
        ),
        of("help", ("?", "F1"), translate("ReplayKeys", "Keys"), translate("ReplayKeys", "Show or hide this list")),
        of("close", ("Q", "Esc"), translate("ReplayKeys", "Close"), translate("ReplayKeys", "Close the window")),
    )


def footer_of(listed: tuple[Action, ...]) -> list[Action]:
    """Those that have a button, in the order of the footer."""
    by_name = {action.name: action for action in listed}
    return [by_name[name] for name in FOOTER]
