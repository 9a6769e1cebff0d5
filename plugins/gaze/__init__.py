"""Eye trackers: one file = one adapter to one tracker; the file's name is the name in the config."""
