"""The settings on the start page: model, checklist, heatmap, microphone, consent, subject, recording, language.

On Qt's main thread. It holds what is chosen and nothing else; ``start_choices`` turns it into a run's settings.
"""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

from PyQt6.QtCore import Qt, pyqtSignal
from PyQt6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QFileDialog,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QPushButton,
    QWidget,
)

from assistant.found_devices import Found
from ui.remembered import Remembered
from ui.translation import LANGUAGES, translate


class StartForm(QWidget):
    """One row a setting, each with a name that Alt and a letter lead to.

    Args:
        chosen: what was chosen last time.
        parent: the page.
    """

    language_chosen = pyqtSignal(str)
    """``en``, ``de``, or empty: the system's."""

    def __init__(self, chosen: Remembered, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.model, self.checklist, self.heatmap = QComboBox(self), QComboBox(self), QComboBox(self)
        self.microphone, self.language, self.subject = QComboBox(self), QComboBox(self), QLineEdit(self)
        self.model_button = QPushButton(translate("Start", "Fol&der..."), self)
        self.record, self.consent = QCheckBox(self), QCheckBox(self)
        self._folder = Path(chosen.record or "recordings")
        self._fill(chosen)
        self._grid = QGridLayout(self)
        model = QHBoxLayout()
        model.addWidget(self.model, 1)
        model.addWidget(self.model_button)
        rows: list[tuple[str, QWidget, QHBoxLayout | QWidget]] = [
            (translate("Start", "&Model"), self.model, model),
            (translate("Start", "Chec&klist"), self.checklist, self.checklist),
            (translate("Start", "Gaze &heatmap"), self.heatmap, self.heatmap),
            (translate("Start", "Su&bject (pseudonym)"), self.subject, self.subject),
            (translate("Start", "M&icrophone"), self.microphone, self.microphone),
            (translate("Start", "&Language"), self.language, self.language),
        ]
        for number, (name, control, place) in enumerate(rows):
            label = QLabel(name, self)
            label.setBuddy(control)
            control.setAccessibleName(name.replace("&", ""))
            self._grid.addWidget(label, number, 0)
            if isinstance(place, QWidget):
                self._grid.addWidget(place, number, 1)
            else:
                self._grid.addLayout(place, number, 1)
        for number, box in enumerate((self.record, self.consent), len(rows)):
            box.setAccessibleName(box.text().replace("&", ""))
            self._grid.addWidget(box, number, 0, 1, 2)
        self._grid.setColumnStretch(1, 1)
        self.model_button.setAccessibleName(translate("Start", "Choose the model's folder"))
        self.model_button.clicked.connect(self._choose_model)
        self.language.activated.connect(lambda: self.language_chosen.emit(self.language.currentData()))
        for before, after in self._tab_pairs():
            QWidget.setTabOrder(before, after)

    @property
    def order(self) -> list[QWidget]:
        """The controls, as Tab goes through them."""
        return [
            self.model, self.model_button, self.checklist, self.heatmap, self.subject, self.microphone, self.language,
            self.record, self.consent,
        ]  # fmt: skip

    @property
    def record_folder(self) -> str:
        """Where sessions go; empty when nothing is recorded."""
        return str(self._folder) if self.record.isChecked() else ""

    def remembered(self, source: str) -> Remembered:
        """What shall be kept for the next time."""
        return Remembered(
            source=source,
            microphone=self.microphone.currentData(),
            model=self.model.currentData(),
            checklist=self.checklist.currentData(),
            heatmap=self.heatmap.currentData(),
            language=self.language.currentData(),
            record=self.record_folder,
        )

    def forget_subject(self) -> None:
        """The next examination is somebody else's: neither pseudonym nor consent are taken over."""
        self.subject.clear()
        self.consent.setChecked(False)

    def show_microphones(self, found: Found) -> None:
        """List what was found; what was chosen stays chosen, if it is there."""
        for device in found.devices:
            if self.microphone.findData(device.spec) < 0:
                name = device.spec.partition(":")[2]
                mark = translate("Start", " (default)") if device.is_default else ""
                self.microphone.addItem(f"{name}{mark}", device.spec)
        specs = {device.spec for device in found.devices}
        if self.microphone.currentData() not in specs:
            self.microphone.setCurrentIndex(0)  # never another one instead: it would hear without being asked
        for row in reversed(range(1, self.microphone.count())):
            if self.microphone.itemData(row) not in specs:
                self.microphone.removeItem(row)

    def show_models(self, folders: tuple[Path, ...]) -> None:
        """List the model folders that are near."""
        for folder in folders:
            self._add_model(str(folder))

    def scale(self, unit: int) -> None:
        """Room between the rows."""
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setHorizontalSpacing(round(0.9 * unit))
        self._grid.setVerticalSpacing(round(0.5 * unit))

    def _fill(self, chosen: Remembered) -> None:
        from ui.start_choices import shipped_checklists

        self.model.addItem(translate("Start", "Default (software scanner)"), "default")
        self.model.addItem(translate("Start", "None: only record"), "")
        if chosen.model not in ("", "default") and Path(chosen.model).is_dir():
            self._add_model(chosen.model)
        self.checklist.addItem(translate("Start", "One item for each plane of the model"), "")
        for name, title in shipped_checklists():
            self.checklist.addItem(translate("Start", title), name)
        self.heatmap.addItem(translate("Start", "Always"), "always")
        self.heatmap.addItem(translate("Start", "Only while the image is frozen"), "frozen")
        self.heatmap.addItem(translate("Start", "Off"), "off")
        self.microphone.addItem(translate("Start", "None"), "")
        if chosen.microphone:
            self.microphone.addItem(chosen.microphone.partition(":")[2], chosen.microphone)
        self.language.addItem(translate("Start", "As the system has it"), "")
        for code, name in LANGUAGES.items():
            self.language.addItem(name, code)
        for box, value in (
            (self.model, chosen.model),
            (self.checklist, chosen.checklist),
            (self.heatmap, chosen.heatmap),
            (self.microphone, chosen.microphone),
            (self.language, chosen.language),
        ):
            box.setCurrentIndex(max(box.findData(value), 0))
            box.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
            box.setMinimumContentsLength(14)
        self.subject.setPlaceholderText(translate("Start", "never a name"))
        self.subject.setMaxLength(64)
        self.record.setText(translate("Start", "&Record into the folder {folder}").format(folder=self._folder))
        self.record.setChecked(bool(chosen.record))
        self.consent.setText(translate("Start", "E&verybody in the room agreed to be recorded"))

    def _add_model(self, folder: str) -> None:
        if self.model.findData(folder) < 0:
            self.model.addItem(folder, folder)
            self.model.setItemData(self.model.count() - 1, folder, Qt.ItemDataRole.ToolTipRole)

    def _choose_model(self) -> None:
        folder = QFileDialog.getExistingDirectory(self, translate("Start", "The model's folder"))
        if folder:
            self._add_model(folder)
            self.model.setCurrentIndex(self.model.findData(folder))

    def _tab_pairs(self) -> list[tuple[QWidget, QWidget]]:
        return list(pairwise(self.order))
