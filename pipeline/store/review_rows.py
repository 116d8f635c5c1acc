"""The tables of verdicts on alerts."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import ForeignKey, Index
from sqlalchemy.orm import Mapped, mapped_column

from pipeline.store.base import AlertKey, Base, Key, one_of

__all__ = ["REVIEW_VERDICTS", "ReviewRow", "WithdrawnReviewRow"]

REVIEW_VERDICTS = ("anomaly", "known_harmless", "false_alarm")


class ReviewRow(Base):
    """`pipeline.store.contract.Review`."""

    __tablename__ = "reviews"
    __table_args__ = (one_of("verdict", REVIEW_VERDICTS), Index(None, "alert_id", "at_utc"))

    review_id: Mapped[Key]
    alert_id: Mapped[AlertKey]
    verdict: Mapped[str]
    reviewer: Mapped[str]
    note: Mapped[str]
    at_utc: Mapped[datetime]


class WithdrawnReviewRow(Base):
    """A verdict that was taken back: it stays, and no longer counts."""

    __tablename__ = "withdrawn_reviews"

    review_id: Mapped[str] = mapped_column(ForeignKey("reviews.review_id"), primary_key=True)
    who: Mapped[str]
    at_utc: Mapped[datetime]
