<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de_DE" sourcelanguage="en">
<context>
    <name>Annotating</name>
    <message>
        <source>There is nothing to undo.</source>
        <translation>Es gibt nichts rückgängig zu machen.</translation>
    </message>
    <message>
        <source>Not saved: {why}</source>
        <translation>Nicht gespeichert: {why}</translation>
    </message>
    <message>
        <source>Frame at {time}</source>
        <translation>Bild bei {time}</translation>
    </message>
    <message>
        <source>{count} frames from {start} to {end}</source>
        <translation>{count} Bilder von {start} bis {end}</translation>
    </message>
</context><context>
    <name>CalibrationScreen</name>
    <message>
        <source>Check of the eye tracker</source>
        <translation>Prüfung des Eyetrackers</translation>
    </message>
    <message>
        <source>Begin</source>
        <translation>Beginnen</translation>
    </message>
    <message>
        <source>Go on</source>
        <translation>Weiter</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>{tracker}

Five points appear one after the other. Look at each until the next one comes, and keep your head as you will hold it while scanning.</source>
        <translation>{tracker}

Fünf Punkte erscheinen nacheinander. Blicken Sie auf jeden, bis der nächste kommt, und halten Sie den Kopf so wie später beim Untersuchen.</translation>
    </message>
    <message>
        <source>The scene camera sees {seen} of {all} markers in the corners; two are enough, all are better.</source>
        <translation>Die Szenenkamera sieht {seen} von {all} Marken in den Ecken; zwei genügen, alle sind besser.</translation>
    </message>
    <message>
        <source>The tracker is accurate enough: {accuracy} degrees beside the points, precision {precision}.</source>
        <translation>Der Eyetracker ist genau genug: {accuracy} Grad neben den Punkten, Präzision {precision}.</translation>
    </message>
    <message>
        <source>Not passed: {reason}</source>
        <translation>Nicht bestanden: {reason}</translation>
    </message>
    <message>
        <source>Go on without scored gaze</source>
        <translation>Weiter ohne Wertung des Blicks</translation>
    </message>
    <message>
        <source>Limit: {limit} degrees, at {distance} mm from the monitor.</source>
        <translation>Grenze: {limit} Grad, bei {distance} mm Abstand zum Bildschirm.</translation>
    </message>
    <message>
        <source>Check again</source>
        <translation>Erneut prüfen</translation>
    </message>
</context><context>
    <name>CaseScreen</name>
    <message>
        <source>Cases</source>
        <translation>Fälle</translation>
    </message>
    <message>
        <source>{done} of {all} cases done</source>
        <translation>{done} von {all} Fällen erledigt</translation>
    </message>
    <message>
        <source>Begin</source>
        <translation>Beginnen</translation>
    </message>
    <message>
        <source>Cancel</source>
        <translation>Abbrechen</translation>
    </message>
    <message>
        <source>Case {number}</source>
        <translation>Fall {number}</translation>
    </message>
    <message>
        <source>with an expert's gaze</source>
        <translation>mit dem Blick einer Fachperson</translation>
    </message>
    <message>
        <source>done</source>
        <translation>erledigt</translation>
    </message>
    <message>
        <source>not done yet</source>
        <translation>noch nicht erledigt</translation>
    </message>
</context><context>
    <name>Checklist</name>
    <message>
        <source>open</source>
        <translation>offen</translation>
    </message>
    <message>
        <source>seen</source>
        <translation>gesehen</translation>
    </message>
    <message>
        <source>suggested</source>
        <translation>vorgeschlagen</translation>
    </message>
    <message>
        <source>confirmed</source>
        <translation>bestätigt</translation>
    </message>
    <message>
        <source>not obtainable</source>
        <translation>nicht darstellbar</translation>
    </message>
    <message>
        <source>Planes: {done}</source>
        <translation>Ebenen: {done}</translation>
    </message>
    <message>
        <source>Planes</source>
        <translation>Ebenen</translation>
    </message>
    <message>
        <source>No model, no checklist</source>
        <translation>Ohne Modell keine Checkliste</translation>
    </message>
    <message>
        <source>{count} more</source>
        <translation>{count} weitere</translation>
    </message>
    <message>
        <source>{count} of {total} confirmed</source>
        <translation>{count} von {total} bestätigt</translation>
    </message>
    <message>
        <source>{count} of {total} seen</source>
        <translation>{count} von {total} gesehen</translation>
    </message>
    <message>
        <source>{name}: confirmed. U takes it back.</source>
        <translation>{name}: bestätigt. U nimmt es zurück.</translation>
    </message>
    <message>
        <source>{name}: not obtainable. U takes it back.</source>
        <translation>{name}: nicht darstellbar. U nimmt es zurück.</translation>
    </message>
    <message>
        <source>Nothing to take back</source>
        <translation>Nichts zurückzunehmen</translation>
    </message>
    <message>
        <source>{name}: mark taken back</source>
        <translation>{name}: Markierung zurückgenommen</translation>
    </message>
</context><context>
    <name>Comparison</name>
    <message>
        <source>Another model: {share} % done, R stops it</source>
        <translation>Anderes Modell: {share} % fertig, R hält es an</translation>
    </message>
</context><context>
    <name>DifferenceList</name>
    <message>
        <source>{count} differences (D, Shift+D)</source>
        <translation>{count} Unterschiede (D, Umschalt+D)</translation>
    </message>
</context><context>
    <name>Engine</name>
    <message>
        <source>no signal from {source}</source>
        <translation>Kein Signal von {source}</translation>
    </message>
    <message>
        <source>the source lost frames</source>
        <translation>Die Bildquelle hat Bilder verloren</translation>
    </message>
    <message>
        <source>recording lost {count} frames: {reason}</source>
        <translation>{count} Bilder konnten nicht aufgezeichnet werden: {reason}</translation>
    </message>
    <message>
        <source>the disk or processor does not keep up with recording</source>
        <translation>Festplatte oder Prozessor kommen mit der Aufzeichnung nicht nach</translation>
    </message>
    <message>
        <source>recording stopped: {reason}</source>
        <translation>Die Aufzeichnung wurde beendet: {reason}</translation>
    </message>
    <message>
        <source>video stopped: {reason}</source>
        <translation>Das Bild ist ausgefallen: {reason}</translation>
    </message>
    <message>
        <source>sound stopped: {reason}</source>
        <translation>Der Ton ist ausgefallen: {reason}</translation>
    </message>
    <message>
        <source>the session could not be closed: {reason}</source>
        <translation>Die Aufzeichnung konnte nicht abgeschlossen werden: {reason}</translation>
    </message>
    <message>
        <source>{count} packets of the stream came and were dropped</source>
        <translation>{count} Pakete des Datenstroms waren unbrauchbar und wurden verworfen</translation>
    </message>
    <message>
        <source>This model was trained on the software scanner: on real images its guidance means nothing.</source>
        <translation>Dieses Modell wurde am simulierten Ultraschallgerät trainiert: Auf echten Bildern sind seine Hinweise ohne Bedeutung.</translation>
    </message>
    <message>
        <source>{failed} {reason}: {engine} took over after {gap} ms without guidance</source>
        <translation>{failed} {reason}: {engine} hat nach {gap} ms ohne Hinweise übernommen</translation>
    </message>
