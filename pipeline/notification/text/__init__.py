"""The words of the notifications, one JSON catalogue a language."""
