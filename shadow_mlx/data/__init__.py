"""Training data: records (read, validate), tokens (template, loss mask), batches (length buckets).

The modules in the order of the data's way. Reading: ``problems``, ``notices``,
``strict_json``, ``findings``, ``content``, ``message_flags``, ``tools``, ``calls``, ``messages``,
``columns``, ``fields``, ``schema``, ``lines``, ``documents``, ``records``, ``prints``,
``checking``, ``sources``, ``splits``. Encoding: ``dataset``, ``chat``, ``tokenizing``,
``tokens``. Batching: ``buckets``, ``batches``.
"""
