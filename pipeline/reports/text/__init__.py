"""The words of the reports, one JSON catalogue a language."""