</context><context>
    <name>ExportDialog</name>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>Video (MP4) with guidance, gaze map and the research-use mark</source>
        <translation>Video (MP4) mit Hinweisen, Blickkarte und Forschungsvermerk</translation>
    </message>
    <message>
        <source>Stills (PNG): the surest frame of each plane, bare and annotated</source>
        <translation>Standbilder (PNG): das sicherste Bild jeder Ebene, mit und ohne Beschriftung</translation>
    </message>
    <message>
        <source>Table of decisions (CSV): one line a frame</source>
        <translation>Tabelle der Entscheidungen (CSV): eine Zeile je Bild</translation>
    </message>
    <message>
        <source>Folder to export to</source>
        <translation>Zielordner</translation>
    </message>
    <message>
        <source>Choose...</source>
        <translation>Auswählen …</translation>
    </message>
    <message>
        <source>Progress</source>
        <translation>Fortschritt</translation>
    </message>
    <message>
        <source>The files show a person: keep them as the session is kept.</source>
        <translation>Die Dateien zeigen eine Person: Bewahren Sie sie auf wie die Aufzeichnung.</translation>
    </message>
    <message>
        <source>Not exported: {why}</source>
        <translation>Nicht exportiert: {why}</translation>
    </message>
    <message>
        <source>The export was stopped; nothing half-written is left.</source>
        <translation>Der Export wurde abgebrochen; nichts halb Geschriebenes bleibt zurück.</translation>
    </message>
    <message>
        <source>{count} files in {folder}</source>
        <translation>{count} Dateien in {folder}</translation>
    </message>
</context><context>
    <name>Keys</name>
    <message>
        <source>Sticks slide, sweep, tilt, turn; triggers press</source>
        <translation>Sticks verschieben, schwenken, kippen, drehen; Trigger drücken an</translation>
    </message>
    <message>
        <source>Space</source>
        <translation>Leertaste</translation>
    </message>
    <message>
        <source>PgDown</source>
        <translation>Bild ab</translation>
    </message>
    <message>
        <source>Mouse</source>
        <translation>Maus</translation>
    </message>
    <message>
        <source>Gamepad</source>
        <translation>Gamepad</translation>
    </message>
    <message>
        <source>Freeze</source>
        <translation>Einfrieren</translation>
    </message>
    <message>
        <source>Hold the image; recording goes on (foot pedal too)</source>
        <translation>Bild anhalten, auch per Fußschalter; Aufzeichnung läuft weiter</translation>
    </message>
    <message>
        <source>Heatmap</source>
        <translation>Blickkarte</translation>
    </message>
    <message>
        <source>Predicted gaze: always, only while frozen, off</source>
        <translation>Blickkarte: immer, nur im Standbild, aus</translation>
    </message>
    <message>
        <source>Overlays</source>
        <translation>Einblendungen</translation>
    </message>
    <message>
        <source>Show or hide all that is drawn over the image</source>
        <translation>Alle Einblendungen über dem Bild zeigen oder verbergen</translation>
    </message>
    <message>
        <source>Save still</source>
        <translation>Bild sichern</translation>
    </message>
    <message>
        <source>Save the bare image and the window as PNG</source>
        <translation>Das reine Bild und das Fenster als PNG sichern</translation>
    </message>
    <message>
        <source>Full screen</source>
        <translation>Vollbild</translation>
    </message>
    <message>
        <source>Enter or leave full screen</source>
        <translation>Vollbild ein oder aus</translation>
    </message>
    <message>
        <source>Mute</source>
        <translation>Stumm</translation>
    </message>
    <message>
        <source>Silence the sound at once, so that it is not written</source>
        <translation>Den Ton sofort stummschalten; er wird nicht aufgezeichnet</translation>
    </message>
    <message>
        <source>Forget</source>
        <translation>Vergessen</translation>
    </message>
    <message>
        <source>Delete the last 2 minutes of the recording; asks first</source>
        <translation>Die letzten 2 Minuten der Aufzeichnung löschen; fragt vorher</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
    <message>
        <source>Show or hide this list</source>
        <translation>Diese Liste zeigen oder verbergen</translation>
    </message>
    <message>
        <source>Stop</source>
        <translation>Beenden</translation>
    </message>
    <message>
        <source>End the run properly and close the window</source>
        <translation>Untersuchung ordentlich beenden und Fenster schließen</translation>
    </message>
    <message>
        <source>Fainter</source>
        <translation>Schwächer</translation>
    </message>
    <message>
        <source>Fainter heatmap</source>
        <translation>Blickkarte schwächer</translation>
    </message>
    <message>
        <source>Stronger</source>
        <translation>Stärker</translation>
    </message>
    <message>
        <source>Stronger heatmap</source>
        <translation>Blickkarte stärker</translation>
    </message>
    <message>
        <source>Confirm</source>
        <translation>Bestätigen</translation>
    </message>
    <message>
        <source>Confirm the chosen item of the checklist</source>
        <translation>Gewählten Punkt der Checkliste bestätigen</translation>
    </message>
    <message>
        <source>Not obtainable</source>
        <translation>Nicht darstellbar</translation>
    </message>
    <message>
        <source>Mark the chosen item as not obtainable</source>
        <translation>Gewählten Punkt als nicht darstellbar markieren</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Zurück</translation>
    </message>
    <message>
        <source>Take back the last mark</source>
        <translation>Letzte Markierung zurücknehmen</translation>
    </message>
    <message>
        <source>Choose an item of the checklist</source>
        <translation>Punkt der Checkliste wählen</translation>
    </message>
    <message>
        <source>on</source>
        <translation>an</translation>
    </message>
    <message>
        <source>off</source>
        <translation>aus</translation>
    </message>
    <message>
        <source>{words}, key {keys}</source>
        <translation>{words}, Taste {keys}</translation>
    </message>
    <message>
        <source>Corner</source>
        <translation>Ecke</translation>
    </message>
    <message>
        <source>Put the words into the next corner</source>
        <translation>Die Worte in die nächste Ecke setzen</translation>
    </message>
    <message>
        <source>always</source>
        <translation>immer</translation>
    </message>
    <message>
        <source>while frozen</source>
        <translation>im Standbild</translation>
    </message>
    <message>
        <source>Delete 2 min? Backspace: sound. Ctrl+Backspace: all. Esc: no</source>
        <translation>2 min löschen? Rücktaste: Ton. Strg+Rücktaste: alles. Esc: nein</translation>
    </message>
    <message>
        <source>Nothing is recorded that could be muted</source>
        <translation>Es wird nichts aufgezeichnet, was stummgeschaltet werden könnte</translation>
    </message>
    <message>
        <source>The sound is on again</source>
        <translation>Der Ton ist wieder an</translation>
    </message>
    <message>
        <source>Muted: no sound is written</source>
        <translation>Stumm: Es wird kein Ton aufgezeichnet</translation>
    </message>
    <message>
        <source>Nothing is recorded that could be deleted</source>
        <translation>Es wird nichts aufgezeichnet, was gelöscht werden könnte</translation>
    </message>
    <message>
        <source>Nothing was deleted</source>
        <translation>Nichts wurde gelöscht</translation>
    </message>
    <message>
        <source>Deleted: the sound of the last 2 minutes</source>
        <translation>Gelöscht: der Ton der letzten 2 Minuten</translation>
    </message>
    <message>
        <source>Deleted: sound and images of the last 2 minutes</source>
        <translation>Gelöscht: Ton und Bilder der letzten 2 Minuten</translation>
    </message>
    <message>
        <source>Nothing was deleted: nothing is being recorded</source>
        <translation>Nichts wurde gelöscht: Es wird nichts aufgezeichnet</translation>
    </message>
    <message>
        <source>Slide the probe to the left or right</source>
        <translation>Schallkopf nach links oder rechts verschieben</translation>
    </message>
    <message>
        <source>Pull the probe back or press it in</source>
        <translation>Schallkopf abheben oder andrücken</translation>
    </message>
    <message>
        <source>Sweep forwards or back through the image plane</source>
        <translation>Bildebene vor oder zurück verschieben</translation>
    </message>
    <message>
        <source>Rotate the probe about its beam</source>
        <translation>Schallkopf um seine Achse drehen</translation>
    </message>
    <message>
        <source>Tilt the image plane forwards or back</source>
        <translation>Bildebene vor oder zurück kippen</translation>
    </message>
    <message>
        <source>Rock the probe within the image plane</source>
        <translation>Schallkopf in der Bildebene schwenken</translation>
    </message>
    <message>
        <source>Less or more depth</source>
        <translation>Weniger oder mehr Tiefe</translation>
    </message>
    <message>
        <source>Less or more gain</source>
        <translation>Weniger oder mehr Verstärkung</translation>
    </message>
    <message>
        <source>Less or more zoom</source>
        <translation>Weniger oder mehr Zoom</translation>
    </message>
    <message>
        <source>Freeze the scanner's image, let it go on</source>
        <translation>Bild am Gerät einfrieren, weiterlaufen lassen</translation>
    </message>
    <message>
        <source>Drag slides, right drag turns, wheel sweeps</source>
        <translation>Ziehen verschiebt, rechts ziehen dreht, Rad schwenkt</translation>
    </message>
