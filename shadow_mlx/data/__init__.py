"""Training data: records (read, validate), tokens (template, loss mask), batches (length buckets).

The modules in the order of the data's way. Reading: ``problems``, ``notices``,
``strict_json``, ``findings``, ``content``, ``message_flags``, ``tools``, ``calls``, ``messages``,
``columns``, ``fields``, ``schema``, ``lines``, ``documents``, ``records``, ``prints``,
``checking``, ``sources``, ``splits``. Encoding: ``dataset``, ``rendering``,
``template``, ``tokenizing``, ``markers``, ``tokens``. Batching: ``buckets``, ``batches``.
"""
