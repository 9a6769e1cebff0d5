"""The screens of a training session: the calibration check, the case library, the watch over the window."""
