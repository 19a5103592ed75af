"""What tools/kafka/acls.py finds out before it sends a password, and which of Kafka's lines
tools/kafka/run acts on."""

import contextlib
import os
import re
import shlex
import socket
import subprocess
import sys
import tempfile
import threading
import unittest
from pathlib import Path
from unittest import mock

KAFKA = Path(__file__).resolve().parents[2] / "tools/kafka"
sys.path.insert(0, str(KAFKA))
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


REFUSED = "INFO Unable to register broker 1 because of DUPLICATE_BROKER_REGISTRATION"
REGISTERED = "INFO Successfully registered broker 1 with broker epoch 7"
STARTED = "INFO Kafka Server started (kafka.server.KafkaRaftServer)"
OF_A_CLIENT = "ERROR Unexpected error handling request clientId="


class Controller:
    """Counts the connections to a port, and answers none."""

    def __init__(self):
        self.sock = socket.create_server(("127.0.0.1", 0))
        self.port = self.sock.getsockname()[1]
        self.connections = 0
        threading.Thread(target=self.serve, daemon=True).start()

    def serve(self):
        with contextlib.suppress(OSError):
            while True:
                self.sock.accept()[0].close()
                self.connections += 1


LOGIN = "listener.name.controller.plain.sasl.jaas.config"


class Run(unittest.TestCase):
    def setUp(self):
        self.controller = Controller()
        self.addCleanup(self.controller.sock.close)
        home = tempfile.TemporaryDirectory()
        self.addCleanup(home.cleanup)
        self.home = Path(home.name)
        (self.home / "data").mkdir()
        (self.home / "data/meta.properties").touch()
        (self.home / "properties").write_text(
            f"log.dirs={self.home}/data\n"
            f"controller.quorum.voters=1@127.0.0.1:{self.controller.port}\n"
            f'{LOGIN}=x username="a" password="@EACH_START@" user_a="@EACH_START@";\n'
        )

    def start(self, *lines):
        """Starts a Kafka that says those lines. Returns its configuration."""
        java = self.home / "java"
        java.write_text(
            "#!/bin/sh\n"
            'for last; do :; done; stat -c %a "$last" >$HOME/seen; cat "$last" >>$HOME/seen\n'
            f"printf '%s\\n' {shlex.join(lines)}\n"
        )
        java.chmod(0o755)
        done = subprocess.run(
            [KAFKA / "run", self.home, self.home / "properties", "log4j"],
            env={
                "HOME": str(self.home),
                "PATH": f"{self.home}:{os.environ['PATH']}",
                "OB_KAFKA_STARTED": f"echo x >>{self.home}/started",
            },
            capture_output=True,
            text=True,
            timeout=30,
        )
        for line in lines:
            self.assertIn(line, done.stdout)
        return (self.home / "seen").read_text().splitlines()

    def kafka_says(self, *lines):
        """Returns how often a broker was struck off, and how often what follows a start was run."""
        self.start(*lines)
        started = self.home / "started"
        starts = len(started.read_text().split()) if started.exists() else 0
        return self.controller.connections, starts

    def test_the_controllers_password_is_another_at_each_start(self):
        passwords = set()
        for _ in range(2):
            mode, *settings = self.start(STARTED)
            self.assertEqual(mode, "600")
            login = next(line for line in settings if line.startswith(LOGIN))
            name, password, user = re.findall(r'"([^"]*)"', login)
            self.assertEqual((name, password), ("a", user))
            self.assertGreaterEqual(len(password), 32)
            passwords.add(password)
        self.assertEqual(len(passwords), 2)

    def test_a_broker_that_is_not_let_in_strikes_the_old_one_off_once(self):
        self.assertEqual(self.kafka_says(REFUSED, REFUSED, REGISTERED, STARTED), (1, 1))

    def test_lines_with_texts_of_clients_do_nothing(self):
        forged = OF_A_CLIENT + REFUSED, OF_A_CLIENT + STARTED
        self.assertEqual(self.kafka_says(REGISTERED, forged[0], STARTED, *forged), (0, 1))


if __name__ == "__main__":
    unittest.main()
