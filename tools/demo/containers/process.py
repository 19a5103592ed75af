"""Transcodes one film: the program of the video-processor image.

Reads --input-file, writes --output-file (H.264 at half the size, AAC stereo), and says on standard
output how far it is, a line at a time, so that the job's log can be read while it runs.
"""

import argparse
import os
import re
import subprocess
import sys
import time


def duration_seconds(path: str) -> float:
    """The length of a film as ffmpeg tells it; the program asks for nothing but ffmpeg itself."""
    seen = subprocess.run(["ffmpeg", "-hide_banner", "-i", path], capture_output=True, text=True)
    found = re.search(r"Duration: (\d+):(\d+):([\d.]+)", seen.stderr)
    if found is None:
        sys.exit(f"process.py: {path} is no film that ffmpeg can read:\n{seen.stderr}")
    hours, minutes, seconds = found.groups()
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds)


def transcode(source: str, target: str, seconds: float, width: int) -> None:
    command = ["ffmpeg", "-hide_banner", "-loglevel", "error", "-nostats"]
    command += ["-progress", "pipe:1", "-stats_period", "0.2"]
    command += ["-y", "-i", source, "-vf", f"scale={width}:-2", "-c:v", "libx264", "-crf", "23"]
    command += ["-preset", "slow", "-threads", "2", "-c:a", "aac", "-ac", "2", "-b:a", "128k"]
    command += ["-movflags", "+faststart", "-f", "mp4", target]
    said = 0
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as ffmpeg:
        for line in ffmpeg.stdout:
            key, _, value = line.strip().partition("=")
            if key != "out_time_us" or not value.isdigit():
                continue
            percent = min(100, int(int(value) / 1e4 / seconds))
            if percent // 20 > said // 20:
                said = percent
                print(f"  {percent:3d} %  {int(value) / 1e6:5.2f} s of {seconds:.2f} s", flush=True)
    if ffmpeg.returncode != 0:
        sys.exit(f"process.py: ffmpeg ended with {ffmpeg.returncode}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--input-file", required=True)
    parser.add_argument("--output-file", required=True)
    parser.add_argument("--width", type=int, default=640)
    args = parser.parse_args()

    job = os.environ.get("AWS_BATCH_JOB_ID", "by hand")
    queue = os.environ.get("AWS_BATCH_JQ_NAME", "-")
    print(f"job {job}, queue {queue}, attempt {os.environ.get('AWS_BATCH_JOB_ATTEMPT', '1')}")
    if not os.path.isfile(args.input_file):
        sys.exit(f"process.py: no input file {args.input_file}")
    seconds = duration_seconds(args.input_file)
    print(f"{args.input_file}: {os.path.getsize(args.input_file):,} bytes, {seconds:.2f} s")

    began = time.monotonic()
    partial = args.output_file + ".part"  # A file under its own name is always a whole one.
    transcode(args.input_file, partial, seconds, args.width)
    os.replace(partial, args.output_file)
    took = time.monotonic() - began
    print(f"wrote {args.output_file}: {os.path.getsize(args.output_file):,} bytes in {took:.1f} s")


if __name__ == "__main__":
    main()
