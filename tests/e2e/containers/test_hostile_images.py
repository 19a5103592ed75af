"""Images whose makers mean harm, in the store of images (docs/containers.md): each is loaded by
openbatch-image, as root, in a cage (image_store.py) beside files that it must not touch. A hostile
image is refused with a clear error, or it is harmless; either way nothing outside of its own root
changes, and nothing is left."""

import os
import stat
import tarfile

import image_store
import pytest
from image_store import ImageStore, layer, packed, save, save_layout

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="images are unpacked by root")

UP = "../" * 5  # from an image's root, while it is unpacked, to the store's parent
MIB = 1 << 20
LIMIT = 16 * MIB


def link(name, target):
    return (name, tarfile.SYMTYPE, {"linkname": str(target)})


def hard(name, target):
    return (name, tarfile.LNKTYPE, {"linkname": str(target)})


def folder(name, mode=0o755):
    return (name, tarfile.DIRTYPE, {"mode": mode})


def with_xattr(name, **values):
    headers = {f"SCHILY.xattr.{key.replace('__', '.')}": value for key, value in values.items()}
    return (name, tarfile.REGTYPE, {"pax_headers": headers})


def sparse(name, size):
    """A member that is a hole of that size: a layer has a block of it."""
    gnu = {"major": "1", "minor": "0", "name": name, "realsize": str(size)}
    headers = {f"GNU.sparse.{key}": value for key, value in gnu.items()}
    text = f"1\n{size}\n0\n".encode().ljust(512, b"\0")
    info = tarfile.TarInfo("GNUSparseFile.0/" + name)
    info.size, info.pax_headers = len(text), headers
    return info.tobuf(tarfile.PAX_FORMAT) + text + bytes(1024)


def everything(top):
    """All that is below a folder, with what may not change."""
    found = {}
    for path in [top, *sorted(top.rglob("*"))]:
        at = path.lstat()
        content = None
        if path.is_symlink():
            content = os.readlink(path)
        elif stat.S_ISREG(at.st_mode):
            content = path.read_bytes()
        found[path] = (at.st_mode, at.st_uid, at.st_gid, at.st_nlink, at.st_mtime_ns, content)
    return found


class Bait:
    """A store with an image in it, and files beside it."""

    def __init__(self, build, home):
        self.home = home
        self.outside = home / "outside"
        (self.outside / "folder").mkdir(parents=True)
        (self.outside / "file").write_text("kept")
        (self.outside / "folder/file").write_text("kept, too")
        (self.outside / "link").symlink_to("folder")
        self.store = ImageStore(build, home / "store", limit=LIMIT)
        self.store.run("load", save(home / "good.tar", "good:1", layer(("file", "good"))))
        (self.neighbour,) = (self.store.folder / "images").iterdir()
        self.before = self.seen()

    def seen(self):
        return everything(self.outside) | everything(self.neighbour / "rootfs")

    def load(self, archive):
        """What the program said; the root of the image, or None if it was refused."""
        names, ids = self.store.names(), self.store.ids()
        code, said = self.store.caged("load", archive)
        assert self.seen() == self.before
        assert self.store.left() == []
        if code == 0:
            assert all(
                (path / "lock").exists() for path in (self.store.folder / "images").iterdir()
            )
            return said, self.store.root("docker.io/evil/image:1")
        assert said.startswith("openbatch-image: ")
        assert len(said) > 30
        assert (self.store.names(), self.store.ids()) == (names, ids)
        return said, None

    def load_layers(self, *layers, **more):
        return self.load(save(self.home / "evil.tar", "evil/image:1", *layers, **more))


@pytest.fixture
def bait(stack, tmp_path):
    return Bait(stack.build, tmp_path)


def paths(bait):
    return [
        (f"{UP}outside/new", "x"),
        (f"a/../{UP}outside/new", "x"),
        (f"{bait.outside}/new", "x"),
        (f"{UP}outside/file", "over"),
        (f"{bait.outside}/file", "over"),
        ("../rootfs/inside", "x"),
        ("..", "x"),
        ("../../../../../..", "x"),
    ]


def through_links(bait):
    return [
        link("up", f"{UP}outside"),
        ("up/new", "x"),
        ("up/file", "over"),
        folder("up/folder", 0o777),
        ("up/link/file", "over"),
        link("to", bait.outside),
        ("to/new", "x"),
        ("to/file", "over"),
        link("to/more", "/etc"),
        ("to/more/new", "x"),
        link("file", bait.outside / "file"),
        ("file", "over"),
        link("good", f"../../../../images/{bait.neighbour.name}/rootfs"),
        ("good/file", "over"),
        link("twice", "up/folder"),
        ("twice/file", "over"),
    ]


