"""Devices that deliver images, sound or gaze: one file = one adapter; the file's name is the source's name."""
