"""One file, one adapter to one outside thing; each is found by its entry point in pyproject.toml."""
