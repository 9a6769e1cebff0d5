"""Guidance over another program's window: click-through, on top, never filmed."""
