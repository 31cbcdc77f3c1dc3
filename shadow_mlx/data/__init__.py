"""Training data: records (read, validate), tokens (template, loss mask), batches (length buckets).

The modules in the order of the data's way. Reading: ``problems``, ``strict_json``, ``messages``,
``schema``, ``lines``, ``sources``, ``records``. Encoding: ``dataset``, ``rendering``,
``template``, ``tokenizing``, ``markers``, ``tokens``. Batching: ``buckets``, ``batches``.
"""
