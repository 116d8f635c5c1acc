"""The words of the dashboard, one JSON catalogue a language."""
