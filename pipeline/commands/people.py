"""kizashi user, dashboard: who may look, and where."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from pipeline.accounts.accounts import ALL_CAMERAS, Role
from pipeline.commands.examples import texts_of
from pipeline.commands.output import Format, in_utc, print_line, print_rows
from pipeline.commands.shell import opened_site, user_name
from pipeline.errors import SettingsError

__all__ = ["dashboard", "users_app"]

users_app = typer.Typer(no_args_is_help=True, help="Accounts of the dashboard.")

Name = Annotated[str, typer.Argument(help="Name to log in with.", metavar="USER")]
Cameras = Annotated[
    list[str] | None, typer.Option(help="Camera that may be seen; repeatable; '*' for all.")
]


def _password(again: bool = True) -> str:
    """Return a password: asked for twice on a terminal, else the first line of standard input."""
    if sys.stdin.isatty():
        return str(typer.prompt("password", hide_input=True, confirmation_prompt=again))
    given = sys.stdin.readline().rstrip("\r\n")
    if not given:
        raise SettingsError("no password; type it on a terminal, or give it on standard input")
    return given


@users_app.command("add", **texts_of("user add"))
def add(
    context: typer.Context,
    name: Name,
    role: Annotated[Role, typer.Option(help="viewer, reviewer or admin.")] = Role.VIEWER,
    camera: Cameras = None,
) -> None:
    """Make an account; the password is asked for, or read from standard input.

    A viewer looks, a reviewer gives verdicts, an admin changes settings of cameras and promotes
    models. An account sees the cameras that --camera names; an admin all of them unless told.
    """
    from pipeline.accounts.login import add_user

    if not camera and role is not Role.ADMIN:
        raise SettingsError(f"user {name}: give --camera for what may be seen, or --camera '*'")
    with opened_site(context) as site:
        cameras = tuple(camera or (ALL_CAMERAS,))
        add_user(site, name, role=role, cameras=cameras, password=_password(), who=user_name())
    print_line(f"user {name} may log in as {role.value}")


@users_app.command("list", **texts_of("user list"))
def list_users(
    context: typer.Context,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List the accounts.

    With role, cameras, and whether the account is open; never anything of a password.
    """
    with opened_site(context) as site:
        rows = [
            (
                user.name,
                user.role.value,
                " ".join(user.cameras),
                "off" if user.disabled else "on",
                in_utc(user.created_utc),
            )
            for user in site.store.users()
        ]
    print_rows(("user", "role", "cameras", "account", "created_utc"), rows, format)


@users_app.command("set", **texts_of("user set"))
def set_user(
    context: typer.Context,
    name: Name,
    role: Annotated[Role | None, typer.Option(help="viewer, reviewer or admin.")] = None,
    camera: Cameras = None,
    password: Annotated[bool, typer.Option("--password", help="Ask for a new one.")] = False,
    off: Annotated[
        bool | None, typer.Option("--off/--on", help="Whether the account is closed.")
    ] = None,
) -> None:
    """Change an account; whoever is logged in with it is logged out.

    Only what is given changes. A lock after wrong passwords ends too. --off closes an account and
    keeps it, with everything that it said; --on opens it again.
    """
    from pipeline.accounts.login import change_user

    if not (role or camera or password or off is not None):
        raise SettingsError(
            f"user {name}: nothing to change; give an option (--on alone ends a lock and logs out):"
            " see kizashi user set --help"
        )
    with opened_site(context) as site:
        change_user(
            site,
            name,
            who=user_name(),
            role=role,
            cameras=tuple(camera) if camera else None,
            password=_password() if password else None,
            disabled=off,
        )
    print_line(f"user {name} is changed, and logged out everywhere")


@users_app.command("remove", **texts_of("user remove"))
def remove(context: typer.Context, name: Name) -> None:
    """Remove an account; verdicts that were given with it stay.

    The name stands in verdicts and in the audit log for good. To keep somebody out for a time,
    close the account: kizashi user set USER --off.
    """
    with opened_site(context) as site:
        if not site.store.remove_user(name):
            raise SettingsError(f"no user {name}; list them with: kizashi user list")
        site.store.audit(user_name(), "user remove", name, {})
    print_line(f"user {name} is removed")


def dashboard(
    context: typer.Context,
    host: Annotated[str, typer.Option(help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Port.")] = 8400,
    name: Annotated[
        list[str] | None, typer.Option(help="Host name that browsers use; repeatable.")
    ] = None,
    without_login: Annotated[
        bool, typer.Option("--without-login", help="Whoever is on this machine is administrator.")
    ] = False,
    behind_proxy: Annotated[
        bool, typer.Option("--behind-proxy", help="A proxy on this machine does TLS.")
    ] = False,
    certificate: Annotated[Path | None, typer.Option(help="Certificate chain, PEM.")] = None,
    key: Annotated[Path | None, typer.Option(help="Key of the certificate, PEM.")] = None,
) -> None:
    """Serve the dashboard of this site, until stopped.

    It listens on this machine alone unless told otherwise, and to others only through TLS: its
    own, or that of a proxy on this machine. docs/dashboard.md tells how.
    """
    from dashboards.serving import Place, serve_dashboard

    place = Place(
        host=host,
        port=port,
        names=tuple(name or ()),
        without_login=without_login,
        behind_proxy=behind_proxy,
        certificate=certificate,
        key=key,
    )
    with opened_site(context) as site:
        serve_dashboard(site, place, print_line)