</context><context>
    <name>Navigating</name>
    <message>
        <source>There is none further on.</source>
        <translation>Weiter hinten gibt es keins.</translation>
    </message>
    <message>
        <source>There is none before.</source>
        <translation>Davor gibt es keins.</translation>
    </message>
</context><context>
    <name>NoteDialog</name>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>No names: notes are stored beside the session.</source>
        <translation>Keine Namen: Notizen liegen neben der Aufzeichnung.</translation>
    </message>
</context><context>
    <name>Overlay</name>
    <message>
        <source>Moved away: this window would be filmed there</source>
        <translation>Weggerückt: dort würde dieses Fenster gefilmt</translation>
    </message>
</context><context>
    <name>Panels</name>
    <message>
        <source>Remarks: {words}</source>
        <translation>Hinweise: {words}</translation>
    </message>
    <message>
        <source>none</source>
        <translation>keine</translation>
    </message>
    <message>
        <source>hidden</source>
        <translation>verborgen</translation>
    </message>
    <message>
        <source>shown over the image</source>
        <translation>über dem Bild eingeblendet</translation>
    </message>
    <message>
        <source>Predicted gaze: {state}</source>
        <translation>Blickkarte: {state}</translation>
    </message>
    <message>
        <source>Predicted gaze</source>
        <translation>Blickkarte</translation>
    </message>
    <message>
        <source>high</source>
        <translation>oft</translation>
    </message>
    <message>
        <source>low</source>
        <translation>selten</translation>
    </message>
    <message>
        <source>Recording</source>
        <translation>Aufzeichnung</translation>
    </message>
    <message>
        <source>Not recording</source>
        <translation>Keine Aufzeichnung</translation>
    </message>
    <message>
        <source>room for {time}</source>
        <translation>Platz für {time}</translation>
    </message>
    <message>
        <source>Frozen {time}</source>
        <translation>Standbild {time}</translation>
    </message>
    <message>
        <source>Ultrasound image</source>
        <translation>Ultraschallbild</translation>
    </message>
    <message>
        <source>not given by this model</source>
        <translation>gibt dieses Modell nicht</translation>
    </message>
    <message>
        <source>hidden, O shows it</source>
        <translation>verborgen, O blendet ein</translation>
    </message>
    <message>
        <source>only while frozen</source>
        <translation>nur im Standbild</translation>
    </message>
    <message>
        <source>hidden, H shows it</source>
        <translation>verborgen, H blendet ein</translation>
    </message>
    <message>
        <source>Heatmap {percent} %</source>
        <translation>Blickkarte {percent} %</translation>
    </message>
    <message>
        <source>, confidence {percent} percent</source>
        <translation>, Konfidenz {percent} Prozent</translation>
    </message>
    <message>
        <source>About the frozen image</source>
        <translation>Zum Standbild</translation>
    </message>
    <message>
        <source>frozen image</source>
        <translation>Standbild</translation>
    </message>
    <message>
        <source>{age} ms old</source>
        <translation>{age} ms alt</translation>
    </message>
    <message>
        <source>Confidence</source>
        <translation>Konfidenz</translation>
    </message>
    <message>
        <source>Video</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>fps</source>
        <translation>B/s</translation>
    </message>
    <message>
        <source>Latency p50/p95</source>
        <translation>Latenz p50/p95</translation>
    </message>
    <message>
        <source>Captured</source>
        <translation>Aufgenommen</translation>
    </message>
    <message>
        <source>Recorded</source>
        <translation>Gesichert</translation>
    </message>
    <message>
        <source>Lost</source>
        <translation>Verloren</translation>
    </message>
    <message>
        <source>State of the run</source>
        <translation>Zustand der Aufnahme</translation>
    </message>
    <message>
        <source>No model</source>
        <translation>Kein Modell</translation>
    </message>
    <message>
        <source>Microphone: none</source>
        <translation>Mikrofon: keines</translation>
    </message>
    <message>
        <source>too loud</source>
        <translation>zu laut</translation>
    </message>
    <message>
        <source>Microphone: {words}</source>
        <translation>Mikrofon: {words}</translation>
    </message>
    <message>
        <source>Microphone</source>
        <translation>Mikrofon</translation>
    </message>
    <message>
        <source>None</source>
        <translation>Keines</translation>
    </message>
    <message>
        <source>CLIP</source>
        <translation>ÜBER</translation>
    </message>
    <message>
        <source>fits the image: {share} %</source>
        <translation>passt zum Bild: {share} %</translation>
    </message>
    <message>
        <source>Speech</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>No speech</source>
        <translation>Keine Sprache</translation>
    </message>
    <message>
        <source>Nothing to freeze yet: no image has come</source>
        <translation>Noch nichts einzufrieren: Es ist noch kein Bild gekommen</translation>
    </message>
    <message>
        <source>Nothing to save yet: no image has come</source>
        <translation>Noch nichts zu sichern: Es ist noch kein Bild gekommen</translation>
    </message>
    <message>
        <source>Not saved: {reason}</source>
        <translation>Nicht gesichert: {reason}</translation>
    </message>
    <message>
        <source>Saved: {file}</source>
        <translation>Gesichert: {file}</translation>
    </message>
