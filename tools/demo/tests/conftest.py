"""Lets the tests import the demo's modules as main.py does."""

import sys
from pathlib import Path

DEMO = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(DEMO), str(DEMO / "containers")]
