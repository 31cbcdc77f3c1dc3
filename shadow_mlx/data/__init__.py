"""Training data: records (read, validate), tokens (template, loss mask), batches (length buckets).

The modules, in the order of the data's way: ``problems``, ``schema``, ``lines``, ``sources``,
``records``, ``template``, ``tokens``, ``buckets``, ``batches``.
"""