</context><context>
    <name>PlaneDialog</name>
    <message>
        <source>Label</source>
        <translation>Bezeichnung</translation>
    </message>
    <message>
        <source>Type a part of the name</source>
        <translation>Einen Teil des Namens eingeben</translation>
    </message>
    <message>
        <source>Part of the plane's name</source>
        <translation>Teil des Namens der Ebene</translation>
    </message>
    <message>
        <source>Planes</source>
        <translation>Ebenen</translation>
    </message>
</context><context>
    <name>Planes</name>
    <message>
        <source>transcerebellar brain</source>
        <translation>transzerebelläre Ebene</translation>
    </message>
    <message>
        <source>transventricular brain</source>
        <translation>transventrikuläre Ebene</translation>
    </message>
    <message>
        <source>transthalamic brain</source>
        <translation>transthalamische Ebene</translation>
    </message>
    <message>
        <source>lips</source>
        <translation>Lippen</translation>
    </message>
    <message>
        <source>profile</source>
        <translation>Profil</translation>
    </message>
    <message>
        <source>abdomen</source>
        <translation>Abdomen</translation>
    </message>
    <message>
        <source>kidneys</source>
        <translation>Nieren</translation>
    </message>
    <message>
        <source>femur</source>
        <translation>Femur</translation>
    </message>
    <message>
        <source>coronal spine</source>
        <translation>Wirbelsäule koronar</translation>
    </message>
    <message>
        <source>sagittal spine</source>
        <translation>Wirbelsäule sagittal</translation>
    </message>
    <message>
        <source>four-chamber view</source>
        <translation>Vierkammerblick</translation>
    </message>
    <message>
        <source>three-vessel view</source>
        <translation>Dreigefäßblick</translation>
    </message>
    <message>
        <source>LVOT</source>
        <translation>LVOT</translation>
    </message>
    <message>
        <source>RVOT</source>
        <translation>RVOT</translation>
    </message>
    <message>
        <source>maternal cervix</source>
        <translation>mütterliche Zervix</translation>
    </message>
    <message>
        <source>background</source>
        <translation>Hintergrund</translation>
    </message>
    <message>
        <source>head: ventricle and cavum</source>
        <translation>Kopf: Ventrikel und Cavum</translation>
    </message>
    <message>
        <source>head: cerebellum</source>
        <translation>Kopf: Kleinhirn</translation>
    </message>
    <message>
        <source>neck: skin fold</source>
        <translation>Hals: Nackenfalte</translation>
    </message>
    <message>
        <source>face: lips</source>
        <translation>Gesicht: Lippen</translation>
    </message>
    <message>
        <source>chest: lungs</source>
        <translation>Thorax: Lungen</translation>
    </message>
    <message>
        <source>heart: side and position</source>
        <translation>Herz: Seite und Lage</translation>
    </message>
    <message>
        <source>heart: four chambers</source>
        <translation>Herz: vier Kammern</translation>
    </message>
    <message>
        <source>heart: left outflow</source>
        <translation>Herz: linker Ausflusstrakt</translation>
    </message>
    <message>
        <source>heart: right outflow</source>
        <translation>Herz: rechter Ausflusstrakt</translation>
    </message>
    <message>
        <source>heart: three vessels and trachea</source>
        <translation>Herz: drei Gefäße und Trachea</translation>
    </message>
    <message>
        <source>abdomen: stomach</source>
        <translation>Abdomen: Magen</translation>
    </message>
    <message>
        <source>abdomen: wall and cord insertion</source>
        <translation>Abdomen: Bauchwand und Nabelansatz</translation>
    </message>
    <message>
        <source>abdomen: diaphragm</source>
        <translation>Abdomen: Zwerchfell</translation>
    </message>
    <message>
        <source>abdomen: bowel</source>
        <translation>Abdomen: Darm</translation>
    </message>
    <message>
        <source>abdomen: kidneys</source>
        <translation>Abdomen: Nieren</translation>
    </message>
    <message>
        <source>abdomen: bladder</source>
        <translation>Abdomen: Harnblase</translation>
    </message>
    <message>
        <source>spine: length and skin</source>
        <translation>Wirbelsäule: Länge und Haut</translation>
    </message>
    <message>
        <source>spine: across its width</source>
        <translation>Wirbelsäule: quer</translation>
    </message>
    <message>
        <source>limbs: femur</source>
        <translation>Extremitäten: Femur</translation>
    </message>
    <message>
        <source>limbs: lower legs and feet</source>
        <translation>Extremitäten: Unterschenkel und Füße</translation>
    </message>
    <message>
        <source>limbs: arms and hands</source>
        <translation>Extremitäten: Arme und Hände</translation>
    </message>
    <message>
        <source>placenta and fluid</source>
        <translation>Plazenta und Fruchtwasser</translation>
    </message>
</context><context>
    <name>RemarkList</name>
    <message>
        <source>Labels and notes ({file})</source>
        <translation>Bezeichnungen und Notizen ({file})</translation>
    </message>
</context><context>
    <name>ReplayDialogs</name>
    <message>
        <source>Folder of the model to run over this session</source>
        <translation>Ordner des Modells, das diese Aufzeichnung beurteilen soll</translation>
    </message>
