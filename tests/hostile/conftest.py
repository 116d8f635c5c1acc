"""Stores of these tests begin as copies."""

from tests.quick_stores import quick_stores

__all__ = ["quick_stores"]
