"""A model over an archive of recordings: ``sonocue model run MODEL FILES... --out FILE``."""