</context><context>
    <name>ReplayKeys</name>
    <message>
        <source>Play</source>
        <translation>Wiedergabe</translation>
    </message>
    <message>
        <source>Play, or pause</source>
        <translation>Wiedergeben oder anhalten</translation>
    </message>
    <message>
        <source>Frame back</source>
        <translation>Bild zurück</translation>
    </message>
    <message>
        <source>One frame back</source>
        <translation>Ein Bild zurück</translation>
    </message>
    <message>
        <source>Frame on</source>
        <translation>Bild vor</translation>
    </message>
    <message>
        <source>One frame on</source>
        <translation>Ein Bild vor</translation>
    </message>
    <message>
        <source>Second back</source>
        <translation>Sekunde zurück</translation>
    </message>
    <message>
        <source>One second back</source>
        <translation>Eine Sekunde zurück</translation>
    </message>
    <message>
        <source>Second on</source>
        <translation>Sekunde vor</translation>
    </message>
    <message>
        <source>One second on</source>
        <translation>Eine Sekunde vor</translation>
    </message>
    <message>
        <source>10 s back</source>
        <translation>10 s zurück</translation>
    </message>
    <message>
        <source>Ten seconds back</source>
        <translation>Zehn Sekunden zurück</translation>
    </message>
    <message>
        <source>10 s on</source>
        <translation>10 s vor</translation>
    </message>
    <message>
        <source>Ten seconds on</source>
        <translation>Zehn Sekunden vor</translation>
    </message>
    <message>
        <source>First</source>
        <translation>Anfang</translation>
    </message>
    <message>
        <source>To the first frame</source>
        <translation>Zum ersten Bild</translation>
    </message>
    <message>
        <source>Last</source>
        <translation>Ende</translation>
    </message>
    <message>
        <source>To the last frame</source>
        <translation>Zum letzten Bild</translation>
    </message>
    <message>
        <source>Plane before</source>
        <translation>Ebene davor</translation>
    </message>
    <message>
        <source>To the plane before</source>
        <translation>Zur Ebene davor</translation>
    </message>
    <message>
        <source>Next plane</source>
        <translation>Nächste Ebene</translation>
    </message>
    <message>
        <source>To the next plane</source>
        <translation>Zur nächsten Ebene</translation>
    </message>
    <message>
        <source>Event before</source>
        <translation>Ereignis davor</translation>
    </message>
    <message>
        <source>To the event or note before</source>
        <translation>Zum Ereignis oder zur Notiz davor</translation>
    </message>
    <message>
        <source>Next event</source>
        <translation>Nächstes Ereignis</translation>
    </message>
    <message>
        <source>To the next event or note</source>
        <translation>Zum nächsten Ereignis oder zur nächsten Notiz</translation>
    </message>
    <message>
        <source>Difference before</source>
        <translation>Unterschied davor</translation>
    </message>
    <message>
        <source>To the difference before</source>
        <translation>Zum Unterschied davor</translation>
    </message>
    <message>
        <source>Next difference</source>
        <translation>Nächster Unterschied</translation>
    </message>
    <message>
        <source>To the next difference of two models</source>
        <translation>Zum nächsten Unterschied zweier Modelle</translation>
    </message>
    <message>
        <source>Slower</source>
        <translation>Langsamer</translation>
    </message>
    <message>
        <source>Slower, down to a quarter</source>
        <translation>Langsamer, bis zu einem Viertel</translation>
    </message>
    <message>
        <source>Faster</source>
        <translation>Schneller</translation>
    </message>
    <message>
        <source>Faster, up to eight times; pitch is kept</source>
        <translation>Schneller, bis achtfach; die Tonhöhe bleibt</translation>
    </message>
    <message>
        <source>Mute</source>
        <translation>Stumm</translation>
    </message>
    <message>
        <source>Without sound, or with it</source>
        <translation>Ohne Ton oder mit Ton</translation>
    </message>
    <message>
        <source>Enlarge</source>
        <translation>Vergrößern</translation>
    </message>
    <message>
        <source>Enlarge the timeline (or turn the wheel)</source>
        <translation>Die Zeitleiste vergrößern (oder Mausrad drehen)</translation>
    </message>
    <message>
        <source>Reduce</source>
        <translation>Verkleinern</translation>
    </message>
    <message>
        <source>Show more of the timeline</source>
        <translation>Mehr von der Zeitleiste zeigen</translation>
    </message>
    <message>
        <source>Heatmap</source>
        <translation>Blickkarte</translation>
    </message>
    <message>
        <source>Show or hide the gaze map</source>
        <translation>Die Blickkarte zeigen oder ausblenden</translation>
    </message>
    <message>
        <source>Overlays</source>
        <translation>Einblendungen</translation>
    </message>
    <message>
        <source>Show or hide all that lies over the image</source>
        <translation>Alles über dem Bild zeigen oder ausblenden</translation>
    </message>
    <message>
        <source>Mark in</source>
        <translation>Von hier</translation>
    </message>
    <message>
        <source>A range begins at this frame; again: no range</source>
        <translation>Ein Bereich beginnt bei diesem Bild; nochmals: kein Bereich</translation>
    </message>
    <message>
        <source>Mark out</source>
        <translation>Bis hier</translation>
    </message>
    <message>
        <source>The range ends at this frame; again: no range</source>
        <translation>Der Bereich endet bei diesem Bild; nochmals: kein Bereich</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Bezeichnung</translation>
    </message>
    <message>
        <source>Name the plane of this frame or range</source>
        <translation>Die Ebene dieses Bildes oder Bereichs benennen</translation>
    </message>
    <message>
        <source>Erase</source>
        <translation>Entfernen</translation>
    </message>
    <message>
        <source>Take label and note of this frame or range away</source>
        <translation>Bezeichnung und Notiz dieses Bildes oder Bereichs entfernen</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>Note something about this frame or range</source>
        <translation>Etwas zu diesem Bild oder Bereich notieren</translation>
    </message>
    <message>
        <source>Undo</source>
        <translation>Rückgängig</translation>
    </message>
    <message>
        <source>Take the last label or note back</source>
        <translation>Die letzte Bezeichnung oder Notiz zurücknehmen</translation>
    </message>
    <message>
        <source>Save</source>
        <translation>Speichern</translation>
    </message>
    <message>
        <source>Try again to save labels that could not be saved</source>
        <translation>Nicht gespeicherte Bezeichnungen erneut speichern</translation>
    </message>
    <message>
        <source>Still</source>
        <translation>Standbild</translation>
    </message>
    <message>
        <source>Save this image, bare and annotated</source>
        <translation>Dieses Bild speichern, mit und ohne Beschriftung</translation>
    </message>
    <message>
        <source>Export</source>
        <translation>Exportieren</translation>
    </message>
    <message>
        <source>Write a video, stills or a table</source>
        <translation>Video, Standbilder oder Tabelle schreiben</translation>
    </message>
    <message>
        <source>Other model</source>
        <translation>Anderes Modell</translation>
    </message>
    <message>
        <source>Run another model over it; again: stop it</source>
        <translation>Ein anderes Modell darüber laufen lassen; nochmals: anhalten</translation>
    </message>
    <message>
        <source>Full screen</source>
        <translation>Vollbild</translation>
    </message>
    <message>
        <source>Enter or leave full screen</source>
        <translation>Vollbild ein oder aus</translation>
    </message>
    <message>
        <source>Keys</source>
        <translation>Tasten</translation>
    </message>
    <message>
        <source>Show or hide this list</source>
        <translation>Diese Liste zeigen oder ausblenden</translation>
    </message>
    <message>
        <source>Close</source>
        <translation>Schließen</translation>
    </message>
    <message>
        <source>Close the window</source>
        <translation>Das Fenster schließen</translation>
    </message>
