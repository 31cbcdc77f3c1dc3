"""Text from a model: prompts, decoding with mlx-lm's engine, and running conversations."""
