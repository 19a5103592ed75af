"""Example 2: an array job of 1,000 children, each of which makes a thumbnail of its own picture."""

import time
from pathlib import Path

from PIL import Image, ImageChops, ImageStat

import images
import inputs
from batch import ENDED
from problems import DemoError
from stage import Part, Stage
from watch import Rate, bar

DEFINITION = "thumbnailer"
SIDE = 48
STALLED_S = 180
SHEET_COLUMNS, SHEET_GAP = 40, 4
STATES = ("SUBMITTED", "PENDING", "RUNNABLE", "STARTING", "RUNNING", "SUCCEEDED", "FAILED")
SHORT = dict(zip(STATES, ("subm", "pend", "wait", "start", "run", "ok", "bad"), strict=True))


def run(stage: Stage, queue: str, names: list[str]) -> Part:
    sources, targets = stage.folder / "images", stage.folder / "thumbs"
    targets.mkdir(exist_ok=True)
    for old in targets.iterdir():
        old.unlink()
    definition = stage.batch.ensure_definition(
        DEFINITION,
        {
            "image": images.THUMBNAILS,
            "command": [
                "python",
                "thumbnail.py",
                f"/images/{inputs.PICTURE_LIST}",
                "/images",
                "/thumbs",
                str(SIDE),
            ],
            "resourceRequirements": [
                {"type": "VCPU", "value": "1"},
                {"type": "MEMORY", "value": "256"},
            ],
            "volumes": [
                {"name": "images", "host": {"sourcePath": str(sources)}},
                {"name": "thumbs", "host": {"sourcePath": str(targets)}},
            ],
            "mountPoints": [
                {"sourceVolume": "images", "containerPath": "/images", "readOnly": True},
                {"sourceVolume": "thumbs", "containerPath": "/thumbs"},
            ],
        },
    )
    began_s = time.monotonic()
    array_id = stage.batch.submit(
        "process-images", queue, definition, arrayProperties={"size": len(names)}
    )
    stage.screen.say(f"submitted array {array_id}, size {len(names):,}, to {queue}")
    array = _follow(stage, array_id, len(names))
    took_s = time.monotonic() - began_s
    if array["status"] != "SUCCEEDED":
        raise DemoError("some pictures have no thumbnail", *stage.batch.explain_array(array))

    children = stage.batch.describe(f"{array_id}:{index}" for index in range(len(names)))
    _check_children(children)
    _check_log(stage, children[-1], names[-1])
    checked = check_thumbnails(sources, targets, names)
    sheet = stage.folder / "contact-sheet.png"
    make_sheet(targets, names, sheet)
    checked.append(f"contact sheet {sheet}")
    stage.screen.say(*(f"checked: {line}" for line in checked))
    return Part("thumbnails", queue, children, took_s, checked, str(sheet))


def _follow(stage: Stage, array_id: str, size: int) -> dict:
    rate = Rate(size)
    ended_before, changed_s = -1, time.monotonic()
    while True:
        (array,) = stage.batch.describe([array_id])
        counts = array["arrayProperties"].get("statusSummary", {})
        ended = counts.get("SUCCEEDED", 0) + counts.get("FAILED", 0)
        if array["status"] in ENDED:
            stage.screen.say(_line(stage.screen.columns, counts, ended, size, "done"))
            return array
        now_s = time.monotonic()
        if ended != ended_before:
            ended_before, changed_s = ended, now_s
        elif now_s - changed_s > STALLED_S:
            waiting = stage.batch.children(array_id, "RUNNABLE")[:1]
            told = [line for job in stage.batch.describe(waiting) for line in stage.why(job)]
            raise DemoError(f"the array has made no progress for {STALLED_S} s: {counts}", *told)
        line = _line(stage.screen.columns, counts, ended, size, rate.left(ended))
        stage.tick(line, f"{ended * 10 // size}")


def _line(columns: int, counts: dict, ended: int, size: int, left: str) -> str:
    """Progress in one line: all of it, or on a narrow terminal with shorter words."""
    names, width = {state: state.lower() for state in STATES}, 24
    if columns < 110:
        names, width = SHORT, 12
    told = [
        f"{names[state]} {counts.get(state, 0)}"
        for state in STATES
        if counts.get(state) or state in ENDED
    ]
    return f"  {bar(ended, size, width)} {ended:4d}/{size}  {left}  {' '.join(told)}"


def _check_children(children: list[dict]) -> None:
    """Every child succeeded, and in one attempt only, whatever happened to others before it."""
    for child in children:
        exits = [attempt["container"].get("exitCode") for attempt in child["attempts"]]
        if child["status"] != "SUCCEEDED" or exits.count(0) != 1 or exits[-1] != 0:
            raise DemoError(
                f"child {child['jobId']} is {child['status']}, its attempts exited with {exits}"
            )


def _check_log(stage: Stage, child: dict, name: str) -> None:
    tail = stage.batch.log_tail(child, 10, until=name)
    stage.screen.say("the last child's log:", *(f"  | {line}" for line in tail))
    if not any(name in line for line in tail):
        raise DemoError(f"child {child['jobId']} succeeded, but its log does not name {name}")


def check_thumbnails(sources: Path, targets: Path, names: list[str]) -> list[str]:
    """Opens every thumbnail and compares it with one made here of the picture it belongs to."""
    there = {path.name for path in targets.iterdir()}
    if there != set(names):
        missing, strange = sorted(set(names) - there), sorted(there - set(names))
        raise DemoError(
            f"{len(missing)} thumbnails are missing and {len(strange)} files are strange in "
            f"{targets}: {(missing + strange)[0]} first"
        )
    for name in names:
        with Image.open(sources / name) as picture:
            expected = picture.convert("RGBA")
        expected.thumbnail((SIDE, SIDE))
        with Image.open(targets / name) as picture:
            thumbnail = picture.convert("RGBA")
        if thumbnail.size != expected.size:
            raise DemoError(f"thumbnail {name} is {thumbnail.size}, not {expected.size}")
        difference = ImageStat.Stat(ImageChops.difference(thumbnail, expected)).mean
        if max(difference) > 1:
            raise DemoError(f"thumbnail {name} does not show its picture")
    return [f"{len(names):,} thumbnails of at most {SIDE}x{SIDE}, each of its own picture"]


def make_sheet(targets: Path, names: list[str], sheet: Path) -> None:
    """One picture of all thumbnails."""
    cell = SIDE + SHEET_GAP
    rows = -(-len(names) // SHEET_COLUMNS)
    size = (SHEET_COLUMNS * cell + SHEET_GAP, rows * cell + SHEET_GAP)
    page = Image.new("RGBA", size, "white")
    for place, name in enumerate(names):
        row, column = divmod(place, SHEET_COLUMNS)
        with Image.open(targets / name) as picture:
            thumbnail = picture.convert("RGBA")
        left = SHEET_GAP + column * cell + (SIDE - thumbnail.width) // 2
        top = SHEET_GAP + row * cell + (SIDE - thumbnail.height) // 2
        page.alpha_composite(thumbnail, (left, top))
    page.convert("RGB").save(sheet)
