"""The Forq dialect: produce, consume, ack, nack. Contract: forq.md; how it maps: docs/dialects.md."""
