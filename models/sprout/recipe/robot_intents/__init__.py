"""Generates the example data: orders to a home robot, answered with a JSON intent."""
