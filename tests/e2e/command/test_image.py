"""`./openbatch image`: the store of images for executors without a container engine."""

import os
import subprocess

import image_store
import pytest
from stack import ROOT

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images are unpacked by root")


@pytest.fixture
def image(tmp_path):
    """image(*args) runs the verb on a store of the test's own; its exit code, and what it said."""

    def run(*args):
        done = subprocess.run(
            [ROOT / "openbatch", "image", *args],
            env=os.environ | {"OPENBATCH_OCI_IMAGES": str(tmp_path / "images")},
            capture_output=True,
            text=True,
            cwd=tmp_path,
            timeout=120,
        )
        return done.returncode, done.stdout + done.stderr

    return run


def archive(folder, name="tool:1", text="one"):
    return image_store.save(folder / "tool.tar", name, image_store.layer(("file", text)))


def test_an_image_is_loaded_listed_and_removed(image, tmp_path):
    """load, list and rm; the file's path is relative to the caller's directory."""
    archive(tmp_path)
    code, said = image("load", "tool.tar")
    assert code == 0, said
    assert "loaded docker.io/library/tool:1 (" in said
    code, said = image("list")
    assert code == 0, said
    (line,) = [line for line in said.splitlines() if "tool:1" in line]
    assert line.split()[0] == "docker.io/library/tool:1"
    assert "load" in line.split()
    (folder,) = (tmp_path / "images/images").iterdir()
    assert (folder / "rootfs/file").read_text() == "one"

    assert image("rm", "tool:1")[0] == 0
    assert "tool:1" not in image("list")[1]
    assert list((tmp_path / "images/images").iterdir()) == []
    code, said = image("rm", "tool:1")
    assert code != 0
    assert "there is no image" in said


def test_a_loaded_image_gets_another_name(image, tmp_path):
    assert image("load", archive(tmp_path), "mine/other:2")[0] == 0
    said = image("list")[1]
    assert "docker.io/mine/other:2" in said
    assert "tool:1" not in said


def test_what_cannot_be_pulled_is_told(image):
    """No registry answers there, so nothing is left in the store."""
    code, said = image("pull", "127.0.0.1:1/none")
    assert code != 0
    assert "openbatch-image: " in said
    assert "127.0.0.1:1" in said
    assert "none" not in image("list")[1]


def test_another_folder_is_no_store(image, tmp_path):
    """A folder with other files is refused, and nothing in it changes, whatever its names are."""
    mail = tmp_path / "images/new/letter"
    mail.parent.mkdir(parents=True)
    mail.write_text("of somebody")
    for args in (["list"], ["rm", "tool:1"], ["load", archive(tmp_path)], ["pull", "tool:1"]):
        code, said = image(*args)
        assert code != 0
        assert "is not a store of images and contains other files" in said
    assert [path.name for path in (tmp_path / "images").iterdir()] == ["new"]
    assert mail.read_text() == "of somebody"


def test_wrong_arguments_are_refused(image, tmp_path):
    for args in ([], ["frobnicate"], ["pull"], ["rm", "a", "b"], ["load"], ["list", "x"]):
        code, said = image(*args)
        assert code != 0
        assert "image" in said
    assert not (tmp_path / "images").exists()
    code, said = image("--help")
    assert code == 0
    assert "openbatch image pull NAME" in said
