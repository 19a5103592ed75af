"""What tools/kafka/acls.py finds out before it sends a password."""

import os
import socket
import subprocess
import sys
import unittest
from pathlib import Path
from unittest import mock

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "tools/kafka"))
CLIENT = {name: mock.Mock() for name in ("confluent_kafka", "confluent_kafka.admin")}
with mock.patch.dict(sys.modules, CLIENT):
    import acls


class Listener(unittest.TestCase):
    def at(self, family, host):
        """A socket that listens; its address as IPv4 has it."""
        sock = socket.socket(family)
        self.addCleanup(sock.close)
        sock.bind((host, 0))
        sock.listen()
        return f"127.0.0.1:{sock.getsockname()[1]}"

    def other_process(self):
        other = subprocess.Popen(["sleep", "60"])
        self.addCleanup(other.wait)
        self.addCleanup(other.kill)
        return other.pid

    def test_the_process_that_listens_is_known(self):
        for address in (
            self.at(socket.AF_INET, "127.0.0.1"),
            self.at(socket.AF_INET6, "::ffff:127.0.0.1"),
        ):
            self.assertTrue(acls.listens(os.getpid(), address))
            self.assertFalse(acls.listens(self.other_process(), address))

    def test_nobody_is_not_the_process(self):
        address = self.at(socket.AF_INET, "127.0.0.1")
        for pid in (None, "", 2**22 + 1):
            self.assertFalse(acls.listens(pid, address))
        self.assertFalse(acls.listens(os.getpid(), "127.0.0.1:1"))
        # Another address of the host, at the same port.
        self.assertFalse(acls.listens(os.getpid(), address.replace("127.0.0.1", "127.0.0.2")))


if __name__ == "__main__":
    unittest.main()
