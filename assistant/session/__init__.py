"""The recording format: writer, reader, replay, verification. ``README.md`` describes the files."""
