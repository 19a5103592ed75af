"""What tools/web/unpack.py takes out of a WebJar, and what services/console/embed_assets.py
embeds."""

import contextlib
import gzip
import io
import re
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path
from unittest import mock

ROOT = Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tools/web"), str(ROOT / "services/console")]
import embed_assets  # noqa: E402
import unpack  # noqa: E402


class Unpacking(unittest.TestCase):
    def test_a_modules_files_come_without_its_version(self):
        with tempfile.TemporaryDirectory() as folder:
            jar, modules = Path(folder) / "a.jar", Path(folder) / "modules"
            (modules / "old").mkdir(parents=True)
            with zipfile.ZipFile(jar, "w") as archive:
                archive.writestr("META-INF/MANIFEST.MF", "x")
                archive.writestr("META-INF/resources/webjars/preact/1.2.3/package.json", "{}")
                archive.writestr("META-INF/resources/webjars/preact/1.2.3/dist/preact.js", "js")
            with mock.patch.object(sys, "argv", ["unpack.py", str(modules), str(jar)]):
                unpack.main()
            files = {str(p.relative_to(modules)) for p in modules.rglob("*") if p.is_file()}
            self.assertEqual(files, {"preact/package.json", "preact/dist/preact.js"})
            self.assertEqual((modules / "preact/dist/preact.js").read_text(), "js")
            self.assertFalse((modules / "old").exists())

    def test_a_jar_writes_nowhere_else(self):
        begin = "META-INF/resources/webjars"
        for name in (f"{begin}/a/1/../../../../../etc/x", f"{begin}/a/1", "x/y", "/etc/passwd"):
            self.assertIsNone(unpack.target(name), name)


class Embedding(unittest.TestCase):
    def embed(self, limit):
        with tempfile.TemporaryDirectory() as folder:
            page, script, out = (Path(folder) / n for n in ("index.html", "a.js", "out.c"))
            page.write_text("<p>page</p>")
            script.write_text("alert" * 1000)
            words = ["embed_assets.py", str(out), str(limit), str(page), str(script)]
            with mock.patch.object(sys, "argv", words):
                embed_assets.main()
            return out.read_text()

    def test_files_are_compressed_and_have_their_type(self):
        text = self.embed(4096)
        self.assertIn('{ "/index.html", "text/html; charset=utf-8", ', text)
        self.assertIn('{ "/assets/a.js", "text/javascript; charset=utf-8", ', text)
        data = re.findall(r"asset_1\[\] = \{\n(.*?)\};", text, re.DOTALL)[0]
        self.assertEqual(
            gzip.decompress(bytes(map(int, re.findall(r"\d+", data)))), b"alert" * 1000
        )

    def test_the_same_content_gives_the_same_text(self):
        self.assertEqual(self.embed(4096), self.embed(4096))

    def test_too_much_is_refused(self):
        with contextlib.redirect_stderr(io.StringIO()), self.assertRaises(SystemExit):
            self.embed(50)


if __name__ == "__main__":
    unittest.main()