</context><context>
    <name>ReplayWindow</name>
    <message>
        <source>Not saved: {why}</source>
        <translation>Nicht gespeichert: {why}</translation>
    </message>
    <message>
        <source>Saved {file}</source>
        <translation>{file} gespeichert</translation>
    </message>
    <message>
        <source>Replay: {name}</source>
        <translation>Wiedergabe: {name}</translation>
    </message>
    <message>
        <source>Position</source>
        <translation>Position</translation>
    </message>
    <message>
        <source>As recorded</source>
        <translation>Wie aufgezeichnet</translation>
    </message>
    <message>
        <source>muted</source>
        <translation>stumm</translation>
    </message>
    <message>
        <source>playing</source>
        <translation>läuft</translation>
    </message>
    <message>
        <source>paused</source>
        <translation>angehalten</translation>
    </message>
    <message>
        <source>frame {position} of {count}</source>
        <translation>Bild {position} von {count}</translation>
    </message>
</context><context>
    <name>ReplayWords</name>
    <message>
        <source>Guidance</source>
        <translation>Hinweis</translation>
    </message>
    <message>
        <source>No image</source>
        <translation>Kein Bild</translation>
    </message>
    <message>
        <source>This frame cannot be read</source>
        <translation>Dieses Bild kann nicht gelesen werden</translation>
    </message>
    <message>
        <source>No guidance</source>
        <translation>Kein Hinweis</translation>
    </message>
    <message>
        <source>None was made for this frame</source>
        <translation>Für dieses Bild wurde keiner gegeben</translation>
    </message>
    <message>
        <source>This session was not closed; it is shown up to the last second that reached the disk.</source>
        <translation>Diese Aufzeichnung wurde nicht abgeschlossen; sie wird bis zur letzten Sekunde gezeigt, die auf dem Datenträger ist.</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Notiz</translation>
    </message>
    <message>
        <source>Something was lost while this session was recorded</source>
        <translation>Während dieser Aufzeichnung ging etwas verloren</translation>
    </message>
    <message>
        <source>No images</source>
        <translation>Keine Bilder</translation>
    </message>
    <message>
        <source>This session holds no images: there is nothing to show.</source>
        <translation>Diese Aufzeichnung enthält keine Bilder: Es gibt nichts zu zeigen.</translation>
    </message>
    <message>
        <source>Damaged</source>
        <translation>Beschädigt</translation>
    </message>
    <message>
        <source>The timeline cannot be read to its end</source>
        <translation>Die Zeitleiste kann nicht bis zum Ende gelesen werden</translation>
    </message>
    <message>
        <source>No sound</source>
        <translation>Kein Ton</translation>
    </message>
    <message>
        <source>This session was recorded without sound.</source>
        <translation>Diese Aufzeichnung hat keinen Ton.</translation>
    </message>
    <message>
        <source>The sound cannot be read to its end</source>
        <translation>Der Ton kann nicht bis zum Ende gelesen werden</translation>
    </message>
    <message>
        <source>No guidance was recorded with this session. R runs a model over it.</source>
        <translation>Mit dieser Aufzeichnung wurden keine Hinweise aufgezeichnet. R lässt ein Modell darüber laufen.</translation>
    </message>
    <message>
        <source>the class list has no plane of this name</source>
        <translation>die Klassenliste kennt keine Ebene dieses Namens</translation>
    </message>
    <message>
        <source>it lies outside this recording</source>
        <translation>liegt außerhalb dieser Aufzeichnung</translation>
    </message>
    <message>
        <source>the start must be a number before the end</source>
        <translation>der Anfang muss eine Zahl vor dem Ende sein</translation>
    </message>
    <message>
        <source>another line names a plane of the same moment</source>
        <translation>eine andere Zeile nennt eine Ebene desselben Augenblicks</translation>
    </message>
    <message>
        <source>{file} line {line}: {reason} (got: {got})</source>
        <translation>{file} Zeile {line}: {reason} (gelesen: {got})</translation>
    </message>
    <message>
        <source>The label table cannot be used, and nothing can be saved to it</source>
        <translation>Die Tabelle der Bezeichnungen ist nicht verwendbar; nichts kann in ihr gespeichert werden</translation>
    </message>
    <message>
        <source>Labels</source>
        <translation>Bezeichnungen</translation>
    </message>
    <message>
        <source>Your last change is not saved yet. Ctrl+S tries again; it is kept while this window is open.</source>
        <translation>Ihre letzte Änderung ist noch nicht gespeichert. Strg+S versucht es erneut; sie bleibt erhalten, solange dieses Fenster offen ist.</translation>
    </message>
    <message>
        <source>Not saved</source>
        <translation>Nicht gespeichert</translation>
    </message>
    <message>
        <source>and {count} more</source>
        <translation>und {count} weitere</translation>
    </message>
    <message>
        <source>They stay in the file as they are.</source>
        <translation>Sie bleiben in der Datei, wie sie sind.</translation>
    </message>
    <message>
        <source>Other model</source>
        <translation>Anderes Modell</translation>
    </message>
    <message>
        <source>{share} % of the timeline is read; the rest follows.</source>
        <translation>{share} % der Zeitleiste sind gelesen; der Rest folgt.</translation>
    </message>
    <message>
        <source>Reading</source>
        <translation>Lesen</translation>
    </message>
    <message>
        <source>Label</source>
        <translation>Bezeichnung</translation>
    </message>
    <message>
        <source>Truth</source>
        <translation>Wahrheit</translation>
    </message>
    <message>
        <source>Said</source>
        <translation>Gesagt</translation>
    </message>
    <message>
        <source>Image</source>
        <translation>Bild</translation>
    </message>
    <message>
        <source>Cannot open</source>
        <translation>Kann nicht geöffnet werden</translation>
    </message>
