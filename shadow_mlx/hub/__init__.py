"""Models and data sets by name: a folder here, or an id of the Hugging Face hub and its cache."""
