"""Settings of one site: `kizashi.toml` in its folder, overridden by KIZASHI_* in the
environment."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_core import ErrorDetails
from pydantic_settings import BaseSettings, SettingsConfigDict
from pydantic_settings import SettingsError as EnvironmentProblem

from pipeline.accounts.oidc_table import OidcTable
from pipeline.errors import SettingsError
from pipeline.notification.configuration import NotifyTable
from pipeline.notification.rules import DEFAULT_RULES, Rules
from pipeline.plain_words import in_words
from pipeline.recording.configuration import RecordTable
from pipeline.site_folder import check_site_folder

__all__ = ["SETTINGS_FILE", "Settings", "load_settings"]

SETTINGS_FILE = "kizashi.toml"


class Settings(BaseSettings):
    """Everything that is the same for all cameras of a site."""

    model_config = SettingsConfigDict(env_prefix="KIZASHI_", extra="forbid", frozen=True)

    database_url: SecretStr | None = None
    """SQLAlchemy URL; None means `kizashi.db` (SQLite) in the site folder. It may hold a password,
    so nothing prints it."""
    preset: str = Field(default="compact", pattern="^(compact|standard|full|paper)$")
    """Size of the models: compact (two CPU cores), standard, full (GPU), paper (as published)."""
    device: str = Field(default="auto", pattern="^(auto|cpu|cuda)$")
    """Where networks run; auto takes a GPU when there is one."""
    language: str = Field(default="en", pattern="^(en|ja)$")
    """Language of reports."""
    seed: int = Field(default=0, ge=0)
    """Seed of training."""
    learn_hours: float = Field(default=24.0, gt=0, le=8784)
    """Hours of footage that a model learns from, at most; of more, a part that is spread evenly
    over all of it."""
    folder_frame_rate: float = Field(default=10.0, gt=0, le=240)
    """Frames a second of footage that is a folder of pictures."""
    stall_seconds: float = Field(default=30.0, gt=0)
    """A decoder that gives nothing for this long is stopped."""
    stable_seconds: float = Field(default=2.0, ge=0)
    """A file that changed within this time is still being written, and waits."""
    lease_seconds: float = Field(default=120.0, ge=1, le=3600)
    """A worker that is not heard of for this long has lost its work to whoever takes it next."""
    task_runner: str = Field(default="threads", pattern="^(threads|processes|dask|ray)$")
    """Where the flows do the work of cameras: in threads of one process, in processes, or on a
    cluster."""
    cluster_address: str = Field(default="", pattern="^[^@]*$")
    """Where a scheduler of Dask is that runs already; empty: a cluster on this machine, for each
    run. It holds no password: Dask takes certificates from its own configuration."""
    cameras_at_once: int = Field(default=2, ge=1, le=256)
    """Threads or processes of a run, or of a cluster on this machine. Decoding is a child process
    and networks use all cores themselves: a second camera fills the pauses of the first, a third
    would only add its memory."""
    ingest_interval_seconds: int = Field(default=300, ge=10)
    """Schedule of the ingest-and-score flow."""
    most_behind_seconds: int = Field(default=86_400, ge=60)
    """Footage of a live camera (`[[record]]`) that waited longer than this to be scored is let go:
    it counts as blind, and newer footage has its turn."""
    report_interval_seconds: int = Field(default=86_400, ge=60)
    """Schedule of the report flow."""
    report_period: str = Field(default="day", pattern="^(day|week|month)$")
    """What the report flow reports on: the last day, week or month that is over."""
    train_interval_seconds: int = Field(default=604_800, ge=60)
    """Schedule of the training flow, which trains cameras that have no model yet."""
    retention_interval_seconds: int = Field(default=21_600, ge=60, le=86_400)
    """Schedule of the retention flow; what is over goes within a day of its date."""
    retrain_interval_seconds: int = Field(default=86_400, ge=60)
    """Schedule of the flow that checks for drift, and retrains where it is due."""
    retrain_days: float = Field(default=7.0, gt=0, le=366)
    """Days of footage that retraining learns from."""
    retrain_after_days: float = Field(default=7.0, gt=0, le=3660)
    """The flow retrains a camera whose newest model is this old, or which drifts seriously."""
    retrain_promotes: bool = False
    """Whether the flow makes a candidate that is not worse the active model."""
    record_file_seconds: float = Field(default=60.0, ge=5, le=3600)
    """Length of the files that `kizashi record` writes."""
    record_stall_seconds: float = Field(default=5.0, ge=2, le=120)
    """A live stream that gives no frame for this long is opened anew."""
    record_least_free_mib: int = Field(default=2048, ge=16)
    """Recording stops while less is free on the disk of a camera's folder, in MiB."""
    record: list[RecordTable] = []
    """The live streams of cameras. None: footage comes from elsewhere."""
    dashboard: dict[Literal["oidc"], OidcTable] = {}
    """Who else logs people in to the dashboard; none: accounts with passwords alone."""
    notify: list[NotifyTable] = []
    """Who is told of alerts, and when. None: every alert becomes a file in `deliveries/`."""

    @field_validator("notify")
    @classmethod
    def _names_are_unique(cls, tables: list[NotifyTable]) -> list[NotifyTable]:
        names = [table.rules().name for table in tables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two tables are called {', '.join(twice)}; give each a name")
        return tables

    @field_validator("record")
    @classmethod
    def _one_stream_a_camera(cls, tables: list[RecordTable]) -> list[RecordTable]:
        names = [table.camera for table in tables]
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise ValueError(f"two tables of camera {', '.join(twice)}; a camera has one stream")
        return tables

    def notify_rules(self) -> tuple[Rules, ...]:
        """Return the rules of every sink."""
        return tuple(table.rules() for table in self.notify) or (DEFAULT_RULES,)


def load_settings(folder: Path) -> Settings:
    """Return the settings of the site in `folder`; defaults where neither file nor environment
    says.

    Raises SettingsError naming the file and the setting that is wrong. Values are not repeated in
    the message: one of them may be a secret.
    """
    path = folder / SETTINGS_FILE
    values = _values_of(path)
    try:
        # The environment wins over the file, as operators expect of a container.
        environment = Settings()
        given = {name: getattr(environment, name) for name in environment.model_fields_set}
        return Settings(**{**values, **given})
    except ValidationError as error:
        problems = "; ".join(f"{_place(item['loc'])}: {_what(item)}" for item in error.errors())
        # `from None`: pydantic's own text repeats the value.
        raise SettingsError(
            f"{path} or KIZASHI_*: {problems}; correct it (docs/settings.md)"
        ) from None
    except EnvironmentProblem as error:
        raise SettingsError(f"KIZASHI_*: {error}; it must be JSON") from None


def _values_of(path: Path) -> dict[str, Any]:
    """Return what a file of settings says; nothing when there is none."""
    check_site_folder(path.parent)
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except OSError as error:
        raise SettingsError(
            f"{path} cannot be read ({error.strerror}); make it a file that this user may read"
        ) from error
    except UnicodeDecodeError as error:
        raise SettingsError(
            f"{path} is not UTF-8 (byte {error.start + 1}); save it as UTF-8"
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise SettingsError(f"{path}: not TOML ({error}); correct it") from error


def _place(location: tuple[int | str, ...]) -> str:
    """Return where a setting stands: preset, [[record]] 1: url, or [[notify]] 2 (email): to."""
    if location[0] == "record" and len(location) > 1:
        rest = ".".join(str(part) for part in location[2:])
        return f"[[record]] {int(location[1]) + 1}" + (f": {rest}" if rest else "")
    if location[0] != "notify" or len(location) < 2:
        return ".".join(str(part) for part in location)
    kind = f" ({location[2]})" if len(location) > 2 else ""
    rest = ".".join(str(part) for part in location[3:])
    return f"[[notify]] {int(location[1]) + 1}{kind}" + (f": {rest}" if rest else "")


def _what(error: ErrorDetails) -> str:
    if error["type"].startswith("union_tag"):
        return "kind must be file, webhook, email, mqtt or prefect"
    return in_words(error)
