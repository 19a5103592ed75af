"""One thing that is wrong, or worth knowing."""

import sys
from dataclasses import dataclass
from pathlib import Path

sys.path.append(str(Path(__file__).resolve().parents[1]))
from plain import plain  # noqa: E402


@dataclass
class Finding:
    """Each text is one line. 'part' is a server, a service, or a subject such as disk or clock."""

    part: str
    wrong: str
    means: str  # for jobs
    do: str
    level: str = "problem"  # or note: worth knowing, nothing is wrong
    echo_of: str = ""  # the part whose own problem would explain this one

    def __post_init__(self):
        for name in ("wrong", "means", "do"):
            setattr(self, name, plain(" ".join(str(getattr(self, name)).split())))

    def as_json(self):
        names = ("part", "level", "wrong", "means", "do")
        return {name: getattr(self, name) for name in names}
