"""The windows. They pull snapshots of a run, own no logic, and cannot slow the engine. All on Qt's main thread."""
