"""Judgement in the admin: all of it for reading; rules and models are worked on in the console."""

from . import judgement, learning

__all__ = ["judgement", "learning"]
