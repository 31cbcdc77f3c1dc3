"""How sprout was made: its text, its tokenizer, its pretraining and its example data."""
