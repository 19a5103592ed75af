"""Where this copy's executors find images: Docker, or a store of their own."""

import contextlib
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from problems import DemoError

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "tools"))
import image_archive  # noqa: E402

LABEL = "openbatch.demo.recipe"


class Docker:
    """The engine that DOCKER_HOST names."""

    def __init__(self):
        done = self._run("version", "--format", "{{.Server.Version}}")
        if done.returncode != 0:
            where = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
            raise DemoError(f"no container engine answers at {where}:", done.stderr.decode())

    @staticmethod
    def _run(*arguments: str) -> subprocess.CompletedProcess:
        try:
            return subprocess.run(["docker", *arguments], capture_output=True)
        except FileNotFoundError:
            raise DemoError("there is no docker client on this machine") from None

    def find(self, name: str) -> tuple[str, str]:
        """(id, recipe) of what has that name; empty where nothing has, or no recipe is told."""
        template = f'{{{{.Id}}}} {{{{index .Config.Labels "{LABEL}"}}}}'
        done = self._run("image", "inspect", "--format", template, name)
        if done.returncode != 0:
            return "", ""
        image_id, _, recipe = done.stdout.decode().strip().partition(" ")
        return image_id, recipe

    def take(self, name: str, recipe: str, config: dict, write_root) -> None:
        """Makes an image of the tar that write_root(file) writes."""
        changes = [f"LABEL {LABEL}={recipe}", f"CMD {json.dumps(config['Cmd'])}"]
        changes += [f"ENV {pair}" for pair in config["Env"]]
        changes += [f"WORKDIR {config['WorkingDir']}"] if "WorkingDir" in config else []
        command = ["docker", "import"]
        for change in changes:
            command += ["--change", change]
        with subprocess.Popen(
            [*command, "-", name],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as importer:
            with contextlib.suppress(BrokenPipeError):  # The engine said no; its message follows.
                write_root(importer.stdin)
            _, errors = importer.communicate()
        if importer.returncode != 0:
            raise DemoError(f"docker import of {name} failed:", errors.decode().strip())

    def remove(self, image_id: str) -> None:
        self._run("image", "rm", image_id)  # One that a container still uses stays; no harm.


class Store:
    """The store of images, by `openbatch image`. Recipes are in a file of the demo, by name."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.file = folder / "recipes.json"
        self.recipes = json.loads(self.file.read_text()) if self.file.exists() else {}

    @staticmethod
    def _run(*arguments: str) -> str:
        done = subprocess.run(
            [ROOT / "openbatch", "image", *arguments], capture_output=True, text=True
        )
        if done.returncode != 0:
            raise DemoError(f"openbatch image {' '.join(arguments)} failed:", done.stderr.strip())
        return done.stdout

    def find(self, name: str) -> tuple[str, str]:
        for line in self._run("list").splitlines():
            words = line.split()
            if words[0].removeprefix("docker.io/") == name:
                image_id, recipe = self.recipes.get(name, ["", ""])
                return words[1], recipe if image_id == words[1] else ""
        return "", ""

    def take(self, name: str, recipe: str, config: dict, write_root) -> None:
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            layer, file = f"{folder}/layer.tar", f"{folder}/image.tar"
            with open(layer, "wb") as root:
                write_root(root)
            image_archive.write(file, name, layer, config)
            os.unlink(layer)
            self._run("load", file)
        self.recipes[name] = [self.find(name)[0], recipe]
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.recipes))
        new.rename(self.file)

    def remove(self, image_id: str) -> None:
        """Nothing to do: an image without a name goes by itself."""


def of_copy(folder: Path) -> Docker | Store:
    """folder: the demo's own."""
    return Store(folder) if os.environ.get("OPENBATCH_RUNTIME") == "oci" else Docker()
