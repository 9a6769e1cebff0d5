"""Devices that play sound, for the replay: one file each."""
