"""kizashi model: the registry of models."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.examples import texts_of
from pipeline.commands.options import check_out_file
from pipeline.commands.output import Format, in_utc, print_line, print_rows, progress_lines
from pipeline.commands.shell import chosen_cameras, opened_site, user_name

__all__ = ["models_app"]

models_app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List models, show one, choose another; make a fast one.",
)

Model = Annotated[str, typer.Argument(help="Model, or the first 6 characters or more of it.")]


@models_app.command("list", **texts_of("model list"))
def list_models(
    context: typer.Context,
    cameras: Annotated[
        list[str] | None, typer.Argument(help="Cameras; none means all.", metavar="[CAMERA]...")
    ] = None,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """List the models of cameras, oldest first, with their state: candidate, active or retired.

    A camera has at most one active model, which kizashi score uses. `from` names the camera and
    the model whose networks its training started from. `files_removed_utc` says since when
    retention has removed the files of a model: it can be used no more.
    """
    with opened_site(context) as site:
        rows = [
            (
                model.model_id[:12],
                name,
                model.state.value,
                model.preset,
                in_utc(model.created_utc),
                f"{model.origin[0]} {model.origin[1][:12]}" if model.origin else None,
                in_utc(model.files_removed_utc) if model.files_removed_utc else None,
            )
            for name in chosen_cameras(site, cameras)
            for model in site.store.models(name)
        ]
    columns = ("model", "camera", "state", "preset", "created_utc", "from", "files_removed_utc")
    print_rows(columns, rows, format)


@models_app.command("show", **texts_of("model show"))
def show(context: typer.Context, model: Model) -> None:
    """Show what is known of one model: configuration, footage it learnt from, calibration.

    As JSON: the figures of its calibration, and the manifest of its training with seed and footage.
    """
    from pipeline.learning.promotion import find_model

    with opened_site(context) as site:
        record = find_model(site, model)
    shown = {
        "model": record.model_id,
        "camera": record.camera,
        "state": record.state.value,
        "digest": record.digest,
        "created_utc": in_utc(record.created_utc),
        "files_removed_utc": in_utc(record.files_removed_utc) if record.files_removed_utc else None,
        "calibration": dict(record.calibration),
        "manifest": dict(record.manifest),
    }
    for line in json.dumps(shown, indent=2, ensure_ascii=False, default=str).splitlines():
        print_line(line)


@models_app.command("compare", **texts_of("model compare"))
def compare(
    context: typer.Context,
    model: Model,
    faults: Annotated[int, typer.Option(help="Faults of each kind to inject.", min=1, max=20)] = 3,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """Try a candidate beside the active model of its camera, on footage that was held out.

    Counts false alarms, injected faults and alerts that people called anomalies, of both, and says
    whether the candidate is not worse. Takes as long as scoring some ten minutes of footage twice.
    """
    from pipeline.learning.promotion import find_model

    with opened_site(context) as site, progress_lines() as progress:
        find_model(site, model)  # an unknown one is said before torch is imported
        from pipeline.evaluation.refusals import reasons_of
        from pipeline.learning.candidate import compare_candidate

        made = compare_candidate(site, model, who=user_name(), instances=faults, progress=progress)
    rows = [
        (
            role,
            name[:12],
            trial["false_alarms"],
            round(trial["normal_seconds"], 1),
            f"{sum(trial['faults'].values())} of {len(trial['faults'])}",
            f"{sum(trial['known'].values())} of {len(trial['known'])}",
        )
        for role, name in (("active", made.active_id), ("candidate", made.candidate_id))
        for trial in (made.figures[role],)
    ]
    columns = ("role", "model", "false_alarms", "normal_seconds", "faults_found", "known_found")
    print_rows(columns, rows, format)
    if format is Format.TABLE:
        print_line("not worse" if made.not_worse else "refused:")
        for reason in reasons_of(made.figures):
            print_line(f"- {reason}")


@models_app.command("promote", **texts_of("model promote"))
def promote(
    context: typer.Context,
    model: Model,
    if_not_worse: Annotated[
        bool,
        typer.Option("--if-not-worse", help="Only when kizashi model compare finds it so."),
    ] = False,
) -> None:
    """Make a model the active one of its camera, after checking its files.

    The one before is retired and stays, so that it can be promoted again. A file that differs from
    the digest that was recorded is refused, and nothing is changed.
    """
    from pipeline.learning.promotion import promote_model

    with opened_site(context) as site, progress_lines() as progress:
        if if_not_worse:
            from pipeline.learning.candidate import promote_if_not_worse

            record = promote_if_not_worse(site, model, who=user_name(), progress=progress)
        else:
            record = promote_model(site, model, who=user_name())
    print_line(f"model {record.model_id[:12]} is active for camera {record.camera}")


@models_app.command("rollback", **texts_of("model rollback"))
def rollback(
    context: typer.Context,
    camera: Annotated[str, typer.Argument(help="Camera.")],
) -> None:
    """Make the model that was active before the active one of a camera again.

    Its files are checked first. Called twice it ends where it began; the audit log says who and
    when. What was scored stays as it is: what comes is scored by that model.
    """
    from pipeline.learning.promotion import roll_back

    with opened_site(context) as site:
        site.store.camera(camera)  # an unknown one is named with the known ones
        record = roll_back(site, camera, who=user_name())
    print_line(f"model {record.model_id[:12]} is active for camera {record.camera} again")


@models_app.command("samples", **texts_of("model samples"))
def samples(context: typer.Context, model: Model) -> None:
    """Make the films again that show on its page what a model has learnt.

    Training makes them: clips that the generator draws, and held-out footage beside what the model
    makes of it. After a change of privacy masks they are shown no more until made again.
    """
    from pipeline.learning.promotion import find_model

    with opened_site(context) as site, progress_lines() as progress:
        find_model(site, model)  # an unknown one is said before torch is imported
        from pipeline.synthesis.remake import remake_samples

        record = remake_samples(site, model, progress=progress)
    print_line(f"{record.camera}: the samples of model {record.model_id[:12]} are made")


@models_app.command("distil", **texts_of("model distil"))
def distil(
    context: typer.Context,
    model: Model,
    seed: Annotated[int, typer.Option(help="Seed.", min=0)] = 0,
    effort: Annotated[
        float,
        typer.Option(help="Share of the lessons and steps; 0.1 for a first look.", min=0.001),
    ] = 1.0,
) -> None:
    """Make a small, fast student of a model, as a candidate of its camera.

    The student learns from the footage that the camera has now what the experts of the model say
    together. It scores in a sixth of the time; promote it to use it.
    """
    from pipeline.learning.promotion import find_model

    with opened_site(context) as site, progress_lines() as progress:
        find_model(site, model)  # an unknown one is said before torch is imported
        from pipeline.distillation.distil_camera import distil_model

        record = distil_model(site, model, seed=seed, effort=effort, progress=progress)
        short = record.model_id[:12]
        print_line(
            f"{record.camera}: student {short} is a candidate; kizashi model promote {short}"
        )


@models_app.command("export", **texts_of("model export"))
def export(
    context: typer.Context,
    model: Model,
    out: Annotated[Path, typer.Option(help="File to write: .onnx, or .pt2 for torch.export.")],
    int8: Annotated[
        bool, typer.Option("--eight-bits", help="Count in eight bits: faster on processors.")
    ] = False,
) -> None:
    """Write a student to one file that runs elsewhere, and by kizashi score --model.

    ONNX, or torch.export, by the suffix of the file. Needs the packages of kizashi[onnx].
    """
    from pipeline.learning.promotion import find_model

    check_out_file(out)
    with opened_site(context) as site, progress_lines() as progress:
        find_model(site, model)  # an unknown one is said before torch is imported
        from pipeline.distillation.distil_camera import export_model

        path = export_model(site, model, out, int8=int8, progress=progress)
    print_line(f"wrote {path} ({path.stat().st_size / 1e6:.1f} MB)")
