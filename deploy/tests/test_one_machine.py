"""The story of examples/one_machine: the commands of its README, as they stand there, on a small journal and free ports."""

import os
import pathlib
import re
import shutil
import subprocess
import tempfile
import time
import unittest
import urllib.request

import common
from test_fleet import free_ports

STORY = common.REPOSITORY / "examples/one_machine"
ENTRIES = 200
PATIENCE = 60


def get(url):
    """The page, or nothing while nobody answers."""
    try:
        return urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=10).read().decode()
    except OSError:
        return ""


class OneMachine(unittest.TestCase):
    def test_its_commands_work_as_they_are_written(self):
        with tempfile.TemporaryDirectory() as name:
            folder = pathlib.Path(name)
            here = folder / "examples/one_machine"
            shutil.copytree(STORY, here, ignore=shutil.ignore_patterns("data"))
            (folder / "scripts").symlink_to(common.REPOSITORY / "scripts")
            common.run("python3", common.REPOSITORY / "examples/fleet/journals.py", folder / "journals", ENTRIES)
            agent, page = free_ports(2)
            config = here / "infralogs.yaml"
            config.write_text(config.read_text().replace(":7070", f":{agent}").replace(":8080", f":{page}"))
            blocks = re.findall(r"```sh\n(.*?)```", (here / "README.md").read_text(), re.S)
            self.assertEqual(len(blocks), 6)
            build, token, ask, poll, go_on, clean = (
                block.replace("/var/log/journal", f"{folder}/journals/web-1").replace(":7070", f":{agent}") for block in blocks)
            self.assertIn("cargo build", build)
            # The page is served in the foreground there; here it is one more background program.
            script = ["set -em", token, "sleep 2", ask, poll, go_on.rstrip() + " &", "read -r _", clean, "kill %3; wait"]
            env = dict(os.environ, PATH=f"{common.programs()}:{os.environ['PATH']}")
            said = folder / "said"
            with said.open("w") as log:
                shell = subprocess.Popen(["bash", "-c", "\n".join(script)], cwd=here, env=env, stdin=subprocess.PIPE,
                                         stdout=log, stderr=log, text=True, start_new_session=True)
                try:
                    end = time.monotonic() + PATIENCE
                    while "<html" not in get(f"http://127.0.0.1:{page}/d/fleet"):
                        self.assertTrue(shell.poll() is None and time.monotonic() < end, said.read_text())
                        time.sleep(0.2)
                    shell.communicate("\n", timeout=PATIENCE)
                finally:
                    for child in subprocess.run(["pgrep", "-s", str(shell.pid)], capture_output=True, text=True).stdout.split():
                        os.kill(int(child), 9)
            text = said.read_text()
            # And the reports: one entry of the agent's scripts, one of each of this machine's disks.
            stored = int(re.search(r"\n(\d+) entries, \d+ rows stored", text)[1])
            self.assertTrue(ENTRIES + 2 <= stored < ENTRIES + 100, text)
            self.assertEqual(text.count('"MESSAGE"') + text.count('"message"'), 3, "curl showed three entries")
            self.assertFalse((here / "data").exists(), "nothing is left")


if __name__ == "__main__":
    unittest.main()
