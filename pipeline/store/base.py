"""What all tables have in common: column types by annotation, keys, names of constraints."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Annotated, Any, ClassVar

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    MetaData,
    column,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from pipeline.store.types import FiniteFloat, JsonValue, PlainText, UtcDateTime

__all__ = [
    "AlertKey",
    "AnomalyKey",
    "Base",
    "CameraKey",
    "FootageKey",
    "HasPlace",
    "Key",
    "ModelKey",
    "SegmentKey",
    "one_of",
    "partial_index",
]


class Base(DeclarativeBase):
    """Every table; constraints get names, so that later migrations can speak of them."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map: ClassVar[dict[Any, Any]] = {
        str: PlainText,
        int: BigInteger,
        float: FiniteFloat,
        bool: Boolean,
        datetime: UtcDateTime,
        dict[str, Any]: JsonValue,
        list[Any]: JsonValue,
    }


Key = Annotated[str, mapped_column(PlainText, primary_key=True)]
CameraKey = Annotated[str, mapped_column(PlainText, ForeignKey("cameras.name"))]
FootageKey = Annotated[str, mapped_column(PlainText, ForeignKey("footage.footage_id"))]
SegmentKey = Annotated[str, mapped_column(PlainText, ForeignKey("segments.segment_id"))]
ModelKey = Annotated[str, mapped_column(PlainText, ForeignKey("models.model_id"))]
AnomalyKey = Annotated[str, mapped_column(PlainText, ForeignKey("anomalies.anomaly_id"))]
AlertKey = Annotated[str, mapped_column(PlainText, ForeignKey("alerts.alert_id"))]


def one_of(name: str, values: Iterable[str]) -> CheckConstraint:
    """Return the constraint that a column holds one of `values`, or NULL where it may."""
    return CheckConstraint(column(name).in_([str(value) for value in values]), name=name)


def partial_index(
    name: str, *columns: str, where: ColumnElement[bool], unique: bool = False
) -> Index:
    """Return the index of the rows of which a condition holds, on both databases."""
    return Index(name, *columns, unique=unique, sqlite_where=where, postgresql_where=where)


class HasPlace:
    """Where in the picture, as shares of its width and height."""

    place_x: Mapped[float]
    place_y: Mapped[float]
    place_width: Mapped[float]
    place_height: Mapped[float]
