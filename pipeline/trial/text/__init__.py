"""The words of the trial's report, one JSON catalogue a language."""
