"""One backbone and its adapters behind OpenAI's API: requests, a model thread, replies."""
