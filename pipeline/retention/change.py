"""Change: what is said of a camera's retention is set, with a trace of who did it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from pipeline.assembly import Site
from pipeline.errors import SettingsError
from pipeline.retention.policy import RetentionPolicy, check_policy

__all__ = ["set_retention"]


def set_retention(
    site: Site, camera_name: str, changes: dict[str, Any], *, who: str
) -> RetentionPolicy:
    """Set the fields of a policy that `changes` names; None sets one back to its default. Raises
    SettingsError for what cannot be."""
    if not changes:
        raise SettingsError(
            f"camera {camera_name}: nothing to change; see kizashi retention set --help"
        )
    camera = site.store.camera(camera_name)
    policy = replace(site.store.retention_policy(camera_name), **changes)
    site.store.put_retention_policy(check_policy(policy, camera), who, site.clock.now_utc())
    return policy
