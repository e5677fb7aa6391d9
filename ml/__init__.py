"""Learning without the web: data sets, training, calibration, evaluation, drift and artifacts."""
