"""History, report and case library, with real files."""

import sqlite3
from dataclasses import replace

import pytest

from assistant.errors import SessionError
from assistant.run_privacy import PrivateRun
from assistant.teaching.cases import TraineesView, case_library, next_case
from assistant.teaching.history import Entry, History
from assistant.teaching.pages import cohort_page, cohort_rows, history_page
from assistant.teaching.report import write_report
from assistant.teaching.scores import score_session
from tests.sonocue_command import run_sonocue
from tests.teaching.test_scores import CHECKED, TRACKER
from tests.ui.scripted_run import ScriptedRun, live

ENTRY = Entry(
    "s1", "T01", "phantom:1", "2026-11-25T09:00:00Z", "/nowhere/s1", 60.0, 13, 4, "lips; femur", 0.8, 1.2, 0.4,
    "prediction", None,
)  # fmt: skip


def test_entries_are_kept_replaced_and_forgotten_without_a_trace(tmp_path):
    file = tmp_path / "teaching.sqlite"
    book = History(file)
    assert book.of("T01") == ()
    assert not file.exists(), "looking makes no file"
    rare = "trainee-with-a-rare-pseudonym"
    book.add(ENTRY)
    book.add(replace(ENTRY, nss=1.5))
    book.add(replace(ENTRY, session_id="s2", trainee=rare))
    assert [entry.nss for entry in book.of("T01")] == [1.5]
    assert len(book.all()) == 2
    assert len(book.forget(rare)) == 1
    assert rare.encode() not in file.read_bytes()
    assert len(book.all()) == 1
    with pytest.raises(SessionError, match="knows no trainee"):
        book.forget(rare)


def test_a_newer_or_a_broken_file_is_refused(tmp_path):
    newer, broken = tmp_path / "newer.sqlite", tmp_path / "broken.sqlite"
    with sqlite3.connect(newer) as database:
        database.execute("PRAGMA user_version = 99")
    database.close()
    broken.write_text("this is no database, and long enough to be looked at by SQLite" * 10)
    with pytest.raises(SessionError, match="expected version 1, got 99"):
        History(newer).add(ENTRY)
    with pytest.raises(SessionError, match="cannot be used"):
        History(broken).all()


def test_pages_hold_every_session_and_say_that_they_judge_nobody():
    entries = [replace(ENTRY, session_id=f"s{n}", nss=n / 10) for n in range(3)]
    page = history_page("T01", entries)
    assert page.count("<svg") == 4, "narration was never measured, so it has no plot"
    assert "passed or failed" in page and "<script" not in page and "http" not in page.replace("http://www.w3.org", "")
    assert "T01" in cohort_page(entries)
    assert cohort_rows(entries)[0]["missed"] == "femur (3), lips (3)"


def test_the_report_is_one_file_without_network_or_script(make_session, tmp_path):
    scores = score_session(make_session(tracker=TRACKER, calibration=CHECKED, hidden_at_s=2.0))
    out = tmp_path / "report.html"
    write_report(scores, out)
    page = out.read_text()
    assert page.count("data:image/png;base64,") == sum(item.best_frame_index is not None for item in scores.planes) == 2
    assert "<script" not in page and 'src="http' not in page and "passed or failed" in page
    assert "predicted gaze shown 2.0" in page
    with pytest.raises(SessionError, match="cannot be written"):
        write_report(scores, out / "below.html")


def test_commands(make_session, tmp_path):
    session = make_session(tracker=TRACKER, calibration=CHECKED)
    book = tmp_path / "book.sqlite"
    status, out, err = run_sonocue("teach", "report", session, "--history", book, folder=tmp_path)
    assert status == 0, err
    assert out.strip().endswith(f"{session.name}.report.html")
    status, out, err = run_sonocue("teach", "history", "T01", "--history", book, "--out", "h.html", folder=tmp_path)
    assert status == 0 and (tmp_path / "h.html").exists(), err
    status, out, _ = run_sonocue("teach", "forget", "T01", "--history", book, folder=tmp_path)
    assert status == 0 and str(session) in out, "says which recording is left"
    status, _, err = run_sonocue("teach", "cohort", "--history", book, folder=tmp_path)
    assert status == 2 and len(err.splitlines()) == 1


def test_the_library_is_shuffled_by_seed_and_leaves_out_trainees(make_session):
    paths = [make_session(trainee=None, folder="library") for _ in range(4)]
    make_session(trainee="T01", folder="library")
    folder = paths[0].parent
    orders = {tuple(case.session_id for case in case_library(folder, seed)) for seed in range(6)}
    assert len(orders) > 1
    assert {frozenset(order) for order in orders} == {frozenset(path.name for path in paths)}
    first = case_library(folder, 3)
    assert first == case_library(folder, 3)
    assert next_case(case_library(folder, 3, {first[0].session_id})).number == 2
    with pytest.raises(SessionError, match="there is none"):
        case_library(folder / "nowhere", 0)


def test_a_trainee_sees_no_hidden_gaze_and_no_names():
    moment = live(source="file: Smith_Jane.mp4")
    hidden = TraineesView(ScriptedRun([moment]), shows_gaze=False).snapshot()
    assert hidden.guidance.gaze_map is None and hidden.guidance.decision.plane == "abdomen"
    shown = TraineesView(ScriptedRun([moment]), shows_gaze=True).snapshot()
    assert shown.guidance.gaze_map is not None
    blinded = TraineesView(ScriptedRun([moment]), shows_gaze=True, blinded_as="Case 2").snapshot()
    assert blinded.source == "Case 2" and blinded.guidance is None
    assert not any(item.seen for item in blinded.planes)


def test_a_trainee_can_mute_and_have_the_last_minutes_deleted():
    class Recorded(ScriptedRun):
        asked_for = ()

        def mute(self, muted):
            self.asked_for += (muted,)

        def forget(self, seconds, *, video=False):
            self.asked_for += (seconds, video)
            return True

    run = Recorded([live()])
    view = TraineesView(run, shows_gaze=False)
    assert isinstance(view, PrivateRun)
    view.mute(True)
    assert view.forget(120.0, video=True)
    assert run.asked_for == (True, 120.0, True)
    assert not TraineesView(ScriptedRun([live()]), shows_gaze=False).forget(120.0)