</context><context>
    <name>Start</name>
    <message>
        <source>20-week screening scan (after NHS FASP)</source>
        <translation>Screening in der 20. Woche (nach NHS FASP)</translation>
    </message>
    <message>
        <source>{size}, {fps} fps, {name}</source>
        <translation>{size}, {fps} B/s, {name}</translation>
    </message>
    <message>
        <source>opening...</source>
        <translation>wird geöffnet ...</translation>
    </message>
    <message>
        <source>no preview</source>
        <translation>keine Vorschau</translation>
    </message>
    <message>
        <source>Name a file, a session's folder or an address below the pictures.</source>
        <translation>Nennen Sie unter den Bildern eine Datei, den Ordner einer Aufzeichnung oder eine Adresse.</translation>
    </message>
    <message>
        <source>There is no file '{name}'.</source>
        <translation>Es gibt keine Datei „{name}“.</translation>
    </message>
    <message>
        <source>Fol&amp;der...</source>
        <translation>Or&amp;dner ...</translation>
    </message>
    <message>
        <source>&amp;Model</source>
        <translation>&amp;Modell</translation>
    </message>
    <message>
        <source>Chec&amp;klist</source>
        <translation>Chec&amp;kliste</translation>
    </message>
    <message>
        <source>Gaze &amp;heatmap</source>
        <translation>&amp;Blickkarte</translation>
    </message>
    <message>
        <source>Su&amp;bject (pseudonym)</source>
        <translation>&amp;Person (Pseudonym)</translation>
    </message>
    <message>
        <source>M&amp;icrophone</source>
        <translation>M&amp;ikrofon</translation>
    </message>
    <message>
        <source>&amp;Language</source>
        <translation>Sp&amp;rache</translation>
    </message>
    <message>
        <source>Choose the model's folder</source>
        <translation>Ordner des Modells wählen</translation>
    </message>
    <message>
        <source> (default)</source>
        <translation> (Standard)</translation>
    </message>
    <message>
        <source>Default (software scanner)</source>
        <translation>Standard (simuliertes Gerät)</translation>
    </message>
    <message>
        <source>None: only record</source>
        <translation>Keines: nur aufzeichnen</translation>
    </message>
    <message>
        <source>One item for each plane of the model</source>
        <translation>Ein Punkt je Ebene des Modells</translation>
    </message>
    <message>
        <source>Always</source>
        <translation>Immer</translation>
    </message>
    <message>
        <source>Only while the image is frozen</source>
        <translation>Nur im Standbild</translation>
    </message>
    <message>
        <source>Off</source>
        <translation>Aus</translation>
    </message>
    <message>
        <source>None</source>
        <translation>Keines</translation>
    </message>
    <message>
        <source>As the system has it</source>
        <translation>Wie im System</translation>
    </message>
    <message>
        <source>never a name</source>
        <translation>niemals ein Name</translation>
    </message>
    <message>
        <source>&amp;Record into the folder {folder}</source>
        <translation>In den Ordner {folder} auf&amp;zeichnen</translation>
    </message>
    <message>
        <source>E&amp;verybody in the room agreed to be recorded</source>
        <translation>&amp;Alle im Raum sind mit der Aufnahme einverstanden</translation>
    </message>
    <message>
        <source>The model's folder</source>
        <translation>Ordner des Modells</translation>
    </message>
    <message>
        <source>&amp;File...</source>
        <translation>Da&amp;tei ...</translation>
    </message>
    <message>
        <source>L&amp;ook again</source>
        <translation>&amp;Neu suchen</translation>
    </message>
    <message>
        <source>&amp;Start</source>
        <translation>&amp;Starten</translation>
    </message>
    <message>
        <source>Sonocue: start</source>
        <translation>Sonocue: Start</translation>
    </message>
    <message>
        <source>Opening the source and loading the model...</source>
        <translation>Die Bildquelle wird geöffnet, das Modell geladen ...</translation>
    </message>
    <message>
        <source>Looking for cameras and microphones...</source>
        <translation>Kameras und Mikrofone werden gesucht ...</translation>
    </message>
    <message>
        <source>Arrow keys go from one source to the next.</source>
        <translation>Pfeiltasten führen von einer Bildquelle zur nächsten.</translation>
    </message>
    <message>
        <source>No camera or capture card was found. The software scanner needs none: Start shows it.</source>
        <translation>Keine Kamera oder Grabberkarte gefunden. Das simulierte Gerät braucht keine: „Starten“ zeigt es.</translation>
    </message>
    <message>
        <source>None yet</source>
        <translation>Noch keine</translation>
    </message>
    <message>
        <source>A video, DICOM cine or tracked sequence</source>
        <translation>Video, DICOM-Clip oder getrackte Sequenz</translation>
    </message>
    <message>
        <source>The microphone hears everybody in the room: tick that all agreed, or choose none.</source>
        <translation>Das Mikrofon hört alle im Raum: Bestätigen Sie das Einverständnis aller, oder wählen Sie keines.</translation>
    </message>
    <message>
        <source>Images from</source>
        <translation>Bilder von</translation>
    </message>
    <message>
        <source>File, session or &amp;address</source>
        <translation>Datei, Aufzeichnung oder Adr&amp;esse</translation>
    </message>
    <message>
        <source>scan.mp4, or rtsp://...</source>
        <translation>scan.mp4 oder rtsp://...</translation>
    </message>
    <message>
        <source>Last sessions: &amp;watch again</source>
        <translation>&amp;Letzte Aufzeichnungen: noch einmal ansehen</translation>
    </message>
    <message>
        <source>Last sessions</source>
        <translation>Letzte Aufzeichnungen</translation>
    </message>
    <message>
        <source>Settings</source>
        <translation>Einstellungen</translation>
    </message>
    <message>
        <source>This source can be heard, or hears everybody in the room: tick below that all of them agreed.</source>
        <translation>Diese Bildquelle nimmt auch Ton auf: Bestätigen Sie unten das Einverständnis aller im Raum.</translation>
    </message>
    <message>
        <source>The pseudonym may hold letters, digits, dots, hyphens and underscores only.</source>
        <translation>Das Pseudonym darf nur Buchstaben, Ziffern, Punkte, Binde- und Unterstriche enthalten.</translation>
    </message>
    <message>
        <source>Software scanner</source>
        <translation>Simuliertes Gerät</translation>
    </message>
    <message>
        <source>a made-up fetus, with narration</source>
        <translation>ein erfundener Fetus, mit gesprochenem Kommentar</translation>
    </message>
    <message>
        <source>Scanner, steered</source>
        <translation>Gerät, selbst geführt</translation>
    </message>
    <message>
        <source>you move the probe: mouse, keys</source>
        <translation>Sie führen den Schallkopf: Maus, Tasten</translation>
    </message>
    <message>
        <source>This screen</source>
        <translation>Dieser Bildschirm</translation>
    </message>
    <message>
        <source>another program's images</source>
        <translation>Bilder eines anderen Programms</translation>
    </message>
    <message>
        <source>Camera</source>
        <translation>Kamera</translation>
    </message>
    <message>
        <source>File or stream</source>
        <translation>Datei oder Datenstrom</translation>
    </message>
    <message>
        <source>named below</source>
        <translation>unten genannt</translation>
    </message>
    <message>
        <source>d MMM yyyy, hh:mm</source>
        <translation>d. MMM yyyy, hh:mm</translation>
    </message>
    <message>
        <source>{count} images</source>
        <translation>{count} Bilder</translation>
    </message>
    <message>
        <source>not complete</source>
        <translation>unvollständig</translation>
    </message>
    <message>
        <source>The run has ended; nothing was recorded.</source>
        <translation>Beendet; es wurde nichts aufgezeichnet.</translation>
    </message>
    <message>
        <source>Recorded: {session}, {count} images, {lost} lost.</source>
        <translation>Aufgezeichnet: {session}, {count} Bilder, {lost} verloren.</translation>
    </message>
    <message>
        <source>{said} What went wrong: {faults}</source>
        <translation>{said} Was nicht geklappt hat: {faults}</translation>
    </message>
