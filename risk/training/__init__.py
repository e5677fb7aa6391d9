"""Trainings: every kind of model on the same earlier rows, judged on the same later ones."""

from .making import Options
from .running import ABANDONED_AFTER, MAX_ATTEMPTS, resume_abandoned, run

__all__ = ["ABANDONED_AFTER", "MAX_ATTEMPTS", "Options", "resume_abandoned", "run"]
