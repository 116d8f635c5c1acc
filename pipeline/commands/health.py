"""kizashi doctor: what is misconfigured, and what to do."""

from __future__ import annotations

from collections import Counter
from typing import Annotated

import typer

from pipeline.commands.output import Format, print_line, print_rows
from pipeline.commands.shell import site_folder

__all__ = ["doctor"]


def doctor(
    context: typer.Context,
    format: Annotated[Format, typer.Option(help="table, csv or json.")] = Format.TABLE,
) -> None:
    """Look for what is misconfigured, and name the fix: one line a check, ok, warning or problem.

    It changes nothing. The exit code is 1 when there is a problem, 0 otherwise.
    """
    from flows.health import prefect_answer
    from pipeline.doctor.examine import examine, this_machine

    findings = list(examine(this_machine(site_folder(context), prefect_answer)))
    if format is Format.TABLE:
        for item in findings:
            fix = f"; fix: {item.fix}" if item.fix else ""
            print_line(f"{item.level:<8} {item.check}: {item.found}{fix}")
    else:
        rows = [(item.check, item.level.value, item.found, item.fix) for item in findings]
        print_rows(("check", "level", "found", "fix"), rows, format)
    counts = Counter(item.level.value for item in findings)
    if format is Format.TABLE:
        print_line(
            f"{len(findings)} checks: {counts['problem']} problems, {counts['warning']} warnings"
        )
    if counts["problem"]:
        raise typer.Exit(1)
