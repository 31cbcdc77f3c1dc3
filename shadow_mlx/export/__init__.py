"""Detached models as plain folders, adapters in other programs' formats, and what goes to the hub."""
