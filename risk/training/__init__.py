"""Trainings: every kind of model on the same earlier rows, judged on the same later ones."""

from .making import Options
from .running import run

__all__ = ["Options", "run"]
