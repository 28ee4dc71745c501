"""Units, users and folders as systemd's own tools judge them; packages as dpkg installs them."""

import os
import pathlib
import shutil
import tempfile
import unittest

import common

SYSTEMD = common.REPOSITORY / "deploy/systemd"
UNITS = ["infralogs-agent.service", "infralogs-collector.service", "infralogs-dashboard.service"]
# systemd's exposure, 0 safe to 10: at most this.
EXPOSURE_MAX = 1.6


def small_programs(folder):
    """Our programs without debug information, so that packing them is quick."""
    os.makedirs(folder)
    for name in ("infralogs", "infralogs-agent"):
        common.run("strip", "--strip-all", "-o", f"{folder}/{name}", common.programs() / name)
    return folder


class Units(unittest.TestCase):
    def test_systemd_finds_nothing_wrong_in_them(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            common.run(SYSTEMD / "install.sh", "--destdir", root, "--programs", common.programs(), "all")
            for unit in UNITS:
                # Verified where the programs are: with paths of this machine, and man pages left out.
                text = (root / "usr/lib/systemd/system" / unit).read_text().replace("/usr/bin/infralogs", f"{root}/usr/bin/infralogs")
                (root / unit).write_text("\n".join(line for line in text.splitlines() if not line.startswith("Documentation=")))
                said = common.run("systemd-analyze", "verify", root / unit, wants=None)
                ours = [line for line in said.splitlines() if unit in line]
                self.assertEqual(ours, [], said)

    def test_they_are_hardened(self):
        for unit in UNITS:
            said = common.run("systemd-analyze", "security", "--offline=true", SYSTEMD / unit, wants=None)
            level = float(said.split("exposure level for")[1].split(":")[1].split()[0])
            self.assertLessEqual(level, EXPOSURE_MAX, unit)
            text = (SYSTEMD / unit).read_text()
            for line in ("NoNewPrivileges=yes", "ProtectSystem=strict", "CapabilityBoundingSet=\n", "Restart="):
                self.assertIn(line, text)
        for unit in UNITS[1:]:
            self.assertIn("ExecStartPre=/usr/bin/infralogs check --config", (SYSTEMD / unit).read_text())
        # The agent is checked with the very arguments it is started with.
        lines = dict(line.split("=", 1) for line in (SYSTEMD / UNITS[0]).read_text().splitlines() if "infralogs-agent --" in line)
        self.assertEqual(lines["ExecStartPre"].replace(" --check", ""), lines["ExecStart"])

    def test_users_and_folders_are_made(self):
        with tempfile.TemporaryDirectory() as folder:
            root = pathlib.Path(folder)
            (root / "etc").mkdir()
            (root / "etc/group").write_text("root:x:0:\nsystemd-journal:x:999:\n")
            (root / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/bash\n")
            common.run("systemd-sysusers", f"--root={root}", SYSTEMD / "infralogs.sysusers")
            names = {line.split(":")[0] for line in (root / "etc/passwd").read_text().splitlines()}
            self.assertLessEqual({"infralogs", "infralogs-agent"}, names)
            journal = [line for line in (root / "etc/group").read_text().splitlines() if line.startswith("systemd-journal:")]
            self.assertIn("infralogs-agent", journal[0])
            (root / "etc/infralogs").mkdir()
            (root / "etc/infralogs/agent.tokens").write_text("token\n")
            common.run("systemd-tmpfiles", f"--root={root}", "--create", SYSTEMD / "infralogs.tmpfiles")
            self.assertEqual(oct((root / "etc/infralogs/agent.tokens").stat().st_mode)[-3:], "640")
            self.assertEqual(oct((root / "etc/infralogs/secrets").stat().st_mode)[-3:], "750")


class Install(unittest.TestCase):
    def test_a_second_installation_keeps_what_the_operator_changed(self):
        with tempfile.TemporaryDirectory() as root:
            install = [SYSTEMD / "install.sh", "--destdir", root, "--programs", common.programs(), "server"]
            common.run(*install)
            script = pathlib.Path(root, "etc/infralogs/scripts/schedules/fleet.rhai")
            script.write_text("// mine\n")
            common.run(*install)
            self.assertEqual(script.read_text(), "// mine\n")
            self.assertFalse(pathlib.Path(root, "usr/bin/infralogs-agent").exists())

    def test_mistakes_are_said(self):
        said = common.run(SYSTEMD / "install.sh", "everything", wants=2)
        self.assertIn("what is everything?", said)
        said = common.run(SYSTEMD / "install.sh", "--destdir", "/nonexistent", "--programs", "/nowhere", "agent", wants=None)
        self.assertIn("cargo build --release --locked -p infralogs-agent", said)

    def test_packages_install_and_their_programs_run_as_configured(self):
        with tempfile.TemporaryDirectory() as folder:
            programs = small_programs(f"{folder}/programs")
            packages = common.run(SYSTEMD / "deb.sh", "--programs", programs, f"{folder}/out").split()
            self.assertEqual(len(packages), 2)
            root = pathlib.Path(folder, "root")
            (root / "var/lib/dpkg/info").mkdir(parents=True)
            (root / "var/lib/dpkg/updates").mkdir()
            (root / "var/lib/dpkg/status").touch()
            # In a root of its own: its scripts find no running systemd there and change nothing of this machine.
            common.run("dpkg", f"--root={root}", "--force-script-chrootless", "--force-depends", "--install", *packages)
            self.assertIn("install ok installed", common.run("dpkg-query", f"--admindir={root}/var/lib/dpkg", "-W", "-f",
                                                             "${Status}\n", "infralogs", "infralogs-agent"))
            config = root / "etc/infralogs/infralogs.yaml"
            config.write_text(config.read_text().replace("/etc/infralogs", f"{root}/etc/infralogs"))
            self.assertIn("is fine", common.run(root / "usr/bin/infralogs", "check", "--config", config))
            self.assertIn("infralogs-agent 0.1.0", common.run(root / "usr/bin/infralogs-agent", "--version"))
            pages = {path.name for path in (root / "usr/share/man/man1").iterdir()}
            self.assertLessEqual({"infralogs.1.gz", "infralogs-collect.1.gz", "infralogs-agent.1.gz"}, pages)
            conffiles = pathlib.Path(root, "var/lib/dpkg/info/infralogs.conffiles").read_text()
            self.assertIn("/etc/infralogs/scripts/schedules/fleet.rhai", conffiles)


class Manual(unittest.TestCase):
    def test_pages_and_completions_come_from_the_command_line(self):
        with tempfile.TemporaryDirectory() as folder:
            common.run(common.programs() / "infralogs", "man", folder)
            pages = {path.name: path.read_text() for path in pathlib.Path(folder).iterdir()}
            self.assertLessEqual({"infralogs.1", "infralogs-dry-run.1", "infralogs-collect.1"}, set(pages))
            self.assertIn("Polls the fleet", pages["infralogs-collect.1"])
            self.assertIn("token\\-file", common.run(common.programs() / "infralogs-agent", "man"))
            for shell in ("bash", "zsh", "fish"):
                self.assertIn("dry-run", common.run(common.programs() / "infralogs", "completions", shell))


if __name__ == "__main__":
    if not shutil.which("systemd-analyze"):
        raise SystemExit("test_systemd: systemd-analyze is missing: apt-get install systemd")
    unittest.main()
