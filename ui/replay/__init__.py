"""The replay window: looks at a recorded session. All that it does is done by ``assistant/replay``."""
