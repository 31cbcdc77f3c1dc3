"""Chat templates written after the habits of some forty families of models."""

from __future__ import annotations

from tests.data.families.calling import CALLING
from tests.data.families.channels import CHANNELS
from tests.data.families.family import Family
from tests.data.families.plain import PLAIN
from tests.data.families.thinking import THINKING

FAMILIES: tuple[Family, ...] = (*PLAIN, *CALLING, *THINKING, *CHANNELS)
BY_NAME = {family.name: family for family in FAMILIES}
