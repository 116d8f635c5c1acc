"""Examples and exit codes: what `--help` says below the options, as a page of a manual does."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict

__all__ = ["EXAMPLES", "EXIT_CODES", "Texts", "root_epilog", "texts_of"]

EXIT_CODES: Mapping[int, str] = {
    0: "done",
    1: "something went wrong that is none of these; doctor found a problem",
    2: "a setting or an option is wrong",
    3: "a camera is unknown, or its register incomplete",
    4: "footage cannot be used",
    5: "no model, or one that must not be used",
    6: "the database cannot do what is asked, or does not answer",
    7: "another worker is doing this now",
    8: "labels, masks or footage to compare do not fit",
    9: "a message could not be handed over; it is tried again",
    10: "no right to see or do this",
    11: "files that must be forgotten could not be removed; the next run tries again",
    130: "interrupted; the same command goes on from there",
    141: "the reader of the output went away",
    143: "stopped by SIGTERM; the same command goes on from there",
}

EXAMPLES: Mapping[str, Sequence[str]] = {
    "demo": (
        "kizashi demo --folder demo",
        "kizashi demo --render-only --folder line",
    ),
    "init": (
        "kizashi --site plant init",
        "kizashi --site plant init --camera press-1 --source footage/press-1"
        " --timezone Asia/Tokyo --purpose 'jams at the press' --owner 'line 1'",
    ),
    "doctor": ("kizashi --site plant doctor", "kizashi --site plant doctor --format json"),
    "camera add": (
        "kizashi camera add press-1 --source /footage/press-1 --purpose 'jams at the press'"
        " --owner 'line 1' --retention-days 30 --timezone Asia/Tokyo --budget 0.5",
    ),
    "camera list": ("kizashi camera list", "kizashi camera list --format csv"),
    "camera show": ("kizashi camera show press-1",),
    "camera set": (
        "kizashi camera set press-1 --budget 2 --owner 'line 2'",
        "kizashi camera set press-1 --closed-hours 'mon-fri 22:00-06:00; sat,sun 00:00-24:00'",
    ),
    "camera mask": (
        "kizashi camera mask press-1 --polygon '0,0 0.3,0 0.3,0.5'",
        "kizashi camera mask press-1 --polygon '0.8,0 1,0 1,0.4 0.8,0.4' --name 'canteen door'",
        "kizashi camera mask press-1",
        "kizashi camera mask press-1 --remove 'canteen door' --confirm",
        "kizashi camera mask press-1 --stored",
    ),
    "camera zone": (
        "kizashi camera zone press-1 --add screen --kind ignore"
        " --polygon '0,0 0.2,0 0.2,0.2 0,0.2'",
        "kizashi camera zone press-1 --add robot --kind watch --budget 3"
        " --polygon '0.3,0.3 0.6,0.3 0.6,0.8 0.3,0.8'",
        "kizashi camera zone press-1 --add gate --kind closed --hours 'mon-fri 22:00-06:00'"
        " --polygon '0.7,0.5 1,0.5 1,1 0.7,1'",
        "kizashi camera zone press-1",
        "kizashi camera zone press-1 --remove gate",
    ),
    "record": (
        "kizashi record",
        "kizashi record press-1 --for 10m",
        "kizashi record --status",
    ),
    "ingest": ("kizashi ingest", "kizashi ingest press-1 press-2"),
    "train": (
        "kizashi train press-1",
        "kizashi train press-1 --effort 0.1 --since 7d",
        "kizashi train press-2 --from press-1",
        "kizashi train press-3 --from nearest",
        "kizashi train --preset standard --until 2026-01-31T08:00",
    ),
    "drift": ("kizashi drift", "kizashi drift press-1 --format json"),
    "retrain": ("kizashi retrain press-1", "kizashi retrain press-1 --days 14 --promote"),
    "score": ("kizashi score", "kizashi score press-1 --since 24h"),
    "report": (
        "kizashi report press-1",
        "kizashi report press-1 --period week --date 2026-01-31",
        "kizashi report press-1 --period month --pdf",
        "kizashi report --since 2026-01-31T06:00 --until 2026-01-31T14:00 --language ja",
    ),
    "alerts": ("kizashi alerts --since 7d", "kizashi alerts --camera press-1 --format csv"),
    "review": (
        "kizashi review 6d95cc14ad44 false_alarm --note 'a shadow'",
        "kizashi review 6d95cc14ad44 anomaly",
    ),
    "feedback list": ("kizashi feedback list --camera press-1", "kizashi feedback list --ended"),
    "feedback explain": ("kizashi feedback explain 6d95cc14ad44",),
    "feedback remove": ("kizashi feedback remove 0b8f3a6c21de",),
    "what-if": (
        "kizashi what-if press-1 --budget 0.5 --budget 2 --since 30d",
        "kizashi what-if press-1 --model 3e397345aabb --since 24h",
    ),
    "sql": (
        'kizashi sql "select camera, start_utc, severity from flagged_clips where verdict is null"',
    ),
    "export": (
        "kizashi export flagged_clips --out alerts.csv --since 7d",
        "kizashi export camera_hours --out hours.parquet --camera press-1",
    ),
    "trial start": ("kizashi trial start press-1 --learn-days 3 --watch-days 14",),
    "trial status": ("kizashi trial status",),
    "trial noticed": ("kizashi trial noticed 6d95cc14ad44 2026-01-31T08:20",),
    "trial report": ("kizashi trial report press-1 --language ja",),
    "notify test": ("kizashi notify test",),
    "notify list": ("kizashi notify list", "kizashi notify list --format json"),
    "notify send": ("kizashi notify send",),
    "retention show": ("kizashi retention show", "kizashi retention show press-1 --format json"),
    "retention set": (
        "kizashi retention set press-1 --footage-days 7 --evidence-days 90",
        "kizashi retention set press-1 --model-days 365 --disk-budget 500GiB",
    ),
    "retention run": ("kizashi retention run --dry-run", "kizashi retention run press-1"),
    "retention hold": (
        "kizashi retention hold 6d95cc14ad44 --reason 'accident, the insurer asks'",
        "kizashi retention hold --camera press-1 --since 2026-01-31T08:00"
        " --until 2026-01-31T09:00 --reason 'works council'",
    ),
    "retention release": ("kizashi retention release 4be1a07733aa",),
    "retention holds": ("kizashi retention holds", "kizashi retention holds --all --format csv"),
    "model list": ("kizashi model list press-1",),
    "model show": ("kizashi model show 3e397345aabb",),
    "model compare": (
        "kizashi model compare 3e397345aabb",
        "kizashi model compare 3e397345aabb --faults 5",
    ),
    "model promote": (
        "kizashi model promote 3e397345aabb",
        "kizashi model promote 3e397345aabb --if-not-worse",
    ),
    "model rollback": ("kizashi model rollback press-1",),
    "model samples": ("kizashi model samples 3e397345aabb",),
    "model distil": ("kizashi model distil 3e397345aabb --effort 0.1",),
    "model export": ("kizashi model export 3e397345aabb --out press-1.onnx --eight-bits",),
    "generate": (
        "kizashi generate press-1 --clips 4",
        "kizashi generate --model models/a --tensors",
    ),
    "interpolate": ("kizashi interpolate press-1 --video shift.mp4 --start 12 --factor 4",),
    "evaluate": ("kizashi evaluate --train normal --test watched --labels truth.csv --out result",),
    "serve": ("kizashi --site plant serve",),
    "dashboard": (
        "kizashi --site plant dashboard",
        "kizashi --site demo dashboard --without-login",
        "kizashi dashboard --host 0.0.0.0 --name kizashi.plant --certificate c.pem --key k.pem",
    ),
    "user add": (
        "kizashi user add ada --role admin",
        "kizashi user add rei --role reviewer --camera press-1 --camera press-2",
    ),
    "user list": ("kizashi user list",),
    "user set": ("kizashi user set rei --off", "kizashi user set rei --password"),
    "user remove": ("kizashi user remove rei",),
    "store upgrade": ("kizashi --site plant store upgrade",),
    "completion": (
        "kizashi completion bash > ~/.local/share/bash-completion/completions/kizashi",
        "kizashi completion fish > ~/.config/fish/completions/kizashi.fish",
    ),
}
"""Command -> lines that can be typed as they are, on a site that has what they name."""


_SHORT: Mapping[str, str] = {
    "demo": "Render a line, learn it, find its faults, report.",
    "init": "Make a site, and its first camera.",
    "doctor": "Look for what is misconfigured, and name the fix.",
    "camera add": "Register a camera.",
    "camera list": "List the cameras.",
    "camera show": "Show what is registered of one.",
    "camera set": "Change it.",
    "camera mask": "List, add, remove privacy masks.",
    "camera zone": "List, add, remove zones.",
    "record": "Record live cameras into files.",
    "ingest": "Take in the footage that arrived.",
    "train": "Learn what is normal.",
    "drift": "Check whether a camera still looks so.",
    "retrain": "Learn a candidate from the last days.",
    "score": "Score what is new; events, alerts, evidence.",
    "report": "Write reports, of any range or period.",
    "alerts": "List alerts.",
    "review": "Give a verdict on an alert.",
    "feedback list": "List the patterns that suppress alerts.",
    "feedback explain": "Say why an alert is suppressed, or not.",
    "feedback remove": "Remove one; its alerts open again.",
    "what-if": "Show what another budget would raise.",
    "sql": "Ask the database, by one select.",
    "export": "Write a whole public view to a file.",
    "trial start": "Begin a trial, with its bar.",
    "trial status": "Say where trials stand.",
    "trial noticed": "Note when people noticed a fault.",
    "trial report": "Write its figures, and go or not yet.",
    "notify test": "Send a test through every sink.",
    "notify list": "List the sinks and what waits.",
    "notify send": "Hand over what is due.",
    "retention show": "Show what is kept, and since when.",
    "retention set": "Say how long things are kept.",
    "retention run": "Remove what is kept no longer.",
    "retention hold": "Keep an alert or a span of time.",
    "retention release": "Take a hold back.",
    "retention holds": "List what is held.",
    "model list": "List models.",
    "model show": "Show what is known of one.",
    "model compare": "Try one beside the active one.",
    "model promote": "Make one the active one.",
    "model rollback": "Go back to the one before.",
    "model samples": "Make the films of its page again.",
    "model distil": "Make a small, fast student of one.",
    "model export": "Write a student to one file.",
    "generate": "Draw synthetic normal clips.",
    "interpolate": "Draw finer time steps of a clip.",
    "evaluate": "Measure detection on anyone's footage.",
    "serve": "Run the flows on their schedules.",
    "dashboard": "Serve the pages of this site.",
    "user add": "Make an account.",
    "user list": "List the accounts.",
    "user set": "Change one, and log it out.",
    "user remove": "Remove one.",
    "store upgrade": "Bring the database's schema up to date.",
    "completion": "Print a script for completion by a shell.",
}
"""What a list of commands says of each, short enough not to be cut."""


class Texts(TypedDict):
    """The texts of a command beside its docstring."""

    short_help: str
    epilog: str


def texts_of(command: str) -> Texts:
    """Return the short help of a command, and its examples as the end of its help."""
    # \b keeps the lines of a paragraph as they are.
    examples = "\b\nExamples:\n" + "\n".join(f"  {line}" for line in EXAMPLES[command])
    return Texts(short_help=_SHORT[command], epilog=examples)


def root_epilog() -> str:
    """Return the exit codes and where to begin, as the end of the help of `kizashi`."""
    codes = "\n".join(f"  {code:>3}  {meaning}" for code, meaning in EXIT_CODES.items())
    return (
        f"\b\nExit codes:\n{codes}\n\n"
        "\b\nExamples:\n  kizashi demo\n  kizashi --site plant init\n  kizashi --site plant doctor"
    )
