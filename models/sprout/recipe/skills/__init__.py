"""The small skills that sprout is pretrained on; importing this package fills ``SKILLS``."""

from __future__ import annotations

from . import facts, lists, numbers, records, talk
from .registry import SKILLS, Episode, Skill

__all__ = ["SKILLS", "Episode", "Skill", "facts", "lists", "numbers", "records", "talk"]
