"""Training sessions of sonographers: who looked where, scores, report, history. No Qt, no torch."""
