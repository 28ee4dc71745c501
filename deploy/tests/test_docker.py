"""Assembles an image's root from this machine's files and runs our programs in it as a container would; checks
Dockerfile and compose file."""

import contextlib
import hashlib
import json
import os
import pathlib
import re
import signal
import socket
import subprocess
import tempfile
import time
import unittest

import common
import compose_spec
import yaml

DOCKER = common.REPOSITORY / "deploy/docker"
PATIENCE = 60
# Any group that is not the program's own.
JOURNAL_GROUP = 4321


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


@contextlib.contextmanager
def running(root, binds, *command, groups="10001"):
    """A program in its root, ended as a container is; gives the file with what it prints."""
    words = [DOCKER / "run.sh", root] + [word for bind in binds for word in ("--bind", bind)] + ["--", *command]
    with tempfile.TemporaryFile("w+") as log:
        # In a group of its own: `unshare --kill-child` loses hold of a program that changed its user.
        process = subprocess.Popen([str(word) for word in words], stdout=log, stderr=log, start_new_session=True,
                                   env=dict(os.environ, GROUPS_EXTRA=groups))
        try:
            yield process, log
        finally:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def healthy(program, port):
    """Waits until the program in its own root says that it is well; the answer."""
    end = time.monotonic() + PATIENCE
    while True:
        done = subprocess.run([common.programs() / program, "health", f"http://127.0.0.1:{port}"], capture_output=True, text=True)
        if done.returncode == 0:
            return json.loads(done.stdout)
        assert time.monotonic() < end, f"not healthy after {PATIENCE} s: {done.stderr}"
        time.sleep(0.1)


def root_of(program, folder):
    root = pathlib.Path(folder) / program
    common.run(DOCKER / "root.sh", common.programs() / program, root)
    return root


