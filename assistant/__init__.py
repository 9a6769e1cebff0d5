"""The live engine, and the contracts that every room speaks: read ``contracts.py`` first, ``pipeline.py`` second."""

from assistant import telemetry

telemetry.switch_off()
