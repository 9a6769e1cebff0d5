"""Inference engines: one file = one adapter to one engine; the file's name is the name in the config."""
