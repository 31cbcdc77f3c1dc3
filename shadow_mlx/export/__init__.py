"""Detached models as plain folders, adapters in other formats, and what goes to the hub."""
