"""kizashi generate, interpolate: what a camera's generator draws."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.output import Format, print_line, print_rows, progress_lines
from pipeline.commands.shell import opened_site
from pipeline.errors import SettingsError

if TYPE_CHECKING:
    from pipeline.synthesis.source import Source

__all__ = ["generate", "interpolate"]

Camera = Annotated[
    str | None,
    typer.Argument(help="Camera, whose active model is taken; or name one with --model."),
]
Clips = Annotated[int, typer.Option(help="How many clips to draw.", min=1, max=400)]
Seed = Annotated[int, typer.Option(help="Seed of the chance that clips are drawn from.", min=0)]
Out = Annotated[
    Path | None,
    typer.Option(help="Folder for the files; none: synthetic/CAMERA/MODEL/ of the site."),
]
Model = Annotated[
    Path | None, typer.Option(help="Folder of a stored model, instead of a camera's active one.")
]


def generate(
    context: typer.Context,
    camera: Camera = None,
    clips: Clips = 16,
    seed: Seed = 0,
    out: Out = None,
    tensors: Annotated[
        bool, typer.Option("--tensors", help="Also write clips.safetensors.")
    ] = False,
    model: Model = None,
) -> None:
    """Draw synthetic normal clips with a camera's generator: a WebM that plays, and tensors.

    They show what the model takes for normal operation. The same seed draws the same clips.
    """
    with progress_lines() as progress, _source(context, camera, model, None, progress) as source:
        from pipeline.synthesis.generate import generate as draw

        written = draw(source, clips=clips, seed=seed, out=out or source.out, tensors=tensors)
    for path in written:
        print_line(f"{source.name}: {path}")


def interpolate(
    context: typer.Context,
    camera: Camera = None,
    video: Annotated[
        Path | None, typer.Option(help="A real video; none: clips that the generator draws.")
    ] = None,
    start: Annotated[float, typer.Option(help="Second of the video to begin at.", min=0.0)] = 0.0,
    seconds: Annotated[float, typer.Option(help="How much of the video.", min=0.1)] = 4.0,
    factor: Annotated[int, typer.Option(help="Times the frames a second.", min=2, max=16)] = 4,
    refine: Annotated[
        int, typer.Option(help="Steps of latent search after the encoder; slow.", min=0)
    ] = 0,
    clips: Clips = 4,
    seed: Seed = 0,
    train: Annotated[
        Path | None,
        typer.Option(help="With --model and --video: folder of normal videos to learn weights of."),
    ] = None,
    out: Out = None,
    model: Model = None,
) -> None:
    """Draw finer time steps of a real or a generated clip, beside blending and flow warping.

    Writes a WebM in which the methods run side by side, and figures of how near each comes to
    frames that were left out.
    """
    with progress_lines() as progress, _source(context, camera, model, train, progress) as source:
        from pipeline.synthesis.interpolate import interpolate_generated, interpolate_video

        folder = out or source.out
        if video is None:
            made = interpolate_generated(source, clips=clips, seed=seed, factor=factor, out=folder)
        else:
            made = interpolate_video(
                source,
                video,
                start_seconds=start,
                seconds=seconds,
                factor=factor,
                refine_steps=refine,
                out=folder,
                progress=progress,
            )
    print_line(f"{source.name}: {made.compared}")
    print_rows(("method", "psnr_db", "ssim"), made.rows, Format.TABLE)
    print_line(f"{source.name}: {made.video}")
    print_line(f"{source.name}: {made.figures}")


@contextmanager
def _source(
    context: typer.Context,
    camera: str | None,
    model: Path | None,
    train: Path | None,
    progress: Callable[[str], None],
) -> Iterator[Source]:
    """Yield the model asked for with its footage; SettingsError unless exactly one is named."""
    if (camera is None) == (model is None):
        raise SettingsError("name either a camera or, with --model, the folder of a stored model")
    # With torch, which takes seconds: only once what is asked for is known to be right.
    if model is not None:
        from pipeline.synthesis.source import source_of_folder

        yield source_of_folder(model, train)
        return
    assert camera is not None, "one of the two is named"
    with opened_site(context) as site:
        site.store.camera(camera)
        from pipeline.synthesis.source import source_of_camera

        yield source_of_camera(site, camera, progress=progress)