def test_paths_that_lead_out(bait):
    """Names with .. and absolute names."""
    said, root = bait.load_layers(layer(*paths(bait)[:6]))
    if root:
        assert (root / "outside/new").read_text() == "x"
    for name, text in paths(bait)[6:]:
        assert bait.load_layers(layer((name, text)))[1] is None, name


def test_links_that_lead_out(bait):
    """Links to a folder outside, through which later members are written, in the same layer or in
    the next one."""
    entries = through_links(bait)
    said, root = bait.load_layers(layer(*entries))
    assert root or "good" not in said
    links = [entry for entry in entries if len(entry) == 3 and entry[1] == tarfile.SYMTYPE]
    rest = [entry for entry in entries if entry not in links]
    bait.load_layers(layer(*links), layer(*rest))


def test_the_root_stays_a_folder(bait):
    for name in (".", "/", "./", "a/.."):
        assert bait.load_layers(layer(link(name, bait.outside), ("new", "x")))[1] is None, name
        assert bait.load_layers(layer(link(name, bait.outside)), layer(("new", "x")))[1] is None


@pytest.mark.parametrize(
    "target", [f"{UP}outside/file", "{outside}/file", "up/file", "to/file", "/etc/passwd", "l"]
)
def test_hard_links_that_lead_out(bait, target):
    """A hard link to a file outside would let a later member change that."""
    target = target.format(outside=bait.outside)
    links = [
        link("up", f"{UP}outside"),
        link("to", bait.outside),
        link("l", bait.outside / "file"),
    ]
    _, root = bait.load_layers(layer(*links), layer(hard("hard", target)))
    if root and os.path.lexists(root / "hard"):
        assert (root / "hard").lstat().st_ino != (bait.outside / "file").stat().st_ino
    bait.load_layers(layer(*links, hard("hard", target), ("hard", "over"), ("hard/file", "x")))


@pytest.mark.parametrize(
    "name",
    [
        f"{UP}outside/.wh.file",
        f"{UP}outside/.wh..wh..opq",
        "up/.wh.file",
        "up/.wh.folder",
        "up/.wh..wh..opq",
        "to/.wh.file",
        "to/.wh..wh..opq",
        "to/folder/.wh...",
        ".wh..",
        ".wh...",
        ".wh.",
        "a/.wh...",
        "up/.wh...",
        "a/.wh./../../x",
        f".wh.{UP}outside/file",
        "good/.wh.file",
    ],
)
def test_whiteouts_of_what_is_outside(bait, name):
    """A whiteout removes what a lower layer has. One of .. would remove the folder above."""
    before = layer(
        folder("a"),
        ("a/file", "x"),
        link("up", f"{UP}outside"),
        link("to", bait.outside),
        link("good", f"../../../../images/{bait.neighbour.name}/rootfs"),
    )
    bait.load_layers(before, layer((name, "")), layer((name + "/x", ""), ("after", "x")))


def test_devices_and_set_user_id_stay_in_the_store(bait):
    """They are the image's own, for its containers; other users of the host cannot reach them."""
    entries = [
        ("disk", tarfile.BLKTYPE, {"mode": 0o666, "devmajor": 7, "devminor": 0}),
        ("memory", tarfile.CHRTYPE, {"mode": 0o666, "devmajor": 1, "devminor": 1}),
        ("pipe", tarfile.FIFOTYPE, {"mode": 0o666}),
        ("su", tarfile.REGTYPE, {"mode": 0o6755}),
        folder("open", 0o777),
    ]
    _, root = bait.load_layers(layer(*entries))
    assert (root / "su").stat().st_mode & 0o7777 == 0o6755
    assert stat.S_ISBLK((root / "disk").lstat().st_mode)
    assert stat.S_IMODE(bait.store.folder.stat().st_mode) == 0o700
    assert bait.store.run("rm", "evil/image:1")[0] == 0
    assert bait.seen() == bait.before


def test_attributes_of_overlays(bait):
    """An overlay reads attributes of its lower layers; an image may have what it wants there."""
    bait.load_layers(
        layer(
            with_xattr("a", trusted__overlay__redirect="/../../../../etc"),
            with_xattr("b", trusted__overlay__metacopy="", trusted__overlay__opaque="y"),
            with_xattr("c", security__capability="\x01\0\0\2\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"),
        )
    )


def deep(levels):
    return layer(*(folder("d/" * n + "d") for n in range(levels)))


def test_what_is_strange_can_be_removed(bait):
    """Deep folders, a folder that nobody may enter, names with any byte."""
    names = [(f"n{chr(c)}", "x") for c in range(1, 256) if chr(c) not in "/"]
    said, root = bait.load_layers(deep(300), layer(folder("shut", 0), ("shut/f", "x"), *names))
    if root:
        bait.store.run("rm", "evil/image:1")
        assert not root.exists()
    assert bait.store.left() == []


