"""What others write does not reach the operator's terminal as it is."""

import sys
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parents[2] / "tools"
sys.path[:0] = [str(TOOLS), str(TOOLS / "doctor")]
import finding  # noqa: E402
from plain import plain  # noqa: E402


class Plain(unittest.TestCase):
    def test_control_characters_are_replaced(self):
        self.assertEqual(plain("a\x1b[2Jb\x9b1m\x07\u202e"), "a?[2Jb?1m??")
        self.assertEqual(plain("größer, 空白: ok"), "größer, 空白: ok")

    def test_a_finding_has_none(self):
        found = finding.Finding("jobs", "wait:\n\x1b]0;x\x07", "nothing", "look")
        self.assertEqual(found.wrong, "wait: ?]0;x?")


if __name__ == "__main__":
    unittest.main()
