"""The app whose task handlers are measured."""