TOO_LARGE = f"the image takes more than {LIMIT} bytes"


@pytest.mark.parametrize(
    "bomb", ["one file", "many files", "a hole", "in an archive of OCI", "a compressed archive"]
)
def test_a_bomb_is_too_large(bait, bomb):
    """What unpacks to more than the limit is stopped on the way; the disk does not fill up."""
    text = bytes(3 * LIMIT)
    archive = bait.home / "evil.tar"
    if bomb == "one file":
        save(archive, "evil/image:1", packed(layer(("zeros", text))))
    elif bomb == "many files":
        part = text[: MIB // 4]
        many = [(f"zeros{n}", part) for n in range(3 * LIMIT // len(part))]
        save(archive, "evil/image:1", packed(layer(*many)))
    elif bomb == "a hole":
        save(archive, "evil/image:1", sparse("hole", 1 << 42))
    elif bomb == "in an archive of OCI":
        save_layout(archive, "evil.x/image:1", packed(layer(("zeros", text))))
    else:
        save_layout(archive, "evil.x/image:1", layer(), more=[("blobs/sha256/zeros", text)])
        archive.write_bytes(image_store.gzip.compress(archive.read_bytes(), 1))
    assert archive.stat().st_size < LIMIT / 4
    said, root = bait.load(archive)
    assert root is None
    assert TOO_LARGE in said


def test_an_archive_of_oci_with_more_than_files(bait):
    """skopeo would unpack such an archive through its links, as root."""
    evil = [
        [link("l", bait.outside), ("l/new", "x"), ("l/file", "over")],
        [link("blobs/l", bait.outside), ("blobs/l/new", "x"), ("blobs/l/file", "over")],
        [link("blobs/sha256/l", bait.outside), ("blobs/sha256/l/new", "x")],
        [link("blobs/sha256", bait.outside), ("blobs/sha256/new", "x")],
        [hard("blobs/sha256/h", bait.outside / "file"), ("blobs/sha256/h", "over")],
        [hard("blobs/sha256/h", f"{UP}outside/file"), ("blobs/sha256/h", "over")],
        [(f"{UP}outside/new", "x")],
        [(f"blobs/sha256/../../../{UP}outside/new", "x")],
        [("blobs/sha256/null", tarfile.CHRTYPE, {"devmajor": 1, "devminor": 3})],
        [link("index.json", bait.outside / "file")],
        [link("oci-layout", "/etc/passwd")],
    ]
    for more in evil:
        bait.load(save_layout(bait.home / "evil.tar", "evil/image:1", layer(("f", "x")), more=more))


@pytest.mark.parametrize("member", ["../../outside/file", "/etc/passwd", "{outside}/file", "l"])
def test_an_archive_of_docker_that_names_other_files(bait, member):
    """The names in its manifest are members of the archive, never files of the host."""
    archive = bait.home / "evil.tar"
    for place in ("Config", "Layers"):
        save(archive, "evil/image:1", layer(("f", "x")))
        with tarfile.open(archive) as tar:
            text = tar.extractfile("manifest.json").read()
            members = [(one.name, tar.extractfile(one).read()) for one in tar.getmembers()]
        (manifest,) = image_store.json.loads(text)
        name = member.format(outside=bait.outside)
        manifest[place] = name if place == "Config" else [name]
        members[-1] = ("manifest.json", image_store.json.dumps([manifest]))
        archive.write_bytes(layer(link("l", bait.outside / "file"), *members))
        said, root = bait.load(archive)
        assert root is None
        assert "kept" not in said


def test_what_is_broken_is_refused(bait):
    """Cut off, not a layer at all, or not what its digest says."""
    good = save(bait.home / "whole.tar", "evil/image:1", layer(("f", os.urandom(100000))))
    whole = good.read_bytes()
    evil = bait.home / "evil.tar"
    for text in (b"", b"no archive", whole[: len(whole) // 2], whole[:700] + whole[:-700]):
        evil.write_bytes(text)
        assert bait.load(evil)[1] is None
    whole_layer = packed(layer(("f", os.urandom(1000))))
    for broken in (
        image_store.Packed(layer(("f", "x")), image_store.sha256(b"another")),
        b"this is no layer" * 100,
        image_store.Packed(whole_layer.data[:-20], whole_layer.digest),
    ):
        assert bait.load_layers(broken)[1] is None


@pytest.mark.parametrize(
    "name", ["--flag", "../x", "a b", "a;b", "$(touch x)", "evil/image:1\nb", "/abs", "A/B", ""]
)
def test_names_that_are_none(bait, name):
    """Of images in archives of both kinds."""
    for make in (save, save_layout):
        said, root = bait.load(make(bait.home / "evil.tar", name, layer(("f", "x"))))
        assert root is None
        assert "has no name" in said
