"""Model versions as their pages and cards read them: figures, plots, verdicts and words."""