</context><context>
    <name>TimelineView</name>
    <message>
        <source>Timeline</source>
        <translation>Zeitleiste</translation>
    </message>
    <message>
        <source>not sure</source>
        <translation>nicht sicher</translation>
    </message>
    <message>
        <source>Planes</source>
        <translation>Ebenen</translation>
    </message>
    <message>
        <source>Labels</source>
        <translation>Bezeichnungen</translation>
    </message>
    <message>
        <source>Speech</source>
        <translation>Sprache</translation>
    </message>
    <message>
        <source>Gaze</source>
        <translation>Blick</translation>
    </message>
    <message>
        <source>Events</source>
        <translation>Ereignisse</translation>
    </message>
    <message>
        <source>Other</source>
        <translation>Andere</translation>
    </message>
</context><context>
    <name>Training</name>
    <message>
        <source>Marker for the eye tracker's camera</source>
        <translation>Marke für die Kamera des Eyetrackers</translation>
    </message>
</context><context>
    <name>Words</name>
    <message>
        <source>Ended</source>
        <translation>Beendet</translation>
    </message>
    <message>
        <source>Waiting for video</source>
        <translation>Warten auf Bild</translation>
    </message>
    <message>
        <source>Guidance</source>
        <translation>Hinweise</translation>
    </message>
    <message>
        <source>Confidence too low to name a plane</source>
        <translation>Konfidenz zu gering, um eine Ebene zu nennen</translation>
    </message>
    <message>
        <source>The model gave no usable number</source>
        <translation>Das Modell gab keine brauchbare Zahl</translation>
    </message>
    <message>
        <source>Unlike the images the model learned from</source>
        <translation>Anders als die Bilder, aus denen das Modell lernte</translation>
    </message>
    <message>
        <source>The image moves too fast</source>
        <translation>Das Bild bewegt sich zu schnell</translation>
    </message>
    <message>
        <source>Two images</source>
        <translation>Zwei Bilder</translation>
    </message>
    <message>
        <source>Colour Doppler</source>
        <translation>Farbdoppler</translation>
    </message>
    <message>
        <source>PW or M-mode</source>
        <translation>PW- oder M-Mode</translation>
    </message>
    <message>
        <source>3D/4D</source>
        <translation>3D/4D</translation>
    </message>
    <message>
        <source>Stored image</source>
        <translation>Gespeichertes Bild</translation>
    </message>
    <message>
        <source>Menu</source>
        <translation>Menü</translation>
    </message>
    <message>
        <source>No ultrasound image</source>
        <translation>Kein Ultraschallbild</translation>
    </message>
    <message>
        <source>Research use only - not for diagnosis</source>
        <translation>Nur für Forschung - nicht zur Diagnose</translation>
    </message>
    <message>
        <source>No image has come yet</source>
        <translation>Es ist noch kein Bild gekommen</translation>
    </message>
    <message>
        <source>The model says nothing about this image yet</source>
        <translation>Das Modell sagt zu diesem Bild noch nichts</translation>
    </message>
    <message>
        <source>No model is loaded</source>
        <translation>Es ist kein Modell geladen</translation>
    </message>
    <message>
        <source>No guidance</source>
        <translation>Keine Hinweise</translation>
    </message>
    <message>
        <source>No standard plane</source>
        <translation>Keine Standardebene</translation>
    </message>
    <message>
        <source>Not on the checklist</source>
        <translation>Nicht auf der Checkliste</translation>
    </message>
    <message>
        <source>Standard plane</source>
        <translation>Standardebene</translation>
    </message>
    <message>
        <source>Model abstains</source>
        <translation>Modell enthält sich</translation>
    </message>
    <message>
        <source>It knows single live B-mode images only</source>
        <translation>Es kennt nur einzelne laufende B-Bilder</translation>
    </message>
    <message>
        <source>No reason given</source>
        <translation>Ohne Angabe von Gründen</translation>
    </message>
    <message>
        <source>Not sure</source>
        <translation>Nicht sicher</translation>
    </message>
    <message>
        <source>Fault</source>
        <translation>Störung</translation>
    </message>
    <message>
        <source>Note</source>
        <translation>Hinweis</translation>
    </message>
    <message>
        <source>and {count} more</source>
        <translation>und {count} weitere</translation>
    </message>
    <message>
        <source>What went wrong stands above. The last image stays; Q closes the window.</source>
        <translation>Was nicht geklappt hat, steht oben. Das letzte Bild bleibt stehen; Q schließt das Fenster.</translation>
    </message>
    <message>
        <source>The source is at its end, or was stopped. The last image stays; Q closes the window.</source>
        <translation>Die Bildquelle ist zu Ende oder wurde angehalten. Das letzte Bild bleibt stehen; Q schließt das Fenster.</translation>
    </message>
    <message>
        <source>Closing the recording properly. The window closes by itself.</source>
        <translation>Die Aufzeichnung wird abgeschlossen. Das Fenster schließt sich von selbst.</translation>
    </message>
    <message>
        <source>Stopping</source>
        <translation>Wird beendet</translation>
    </message>
    <message>
        <source>The disk is nearly full: {time} of recording still fit.</source>
        <translation>Die Festplatte ist fast voll: Platz für {time} Aufzeichnung.</translation>
    </message>
    <message>
        <source>Image frozen: guidance is about this image; its time is not counted.</source>
        <translation>Bild eingefroren: Der Hinweis gilt diesem Bild; seine Zeit zählt nicht.</translation>
    </message>
    <message>
        <source>Frozen</source>
        <translation>Eingefroren</translation>
    </message>
    <message>
        <source>{count} days</source>
        <translation>{count} Tage</translation>
    </message>
</context></TS>
