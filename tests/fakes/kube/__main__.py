"""python tests/fakes/kube --dir DIR …"""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])

from kube.command import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main())
