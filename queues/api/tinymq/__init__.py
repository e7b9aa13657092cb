"""The TinyMQ API (tinymq.md): publish, consume, ack and requeue, with topics that come into being by their
use."""
