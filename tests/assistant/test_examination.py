"""Dwell, best frames and the checklist: the program suggests, only a person confirms."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from assistant.checklist_file import AskedItem, load_checklist
from assistant.class_list import load_class_list
from assistant.contracts import Abstention, Decision, Frame, Guidance, TimelineEvent
from assistant.errors import ConfigError
from assistant.examination import SETTLED_NS, BestFrame, Examination
from assistant.plane_stills import StillKeeper, file_name
from assistant.session.attached import SessionFile

MS = 1_000_000
STEP_NS = 100 * MS
ASKED = (AskedItem("thigh bone", "femur"), AskedItem("belly", "abdomen"), AskedItem("fluid"))


class Watched:
    """An examination with a dwell of one second, and what came out of it."""

    def __init__(self, asked: tuple[AskedItem, ...] | None = ASKED) -> None:
        self.examination = Examination(("abdomen", "femur"), 1000 * MS, asked)
        self.events: list[TimelineEvent] = []
        self.best: list[BestFrame] = []
        self.examination.on_event = self.events.append
        self.examination.on_best = self.best.append
        self._previous: Guidance | None = None
        self._count = 0

    def see(self, plane: str | None, frames: int, score: float = 0.9, *, frozen: bool = False) -> None:
        """``plane`` is named for so many frames, 100 ms apart."""
        for _ in range(frames):
            at_ns = self._count * STEP_NS
            pixels = np.full((192, 256, 3), self._count, np.uint8)
            said = Decision(plane, plane or "femur", score, None if plane else Abstention.LOW_CONFIDENCE)
            guidance = Guidance(
                self._count, at_ns, 0, 0, at_ns, np.zeros(2, np.float32), said, None, (0, 0, 4, 4), "test@0"
            )
            self.examination.guided(guidance, self._previous, Frame(self._count, at_ns, pixels), frozen=frozen)
            self._previous = guidance
            self._count += 1

    def states(self) -> dict[str, str]:
        return {item.name: item.state for item in self.examination.checklist()}


def test_an_item_is_suggested_by_the_dwell_and_not_before() -> None:
    watched = Watched()
    watched.see("femur", 10)
    assert watched.states() == {"thigh bone": "open", "belly": "open", "fluid": "open"}
    watched.see("femur", 1)
    assert watched.states()["thigh bone"] == "suggested"
    (event,) = watched.events
    assert event.data["by"] == "program"
    assert (event.data["item"], event.data["state"], event.captured_ns) == ("thigh bone", "suggested", 1000 * MS)


def test_time_on_a_frozen_image_is_no_dwell() -> None:
    watched = Watched()
    watched.see("femur", 5)
    watched.see("femur", 50, frozen=True)
    assert watched.states()["thigh bone"] == "open"
    assert watched.examination.checklist()[0].seconds == pytest.approx(0.4)
    watched.see("femur", 6)
    assert watched.states()["thigh bone"] == "suggested"


def test_a_person_confirms_and_takes_it_back() -> None:
    watched = Watched()
    watched.see("femur", 11)
    for state in ("confirmed", "not obtainable"):
        watched.examination.mark("thigh bone", state, 7)
        assert watched.states()["thigh bone"] == state
        assert watched.events[-1].data["by"] == "person"
        assert watched.events[-1].captured_ns == 7
    watched.examination.mark("thigh bone", "open", 8)
    assert watched.states()["thigh bone"] == "suggested", "as the program sees it"
    watched.examination.mark("fluid", "confirmed", 9)
    assert watched.states()["fluid"] == "confirmed", "an item without a detector is ticked by hand"
    watched.examination.mark("fluid", "open", 9)
    assert watched.states()["fluid"] == "open"


def test_a_dismissed_suggestion_comes_again_only_after_another_dwell() -> None:
    watched = Watched()
    watched.see("femur", 11)
    watched.examination.mark("thigh bone", "open", 0)
    watched.see("femur", 30)
    assert watched.states()["thigh bone"] == "open"
    watched.see(None, 1)
    watched.see("femur", 11)
    assert watched.states()["thigh bone"] == "suggested"


def test_what_is_not_on_the_checklist_cannot_be_marked() -> None:
    with pytest.raises(ValueError, match="knee"):
        Watched().examination.mark("knee", "confirmed", 0)
    with pytest.raises(ValueError, match="complete"):
        Watched().examination.mark("belly", "complete", 0)  # type: ignore[arg-type]


def test_the_best_frame_is_of_a_dwell_and_the_surest_in_it() -> None:
    watched = Watched()
    watched.see("abdomen", 3, score=0.99)  # a flash is no dwell
    watched.see("femur", 6, score=0.91)
    watched.see("femur", 1, score=0.97)  # frame 9
    watched.see("femur", 6, score=0.93)
    thigh, belly, _ = watched.examination.checklist()
    assert (thigh.score, belly.score, belly.thumbnail) == (0.97, None, None)
    assert thigh.thumbnail is not None
    assert thigh.thumbnail.shape == (96, 128, 3)
    assert not thigh.thumbnail.flags.writeable
    assert (thigh.thumbnail == 9).all()


def test_a_best_frame_is_handed_out_when_settled_when_left_and_at_the_end() -> None:
    watched = Watched()
    watched.see("femur", 11)
    assert watched.best == []
    watched.see("femur", SETTLED_NS // STEP_NS)
    assert [best.frame.index for best in watched.best] == [0]
    watched.see("femur", 1, score=0.95)
    watched.see(None, 1)
    assert [best.frame.index for best in watched.best][1:] == [21]
    watched.see("femur", 11, score=0.96)
    watched.examination.close()
    watched.examination.close()
    assert [best.frame.index for best in watched.best][2:] == [23]


def test_shadow_mode_hides_what_comes_from_the_model() -> None:
    watched = Watched()
    watched.see("femur", 11)
    watched.examination.mark("belly", "confirmed", 0)
    thigh, belly, _ = watched.examination.checklist(hidden=True)
    assert (thigh.state, thigh.seconds, thigh.score, thigh.thumbnail) == ("open", 0.0, None, None)
    assert belly.state == "confirmed", "what a person said is shown"


@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("see"), st.sampled_from(["femur", "abdomen", None]), st.integers(1, 15)),
            st.tuples(
                st.just("mark"),
                st.sampled_from([item.name for item in ASKED]),
                st.sampled_from(["confirmed", "not obtainable", "open"]),
            ),
        ),
        max_size=12,
    )
)
def test_only_a_person_confirms_and_the_program_changes_no_mark(steps: list[tuple[str, str | None, object]]) -> None:
    watched = Watched()
    marks: dict[str, str] = {}
    for step, name, what in steps:
        if step == "see":
            watched.see(name, int(str(what)))
        else:
            watched.examination.mark(str(name), what, 0)  # type: ignore[arg-type]
            marks[str(name)] = str(what)
        for item, state in watched.states().items():
            marked = marks.get(item, "open")
            assert state == marked if marked != "open" else state in ("open", "suggested")


def test_a_still_is_written_as_it_was_captured() -> None:
    put: list[SessionFile | TimelineEvent] = []
    keeper = StillKeeper(put.append)
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (48, 64, 3), np.uint8)
    keeper(BestFrame("four-chamber view", Frame(7, 70, pixels), 0.98, pixels))
    keeper.close()
    keeper.close()
    file, event = put
    assert isinstance(file, SessionFile) and isinstance(event, TimelineEvent)
    assert file.name == event.data["file"] == "best-four-chamber-view.png"
    assert (event.captured_ns, event.data["frame_index"], event.data["score"]) == (70, 7, 0.98)
    read = cv2.imdecode(np.frombuffer(file.data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(cv2.cvtColor(read, cv2.COLOR_BGR2RGB), pixels)


@pytest.mark.parametrize("name", ["../../etc/passwd", "Ä/\\:*?", "LVOT", ""])
def test_a_plane_s_name_never_leads_out_of_the_session(name: str) -> None:
    SessionFile(file_name(name) if name else "best-x.png", b"", 0)
    with pytest.raises(ValueError, match="expected small letters"):
        SessionFile(f"{name}/x.png", b"", 0)


def test_the_shipped_checklist_names_classes_that_there_are() -> None:
    checklist = load_checklist("fasp20")
    planes = {item.plane for item in checklist.items if item.plane is not None}
    assert planes <= set(load_class_list("sononet13").planes)
    assert len(planes) > 8
    assert any(item.plane is None for item in checklist.items)
    assert not any(word in item.name for item in checklist.items for word in ("normal", "complete"))


def test_an_item_whose_class_the_model_lacks_is_ticked_by_hand() -> None:
    watched = Watched((AskedItem("face", "lips"),))
    watched.examination.mark("face", "confirmed", 0)
    (face,) = watched.examination.checklist()
    assert (face.plane, face.state) == (None, "confirmed")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "item"),
        ("item = 3", "item"),
        ('name = "x"\ntitle = "x"\n[[item]]\n', "name"),
        ('name = "x"\ntitle = "x"\n[[item]]\nname = 3', "name"),
        ('name = "x"\ntitle = "x"\n[[item]]\nname = "a"\ncolour = "red"', "item"),
        ('name = "x"\ntitle = "x"\n[[item]]\nname = "a"\n[[item]]\nname = "a"', "twice"),
        ('title = "x"\n[[item]]\nname = "a"', "name"),
        ("name = ", "TOML"),
        ("name = " + "[" * 5000, "TOML"),
        ("#" * 200_000, "bytes"),
    ],
)
def test_a_file_that_is_no_checklist_is_one_line(tmp_path: Path, text: str, says: str) -> None:
    file = tmp_path / "list.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError, match=says) as error:
        load_checklist(str(file))
    assert "\n" not in str(error.value)
    with pytest.raises(ConfigError, match="fasp20"):
        load_checklist(str(tmp_path / "missing.toml"))
