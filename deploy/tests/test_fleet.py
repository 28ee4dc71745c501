"""The story of examples/fleet, run: accounts, replication, three machines, and who may do what."""

import json
import os
import pathlib
import socket
import tempfile
import time
import unittest

import common

FLEET = common.REPOSITORY / "examples/fleet"
ENTRIES = 300
PATIENCE = 90


def free_ports(count):
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [str(one.getsockname()[1]) for one in held]
    for one in held:
        one.close()
    return ports


class Fleet(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.state = f"{cls.folder.name}/state"
        cls.ports = free_ports(6)
        cls.env = dict(os.environ, STATE=cls.state, PORTS=" ".join(cls.ports), ENTRIES=str(ENTRIES),
                       INFRALOGS_PROGRAMS=str(common.programs()))
        cls.addClassCleanup(cls.folder.cleanup)
        cls.addClassCleanup(common.run, FLEET / "run.sh", "stop", env=cls.env)
        common.run(FLEET / "run.sh", "start", env=cls.env)

    def sql(self, role, port, statement, wants=0):
        """A statement as one of the accounts, with the password setup.sh gave it."""
        env = dict(os.environ, MYSQL_PWD=pathlib.Path(self.state, "passwords", role).read_text().strip())
        user = "root" if role == "root" else f"il-{role}"
        return common.run("mariadb", "--no-defaults", "--protocol=tcp", "-h", "127.0.0.1", "-P", port, f"-u{user}", "-N", "infralogs",
                          "-e", statement, wants=wants, env=env).strip()

    def test_every_entry_arrives_at_the_replica_once(self):
        count = "SELECT count(*), count(DISTINCT seqnum_id, seqnum) FROM logs WHERE identifier NOT LIKE 'infralogs-%'"
        end = time.monotonic() + PATIENCE
        while True:
            held = self.sql("reader", self.ports[1], count)
            if held == f"{3 * ENTRIES}\t{3 * ENTRIES}":
                break
            self.assertLess(time.monotonic(), end, f"the replica holds {held}")
            time.sleep(0.2)
        self.assertEqual(self.sql("reader", self.ports[1], "SELECT count(*) FROM failed_ssh"), str(3 * ENTRIES // 10))

    def test_both_pages_are_drawn_from_the_replica(self):
        for page in ("fleet", "health"):
            out = f"{self.folder.name}/{page}.json"
            common.run(common.programs() / "infralogs", "render", page, "--config", f"{self.state}/infralogs.yaml", "--out", out)
            self.assertIn("roots", json.loads(pathlib.Path(out).read_text()))

    def test_every_process_of_ours_is_on_the_page_of_our_own_health(self):
        # Dashboards read the replica, and tell the primary as `il-reporter`.
        end = time.monotonic() + PATIENCE
        while (held := self.sql("reader", self.ports[1], "SELECT DISTINCT process FROM processes ORDER BY 1").split()) != ["collector", "dashboard"]:
            self.assertLess(time.monotonic(), end, f"the replica knows {held}")
            time.sleep(0.2)

    def test_accounts_may_do_what_they_need_and_no_more(self):
        primary, replica = self.ports[:2]
        for refused, role, port in [
            ("DELETE FROM logs", "reader", primary), ("CREATE TABLE mine (a INT)", "reader", primary),
            ("SELECT 1 FROM mysql.user", "reader", primary), ("SELECT 1 FROM mysql.user", "writer", primary),
            ("CREATE USER someone", "writer", primary), ("SET GLOBAL read_only = 0", "owner", replica),
            ("SELECT 1", "replica", primary), ("SELECT 1 FROM processes", "reporter", primary),
            ("INSERT INTO logs (time) VALUES (1)", "reporter", primary), ("DELETE FROM processes", "reporter", primary),
        ]:
            self.assertRegex(self.sql(role, port, refused, wants=1), "denied", f"{role}: {refused}")
        self.assertIn("read-only", self.sql("owner", replica, "DELETE FROM logs", wants=1))
        # Vault's account makes an account as its role says, and drops it.
        self.sql("vault", primary, "CREATE USER 'v-test'@'%' IDENTIFIED BY 'x'; GRANT SELECT ON infralogs.* TO 'v-test'@'%'; DROP USER 'v-test'@'%'")
        self.sql("owner", primary, "CREATE TABLE owned (a INT); DROP TABLE owned")

    def test_setting_up_again_changes_nothing(self):
        said = common.run(common.REPOSITORY / "deploy/mysql/setup.sh", env=dict(
            os.environ, PRIMARY=f"127.0.0.1:{self.ports[0]}", REPLICA=f"127.0.0.1:{self.ports[1]}", PASSWORDS=f"{self.state}/passwords"))
        self.assertIn("follows already", said)
        status = self.sql("root", self.ports[1], "SHOW ALL SLAVES STATUS").split("\t")
        self.assertGreaterEqual(status.count("Yes"), 2, "both threads of replication run")

    def test_what_was_not_started_has_no_status(self):
        said = common.run(FLEET / "run.sh", "status", env=dict(os.environ, STATE=f"{self.folder.name}/none"), wants=2)
        self.assertIn("run.sh start", said)

    def test_a_missing_password_is_named(self):
        with tempfile.TemporaryDirectory() as empty:
            said = common.run(common.REPOSITORY / "deploy/mysql/setup.sh", wants=2, env=dict(
                os.environ, PRIMARY="127.0.0.1:1", PASSWORDS=empty))
            self.assertIn("the password file root is missing", said)


if __name__ == "__main__":
    unittest.main()
