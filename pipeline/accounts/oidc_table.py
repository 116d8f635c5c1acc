"""The table `[dashboard.oidc]` of kizashi.toml: who logs people in, what their groups may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from pipeline.accounts.accounts import ALL_CAMERAS, Role
from pipeline.named_secret import at_most_one, refuse_written
from pipeline.urls import check_https_url

__all__ = ["Grant", "OidcGroup", "OidcTable"]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OidcGroup(_Table):
    """What the people of one group of the provider may do."""

    name: str = Field(min_length=1, max_length=500)
    role: Role = Role.VIEWER
    cameras: tuple[str, ...] = Field(min_length=1)
    """Names of cameras, or `*` for all of them."""


class Grant(_Table):
    """What somebody may do, by all groups together."""

    role: Role
    cameras: tuple[str, ...]


class OidcTable(_Table):
    """A provider of OpenID Connect, and what it is trusted with. Who is in no group of the list
    gets in by no way."""

    issuer: str
    """As it stands in its tokens; its configuration lies below it."""
    client_id: str = Field(min_length=1)
    client_secret_env: str | None = None
    client_secret_file: Path | None = None
    """Neither: a public client, which PKCE alone protects."""
    groups_claim: str = Field(default="groups", min_length=1)
    """The claim with the names of somebody's groups; one inside another: realm_access.roles."""
    groups: tuple[OidcGroup, ...] = Field(min_length=1)
    """The first that somebody is in gives the role."""
    allowed_domains: tuple[str, ...] = ()
    """Domains of verified e-mail addresses; none: groups alone decide."""
    scopes: tuple[str, ...] = ("openid", "email", "profile")
    ca_file: Path | None = None
    """Certificates to trust instead of those of the system."""
    timeout_seconds: float = Field(default=10.0, gt=0, le=60)

    @model_validator(mode="before")
    @classmethod
    def _no_plain_secret(cls, values: Any) -> Any:
        refuse_written(values, "client_secret")
        return values

    @field_validator("issuer")
    @classmethod
    def _issuer_is_safe(cls, issuer: str) -> str:
        check_https_url(issuer)
        return issuer

    @field_validator("scopes")
    @classmethod
    def _scopes_ask_for_an_identity(cls, scopes: tuple[str, ...]) -> tuple[str, ...]:
        if "openid" not in scopes:
            raise ValueError("openid must be among them")
        return scopes

    @model_validator(mode="after")
    def _one_secret(self) -> OidcTable:
        at_most_one(self, "client_secret")
        return self

    def grant(self, groups: tuple[str, ...]) -> Grant | None:
        """Return what people of these groups may do; None for those of no group of the list.

        The first group of the list gives the role; cameras come from it and from every other group
        whose role is as high, so that no camera is seen with more rights than its group gives.
        """
        theirs = [group for group in self.groups if group.name in groups]
        if not theirs:
            return None
        role = theirs[0].role
        cameras = [
            camera for group in theirs if group.role.includes(role) for camera in group.cameras
        ]
        everything = ALL_CAMERAS in cameras
        return Grant(
            role=role, cameras=(ALL_CAMERAS,) if everything else tuple(dict.fromkeys(cameras))
        )
