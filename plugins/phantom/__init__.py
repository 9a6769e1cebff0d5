"""The software scanner: a parametric fetus, B-mode, narration and gaze with their truth; read ``scan.py`` first."""
