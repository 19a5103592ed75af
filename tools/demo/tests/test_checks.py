"""The demo's own checks can fail: each is given a result that is wrong in one way."""

import subprocess
import sys

import imageio_ffmpeg
import pytest
from PIL import Image

import process
import queues
import thumbnail
import thumbnails
import video
from batch import _holds
from problems import DemoError


@pytest.fixture(scope="session")
def films(tmp_path_factory):
    """A source film of two seconds, made here, and what process.py makes of it."""
    folder = tmp_path_factory.mktemp("films")
    source, result = folder / "source.mp4", folder / "result.mp4"
    make = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi"]
    make += ["-i", "testsrc=size=1280x720:rate=25:duration=2", "-f", "lavfi"]
    make += ["-i", "sine=frequency=440:sample_rate=48000:duration=2", "-pix_fmt", "yuv420p"]
    subprocess.run([*make, str(source)], check=True)
    binaries = folder / "bin"
    binaries.mkdir()
    (binaries / "ffmpeg").symlink_to(imageio_ffmpeg.get_ffmpeg_exe())
    done = subprocess.run(
        [sys.executable, process.__file__, "--input-file", source, "--output-file", result],
        env={"PATH": str(binaries)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert f"wrote {result}" in done.stdout
    return source, result


@pytest.fixture
def pictures(tmp_path, monkeypatch):
    """Three pictures and their thumbnails, as thumbnail.py makes them."""
    sources, targets = tmp_path / "images", tmp_path / "thumbs"
    sources.mkdir()
    targets.mkdir()
    names = []
    for size, colour in (((128, 128), "red"), ((96, 64), "green"), ((64, 128), "blue")):
        names.append(f"{colour}.png")
        Image.new("RGBA", size, colour).save(sources / names[-1])
    (sources / "list").write_text("\n".join(names) + "\n")
    arguments = [str(sources / "list"), str(sources), str(targets), str(thumbnails.SIDE)]
    monkeypatch.setattr(sys, "argv", ["thumbnail.py", *arguments])
    for index in range(len(names)):
        monkeypatch.setenv("AWS_BATCH_JOB_ARRAY_INDEX", str(index))
        thumbnail.main()
    return sources, targets, names


def test_a_transcoded_film_passes(films):
    assert "h264 640x360 at 25 fps, aac 48000 Hz stereo" in video.check_film(*films)


def test_a_film_that_was_only_copied_is_found(films):
    with pytest.raises(DemoError, match="1280"):
        video.check_film(films[0], films[0])


def test_a_damaged_film_is_found(films, tmp_path):
    damaged = tmp_path / "damaged.mp4"
    content = bytearray(films[1].read_bytes())
    content[len(content) // 2 : len(content) // 2 + 5000] = bytes(5000)
    damaged.write_bytes(content)
    with pytest.raises(DemoError):
        video.check_film(films[0], damaged)


def test_another_film_of_the_same_shape_is_found(films, tmp_path):
    mirrored = tmp_path / "mirrored.mp4"
    make = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(films[1])]
    subprocess.run([*make, "-vf", "hflip", "-c:a", "copy", str(mirrored)], check=True)
    with pytest.raises(DemoError, match="does not look like the source"):
        video.check_film(films[0], mirrored)


def test_right_thumbnails_pass_and_make_a_sheet(pictures, tmp_path):
    sources, targets, names = pictures
    assert thumbnails.check_thumbnails(sources, targets, names)
    thumbnails.make_sheet(targets, names, tmp_path / "sheet.png")
    with Image.open(tmp_path / "sheet.png") as sheet:
        assert sheet.getpixel((28, 28)) == (255, 0, 0)


def test_a_missing_thumbnail_is_found(pictures):
    sources, targets, names = pictures
    (targets / names[1]).unlink()
    with pytest.raises(DemoError, match=r"1 thumbnails are missing.*green"):
        thumbnails.check_thumbnails(sources, targets, names)


def test_a_thumbnail_of_the_wrong_picture_is_found(pictures):
    sources, targets, names = pictures
    Image.new("RGBA", (48, 48), "teal").save(targets / names[0])
    with pytest.raises(DemoError, match="does not show its picture"):
        thumbnails.check_thumbnails(sources, targets, names)


def test_a_thumbnail_of_the_wrong_size_is_found(pictures):
    sources, targets, names = pictures
    Image.new("RGBA", (40, 40), "red").save(targets / names[0])
    with pytest.raises(DemoError, match=r"not \(48, 48\)"):
        thumbnails.check_thumbnails(sources, targets, names)


def _job(name: str, created: int, started: int) -> dict:
    return {"jobId": name, "jobName": name, "createdAt": created, "startedAt": started}


def _history() -> tuple[list[dict], list[dict], set[str]]:
    earlier = [_job(f"early-{n}", 0, 1000 * n) for n in range(4)]
    later = [_job(f"late-{n}", 0, 20_000 + n) for n in range(6)]
    urgent = [_job(f"urgent-{n}", 3500, 5000 + 1000 * n) for n in range(5)]
    return earlier + later, urgent, {job["jobId"] for job in earlier}


def test_urgent_jobs_that_went_first_pass():
    assert queues.check_order(*_history())


def test_a_low_job_that_overtook_an_urgent_one_is_found():
    low, urgent, earlier = _history()
    low[6]["startedAt"] = 8999
    with pytest.raises(DemoError, match="late-2 started 1 ms before urgent-4"):
        queues.check_order(low, urgent, earlier)


def test_too_few_low_jobs_to_compare_with_are_an_error():
    low, urgent, earlier = _history()
    with pytest.raises(DemoError, match="only 2 low jobs"):
        queues.check_order(low[:6], urgent, earlier)


def test_a_definition_is_the_same_when_only_the_service_added_members():
    wanted = {"image": "i", "mountPoints": [{"sourceVolume": "a"}]}
    assert _holds({"image": "i", "mountPoints": [{"sourceVolume": "a"}], "ulimits": []}, wanted)
    assert not _holds({"image": "i", "mountPoints": []}, wanted)
    assert not _holds({"image": "j", "mountPoints": [{"sourceVolume": "a"}]}, wanted)
