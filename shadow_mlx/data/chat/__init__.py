"""Conversations to texts: the tokenizer's own chat template, run within bounds."""
