"""Where the repository's parts are, and how a command is run. Tests here need `.ci/test` to have installed its tools."""

import os
import pathlib
import platform
import shutil
import subprocess

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
# Debian's client and a current one, put there by .ci/test.
OLD_KUBECTL = REPOSITORY / "target/kubectl/usr/bin/kubectl"
NEW_KUBECTL = REPOSITORY / "target/kubectl/current/kubectl"
PROMTOOL = REPOSITORY / "target/promtool/usr/bin/promtool"


def programs():
    """The folder with the programs under test."""
    return pathlib.Path(os.environ.get("INFRALOGS_PROGRAMS", REPOSITORY / "target/debug"))


def run(*command, wants=0, **more):
    """Runs a command to its end and returns what it printed on both outputs; it must end as wanted."""
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=120, **more)
    assert wants is None or done.returncode == wants, f"{command} ended with {done.returncode}:\n{done.stdout}"
    return done.stdout


def render(overlay, kubectl=OLD_KUBECTL):
    """An overlay as one client builds it."""
    folder = REPOSITORY / "deploy/kubernetes/overlays" / overlay
    return subprocess.run([kubectl, "kustomize", folder], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True).stdout


def kubectls():
    """Debian's old client, a current one, and the machine's own if it has one."""
    new = [NEW_KUBECTL] if platform.machine() == "x86_64" else []
    own = shutil.which("kubectl")
    return [OLD_KUBECTL] + new + ([own] if own else [])
