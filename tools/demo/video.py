"""Example 1: one job that transcodes a film in a container."""

import re
import subprocess
import time
from pathlib import Path

import imageio_ffmpeg

import images
import inputs
from batch import ENDED
from problems import DemoError
from stage import Part, Stage

DEFINITION = "video-processor"
OUTPUT = "bigbuckbunny-640.mp4"
WIDTH, HEIGHT = 640, 360
DEADLINE_S = 180
LEAST_SSIM = 0.9  # 1 is the same picture; a re-encoding of this quality has about 0.97.


def run(stage: Stage, queue: str) -> Part:
    folder = stage.folder / "video"
    film, output = folder / inputs.FILM, folder / OUTPUT
    output.unlink(missing_ok=True)
    definition = stage.batch.ensure_definition(
        DEFINITION,
        {
            "image": images.VIDEO,
            "command": [
                "python",
                "process.py",
                "--input-file",
                "Ref::inputFile",
                "--output-file",
                "Ref::outputFile",
            ],
            "resourceRequirements": [
                {"type": "VCPU", "value": "2"},
                {"type": "MEMORY", "value": "4096"},
            ],
            "volumes": [{"name": "films", "host": {"sourcePath": str(folder)}}],
            "mountPoints": [{"sourceVolume": "films", "containerPath": "/data"}],
        },
    )
    began_s = time.monotonic()
    job_id = stage.batch.submit(
        "process-video",
        queue,
        definition,
        parameters={"inputFile": f"/data/{film.name}", "outputFile": f"/data/{output.name}"},
    )
    stage.screen.say(f"submitted {job_id} of {definition} to {queue}")
    job = _follow(stage, job_id, began_s)
    took_s = time.monotonic() - began_s
    if job["status"] != "SUCCEEDED":
        raise DemoError("the film was not transcoded", *stage.batch.explain(job))

    tail = stage.batch.log_tail(job, 10, until=f"wrote /data/{output.name}")
    stage.screen.say("its log:", *(f"  | {line}" for line in tail))
    if not any(f"wrote /data/{output.name}" in line for line in tail):
        raise DemoError("the job succeeded, but the end of its log cannot be read", *tail)
    checked = check_film(film, output)
    stage.screen.say(*(f"checked: {line}" for line in checked))
    return Part("video", queue, [job], took_s, checked, str(output))


def _follow(stage: Stage, job_id: str, began_s: float) -> dict:
    while True:
        (job,) = stage.batch.describe([job_id])
        if job["status"] in ENDED:
            return job
        waited_s = time.monotonic() - began_s
        if waited_s > DEADLINE_S:
            raise DemoError(f"the video job has not ended in {DEADLINE_S} s:", *stage.why(job))
        stage.tick(f"  {job['status']} {waited_s:.0f} s  {stage.reason(job)}", job["status"])


def _ffmpeg(*arguments: str) -> str:
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-hide_banner", "-nostats", *arguments]
    return subprocess.run(command, capture_output=True, text=True).stderr


def _probe(film: Path) -> dict:
    """What ffmpeg says about a file; ffmpeg is the reader here, as there is no ffprobe with it."""
    told = _ffmpeg("-i", str(film))
    length = re.search(r"Duration: (\d+):(\d+):([\d.]+)", told)
    video = re.search(r"Stream .*Video: (\w+).*?, (\d+)x(\d+).*?, ([\d.]+) fps", told)
    audio = re.search(r"Stream .*Audio: (\w+).*?, (\d+) Hz, (\w+)", told)
    if not (length and video and audio):
        raise DemoError(f"{film} is not a film with picture and sound:", told.strip())
    hours, minutes, seconds = length.groups()
    return {
        "seconds": int(hours) * 3600 + int(minutes) * 60 + float(seconds),
        "video": (video[1], int(video[2]), int(video[3])),
        "fps": float(video[4]),
        "audio": (audio[1], int(audio[2]), audio[3]),
    }


def _frames(film: Path) -> int:
    """Decodes the whole picture and counts its frames; damage anywhere is an error."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-xerror", "-i", str(film)]
    command += ["-map", "0:v", "-f", "null", "-progress", "pipe:1", "-"]
    done = subprocess.run(command, capture_output=True, text=True)
    counts = re.findall(r"^frame=(\d+)", done.stdout, re.MULTILINE)
    if done.returncode != 0 or not counts:
        raise DemoError(f"{film} cannot be decoded:", done.stderr.strip())
    return int(counts[-1])


def check_film(source: Path, result: Path) -> list[str]:
    """Compares a transcoded film with what it was made of; returns what was found true."""
    if not result.exists():
        raise DemoError(f"{result} does not exist although the job succeeded")
    before, after = _probe(source), _probe(result)
    expected = {
        "video": ("h264", WIDTH, HEIGHT),
        "audio": ("aac", before["audio"][1], "stereo"),
        "fps": before["fps"],
    }
    for key, value in expected.items():
        if after[key] != value:
            raise DemoError(f"{result}: {key} is {after[key]}, not {value}")
    if abs(after["seconds"] - before["seconds"]) > 0.1:
        raise DemoError(f"{result} takes {after['seconds']} s, the source {before['seconds']} s")
    frames = _frames(result)
    if frames != _frames(source):
        raise DemoError(f"{result} has {frames} frames, the source {_frames(source)}")
    compare = f"[0:v]scale={WIDTH}:{HEIGHT}[a];[a][1:v]ssim"
    told = _ffmpeg("-i", str(source), "-i", str(result), "-lavfi", compare, "-f", "null", "-")
    found = re.search(r"SSIM .*All:([\d.]+)", told)
    if found is None or float(found[1]) < LEAST_SSIM:
        raise DemoError(f"{result} does not look like the source:", told.strip()[-500:])
    codec, width, height = after["video"]
    sound, hertz, channels = after["audio"]
    return [
        f"{codec} {width}x{height} at {after['fps']:g} fps, {sound} {hertz} Hz {channels}",
        f"{after['seconds']:.2f} s and {frames} frames, as the source; "
        f"alike to {float(found[1]):.3f} (SSIM)",
    ]
