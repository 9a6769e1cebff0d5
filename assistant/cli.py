"""The command ``sonocue``."""
