"""Makes one thumbnail: the program of the thumbnailer image.

Usage: thumbnail.py LIST SOURCES TARGETS SIDE. LIST names one picture a line; a child of an array
job takes the line of its own AWS_BATCH_JOB_ARRAY_INDEX, reads that picture from SOURCES and writes
a PNG of the same name, at most SIDE pixels wide and high, to TARGETS.
"""

import os
import sys

from PIL import Image


def main() -> None:
    listing, sources, targets, side = sys.argv[1:5]
    index = int(os.environ["AWS_BATCH_JOB_ARRAY_INDEX"])
    with open(listing, encoding="utf-8") as lines:
        names = lines.read().splitlines()
    if index >= len(names):
        sys.exit(f"thumbnail.py: index {index}, but {listing} has only {len(names)} lines")
    name = names[index]
    with Image.open(os.path.join(sources, name)) as picture:
        before = picture.size
        thumbnail = picture.convert("RGBA")
        thumbnail.thumbnail((int(side), int(side)))
    target = os.path.join(targets, name)
    partial = target + ".part"  # A file under its own name is always a whole one.
    thumbnail.save(partial, format="PNG")
    os.replace(partial, target)
    print(f"{index}: {name} {before[0]}x{before[1]} -> {thumbnail.width}x{thumbnail.height}")


if __name__ == "__main__":
    main()
