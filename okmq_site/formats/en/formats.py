"""What differs from Django's English: times that can be put in order at a glance, with their zone."""

DATETIME_FORMAT = "Y-m-d H:i:s e"