class Root(unittest.TestCase):
    def test_it_holds_a_program_its_libraries_and_no_shell(self):
        with tempfile.TemporaryDirectory() as folder:
            root = root_of("infralogs-agent", folder)
            programs = [path.name for path in root.rglob("*") if path.is_file() and os.access(path, os.X_OK)
                        and ".so" not in path.name]
            self.assertEqual(programs, ["infralogs-agent"])
            self.assertTrue((root / "etc/ssl/certs/ca-certificates.crt").stat().st_size > 100_000)
            self.assertIn("failed to run", common.run(DOCKER / "run.sh", root, "--", "/bin/sh", "-c", "true", wants=127))
            first = {path: path.lstat().st_mtime for path in root.rglob("*")}
            self.assertEqual(set(first.values()), {0.0}, "all files carry one time")

    def test_the_same_program_gives_the_same_bytes(self):
        sums = set()
        for _ in range(2):
            with tempfile.TemporaryDirectory() as folder:
                root = root_of("infralogs-agent", folder)
                packed = subprocess.run(["tar", "--sort=name", "-C", root, "-c", "."], check=True, capture_output=True).stdout
                sums.add(hashlib.sha256(packed).hexdigest())
                time.sleep(1.1)  # the next one is made in another second
        self.assertEqual(len(sums), 1)

    def test_agent_collector_and_dashboard_run_read_only_without_rights(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            here = pathlib.Path(folder)
            agent, server = root_of("infralogs-agent", folder), root_of("infralogs", folder)
            journals, config, secrets, store = (here / name for name in ("journals", "config", "secrets", "store"))
            common.run("python3", common.REPOSITORY / "examples/fleet/journals.py", journals, 100)
            for made in (config, secrets, store):
                made.mkdir()
            # As on a host: root's, readable by the journal's group.
            for path in (journals / "web-1").iterdir():
                os.chown(path, 0, JOURNAL_GROUP)
                path.chmod(0o640)
            (secrets / "token").write_text("docker-test-token-0123456789\n")
            os.chown(store, 10001, 10001)
            listen, page = free_port(), free_port()
            (config / "infralogs.yaml").write_text(
                "scripts: /etc/infralogs/scripts\nstore: sqlite:///var/lib/infralogs/infralogs.db\n"
                f"listen: 127.0.0.1:{page}\ninventories:\n  fleet:\n"
                f"    - {{ name: web-1, url: \"http://127.0.0.1:{listen}\", token_file: /etc/infralogs/secrets/token }}\n")
            mounts = [f"{common.REPOSITORY}/scripts:/etc/infralogs/scripts", f"{config}:/etc/infralogs/config",
                      f"{secrets}:/etc/infralogs/secrets", f"{store}:/var/lib/infralogs:rw"]
            agent_mounts = [f"{journals}/web-1:/var/log/journal", f"{secrets}:/etc/infralogs/tokens"]
            with running(agent, agent_mounts, "/bin/infralogs-agent", "--journal", "/var/log/journal", "--listen",
                         f"127.0.0.1:{listen}", "--token-file", "/etc/infralogs/tokens/token", groups=f"10001,{JOURNAL_GROUP}"):
                healthy("infralogs-agent", listen)
                said = common.run(DOCKER / "run.sh", server, *[w for m in mounts for w in ("--bind", m)], "--", "/bin/infralogs",
                                  "collect", "--config", "/etc/infralogs/config/infralogs.yaml", "--once")
                self.assertRegex(said, r"\b1\d\d entries")
            self.assertEqual({path.stat().st_uid for path in store.iterdir()}, {10001})
            with running(server, mounts, "/bin/infralogs", "serve", "--config", "/etc/infralogs/config/infralogs.yaml") as (process, _):
                self.assertEqual(healthy("infralogs", page)["status"], "ok")
                self.confined(process.pid)

    def test_an_agent_reports_the_disks_of_the_machine_around_it(self):
        with tempfile.TemporaryDirectory() as folder:
            os.chmod(folder, 0o755)
            here, listen = pathlib.Path(folder), free_port()
            agent = root_of("infralogs-agent", folder)
            common.run("python3", common.REPOSITORY / "examples/fleet/journals.py", here / "journals", 5)
            for path in (here / "journals/web-1").iterdir():
                path.chmod(0o644)
            (here / "secrets").mkdir()
            (here / "secrets/token").write_text("docker-test-token-0123456789\n")
            mounts = [f"{here}/journals/web-1:/var/log/journal", f"{here}/secrets:/etc/infralogs/tokens", "/:/host"]
            with running(agent, mounts, "/bin/infralogs-agent", "--journal", "/var/log/journal", "--listen",
                         f"127.0.0.1:{listen}", "--token-file", "/etc/infralogs/tokens/token", "--host-root", "/host"):
                healthy("infralogs-agent", listen)
                said = common.run("curl", "-sSf", "-H", "authorization: Bearer docker-test-token-0123456789",
                                  f"http://127.0.0.1:{listen}/reports/disk")
            reported = [json.loads(line) for line in said.splitlines()]
            (top,) = [entry for entry in reported if entry.get("DISK_MOUNT") == "/"]
            usage = os.statvfs("/")
            self.assertEqual(int(top["DISK_TOTAL_BYTES"]), usage.f_blocks * usage.f_frsize)
            self.assertEqual(int(top["DISK_INODES"]), usage.f_files)
            self.assertEqual(top["_HOSTNAME"], pathlib.Path("/etc/hostname").read_text().strip())

    def confined(self, pid):
        """The innermost process has user 10001, no capabilities, no new privileges and a root it cannot write."""
        while children := pathlib.Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            pid = int(children[0])
        status = dict(line.split(":\t", 1) for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines() if ":\t" in line)
        self.assertEqual(status["Uid"].split(), ["10001"] * 4)
        self.assertEqual(status["Gid"].split(), ["10001"] * 4)
        for capabilities in ("CapEff", "CapPrm", "CapInh", "CapAmb"):
            self.assertEqual(int(status[capabilities], 16), 0, capabilities)
        self.assertEqual(status["NoNewPrivs"], "1")
        mounts = [line.split() for line in pathlib.Path(f"/proc/{pid}/mounts").read_text().splitlines()]
        (top,) = [mount for mount in mounts if mount[1] == "/"][-1:]
        self.assertIn("ro", top[3].split(","))
        writable = {mount[1] for mount in mounts if "rw" in mount[3].split(",")}
        self.assertEqual(writable, {"/var/lib/infralogs", "/tmp", "/proc"})


class Files(unittest.TestCase):
    def test_compose_is_valid_and_describes_the_whole_deployment(self):
        text = (DOCKER / "compose.yaml").read_text()
        compose = yaml.safe_load(text)
        compose_spec.ComposeSpecification.model_validate(compose)
        with self.assertRaises(Exception):
            compose_spec.ComposeSpecification.model_validate(compose | {"services": {"agent-1": {"depends_on": 7}}})
        self.assertEqual(set(compose["services"]), {
            "agent-1", "agent-2", "primary", "replica", "setup", "vault", "collector", "dashboard"})
        for name in ("agent-1", "agent-2", "collector", "dashboard"):
            service = compose["services"][name]
            self.assertTrue(service["read_only"])
            self.assertEqual((service["user"], service["cap_drop"]), ("10001:10001", ["ALL"]))
            self.assertIn("no-new-privileges:true", service["security_opt"])
        for service in compose["services"].values():
            for volume in service["volumes"] if "volumes" in service else []:
                if volume["type"] == "bind" and not volume["source"].startswith(("./secrets", "$")):
                    self.assertTrue((DOCKER / volume["source"]).exists(), volume["source"])
            for port in service.get("ports", []):
                self.assertTrue(port.startswith("127.0.0.1:"), port)

    def test_beside_it_stand_vault_and_mysql_8(self):
        base = yaml.safe_load((DOCKER / "compose.yaml").read_text())
        for name in ("vault", "mysql8"):
            more = yaml.safe_load((DOCKER / f"compose.{name}.yaml").read_text().replace("!override", ""))
            compose_spec.ComposeSpecification.model_validate(more)
            for service, said in more["services"].items():
                self.assertTrue(service in base["services"] or "image" in said, service)
                for volume in said.get("volumes", []):
                    if volume["type"] == "bind" and not volume["source"].startswith("./secrets"):
                        self.assertTrue((DOCKER / volume["source"]).exists(), volume["source"])
        # Each configuration is read, and asks for nothing but what its policy holds.
        for name, paths in {"collector": ["database/creds/il-writer", "secret/infralogs/agents"], "dashboard": ["database/creds/il-reader", "database/creds/il-reporter"]}.items():
            folder = DOCKER / "config/vault" / name
            said = common.run(common.programs() / "infralogs", "doctor", "--config", folder / "infralogs.yaml", wants=1)
            self.assertIn("FAIL  Vault at http://vault:8200", said)
            named = re.findall(r"(?:secret: )(database/creds/[a-z-]+|secret/infralogs/agents)", (folder / "infralogs.yaml").read_text())
            self.assertEqual(sorted(set(named)), paths)

    def test_the_dockerfile_ends_in_three_small_images(self):
        text = (DOCKER / "Dockerfile").read_text()
        stages = dict(re.findall(r"^FROM (\S+) AS (\S+)$", text, re.M)[i][::-1] for i in range(4))
        self.assertEqual({name for name, base in stages.items() if base == "scratch"}, {"agent", "collector", "dashboard"})
        for name in ("agent", "collector", "dashboard"):
            stage = text.split(f" AS {name}\n")[1].split("\nFROM ")[0]
            for word in ("LABEL ", "USER 10001:10001", "HEALTHCHECK ", '"health"', "ENTRYPOINT ["):
                self.assertIn(word, stage)
            self.assertNotIn("RUN ", stage)
            # What it starts is a command line that the program takes.
            words = json.loads(re.search(r"^ENTRYPOINT (.*)$", stage, re.M)[1])
            said = common.run(common.programs() / pathlib.Path(words[0]).name, "--help")
            self.assertIn("health", said)
        self.assertNotIn(":latest", text)
        self.assertIn("cargo build --locked", text)
        # The oldest Rust that is promised builds it, and no path or moment of a build is in what it makes.
        stated = re.search(r'^rust-version = "(.*)"$', (common.REPOSITORY / "Cargo.toml").read_text(), re.M)[1]
        self.assertRegex(stages["build"], rf"^rust:{re.escape(stated)}-")
        for word in ("SOURCE_DATE_EPOCH=${SOURCE_DATE_EPOCH}", "--remap-path-prefix=/source=", "CARGO_INCREMENTAL=0"):
            self.assertIn(word, text)

    def test_the_bill_of_materials_names_what_is_linked(self):
        names = {}
        for program in ("infralogs", "infralogs-agent"):
            document = json.loads(subprocess.run([DOCKER / "sbom.py", program], cwd=common.REPOSITORY, check=True, capture_output=True).stdout)
            self.assertEqual((document["bomFormat"], document["specVersion"]), ("CycloneDX", "1.5"))
            self.assertEqual(document["metadata"]["component"]["name"], program)
            names[program] = {one["name"] for one in document["components"]}
        self.assertLessEqual({"mysql", "tide", "rhai", "tokio"}, names["infralogs"])
        self.assertNotIn("mysql", names["infralogs-agent"])
        self.assertNotIn("proptest", names["infralogs"], "what only tests need is not shipped")

    def test_secrets_are_made_once(self):
        with tempfile.TemporaryDirectory() as folder:
            common.run(DOCKER / "secrets.sh", f"{folder}/s")
            before = {path: path.read_text() for path in pathlib.Path(folder).rglob("*") if path.is_file()}
            common.run(DOCKER / "secrets.sh", f"{folder}/s")
            self.assertEqual(before, {path: path.read_text() for path in before})
            self.assertEqual(oct(os.stat(f"{folder}/s").st_mode)[-3:], "700")
            self.assertEqual(len(before), 14)
            self.assertEqual(len(set(before.values())), 10, "each secret its own word")


if __name__ == "__main__":
    unittest.main()
