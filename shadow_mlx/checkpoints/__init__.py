"""What is written to disk and read back: adapters, in PEFT's format and the original package's."""
