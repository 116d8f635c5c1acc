"""kizashi model: the registry of models."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipeline.commands.output import Format, in_utc, print_line, print_rows
from pipeline.commands.shell import chosen_cameras, opened_site, user_name

__all__ = ["models_app"]

models_app = typer.Typer(no_args_is_help=True, help="List models, show one, choose another.")

Model = Annotated[str, typer.Argument(help="Model, or the first 6 characters or more of it.")]


@models_app.command("list")
def list_models(
    context: typer.Context,
    cameras: Annotated[list[str] | None, typer.Argument(metavar="[CAMERA]...")] = None,
    format: Format = Format.TABLE,
) -> None:
    """List the models of cameras, oldest first."""
    with opened_site(context) as site:
        rows = [
            (model.model_id[:12], name, model.state.value, model.preset, in_utc(model.created_utc))
            for name in chosen_cameras(site, cameras)
            for model in site.store.models(name)
        ]
    print_rows(("model", "camera", "state", "preset", "created_utc"), rows, format)


@models_app.command("show")
def show(context: typer.Context, model: Model) -> None:
    """Show what is known of one model: configuration, footage it learnt from, calibration."""
    from pipeline.learning.promotion import find_model

    with opened_site(context) as site:
        record = find_model(site, model)
    shown = {
        "model": record.model_id,
        "camera": record.camera,
        "state": record.state.value,
        "digest": record.digest,
        "created_utc": in_utc(record.created_utc),
        "calibration": dict(record.calibration),
        "manifest": dict(record.manifest),
    }
    for line in json.dumps(shown, indent=2, ensure_ascii=False, default=str).splitlines():
        print_line(line)


@models_app.command("promote")
def promote(context: typer.Context, model: Model) -> None:
    """Make a model the active one of its camera, after checking its files."""
    from pipeline.learning.promotion import promote_model

    with opened_site(context) as site:
        record = promote_model(site, model, who=user_name())
    print_line(f"model {record.model_id[:12]} is active for camera {record.camera}")
