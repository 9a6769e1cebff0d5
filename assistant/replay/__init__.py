"""Looking at recorded sessions: what the replay window shows and does, without any window."""
