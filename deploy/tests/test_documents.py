"""What documents promise: links that lead somewhere, builds by the lock file, and secrets under the names that pods look for."""

import pathlib
import re
import subprocess
import tempfile
import unittest

import common
import yaml

# Every command of a block runs as it stands; what needs a cluster or a registry only notes what it would do there.
STAND_INS = """set -euo pipefail
kubectl() {
  case " $* " in
    *" create "*) command $KUBECTL "$@" --dry-run=client -o yaml >>"$MADE"; echo --- >>"$MADE" ;;
    *" apply -k "* | *" delete -k "*) command $KUBECTL kustomize "${@: -1}" >"$APPLIED" 2>/dev/null ;;
    *" port-forward "*) ;;
    *) return 2 ;;
  esac
}
docker() { [ -e "$3" ] && grep -q " AS $5\\$" "$3"; }
kind() { [ "$1 $2" = "load docker-image" ]; }
"""


def documents():
    """Every document that is part of the repository, and its text."""
    others = {"target", "node_modules", ".git", ".venv"}
    paths = [path for path in common.REPOSITORY.rglob("*.md") if not others & set(path.relative_to(common.REPOSITORY).parts)]
    return {str(path.relative_to(common.REPOSITORY)): path.read_text() for path in paths}


def blocks(document):
    return re.findall(r"```sh\n(.*?)```", (common.REPOSITORY / document).read_text(), re.S)


def anchor(heading):
    """How a heading is named in an address."""
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


class Documents(unittest.TestCase):
    def test_links_lead_somewhere(self):
        texts = documents()
        self.assertGreater(len(texts), 20)
        for name, text in texts.items():
            for to, _, part in re.findall(r"\]\(([^)#\s]*)(#([^)\s]*))?\)", re.sub(r"```.*?```|`[^`\n]*`", "", text, flags=re.S)):
                if re.match(r"[a-z]+:", to):
                    continue
                target = (common.REPOSITORY / name).parent / to if to else common.REPOSITORY / name
                self.assertTrue(target.exists(), f"{name} leads to {to}")
                if part:
                    headings = re.findall(r"^#+ (.*)$", target.read_text(), re.M)
                    self.assertIn(part, map(anchor, headings), f"{name} leads to {to}#{part}")

    def test_what_is_built_to_be_run_is_built_by_the_lock_file(self):
        texts = documents() | {str(path.relative_to(common.REPOSITORY)): path.read_text()
                               for path in (common.REPOSITORY / "deploy").rglob("*") if path.suffix == ".sh" or path.name == "Dockerfile"}
        for name, text in texts.items():
            # Figures and contributions are for those who change it.
            if "benches" in name or name == "CONTRIBUTING.md":
                continue
            for command in re.findall(r"cargo (?:build|run|install) [^`\n]*--release[^`\n]*", text):
                if command != "cargo build --release":  # the name of a figure
                    self.assertIn("--locked", command, name)


class Secrets(unittest.TestCase):
    def made_by(self, script, folder):
        """The objects that a document's commands make, and what they apply."""
        made, applied = pathlib.Path(folder, "made"), pathlib.Path(folder, "applied")
        made.touch()
        env = {"PATH": "/usr/bin:/bin:/usr/sbin:/sbin", "HOME": folder, "KUBECTL": str(common.OLD_KUBECTL), "MADE": str(made), "APPLIED": str(applied)}
        done = subprocess.run(["bash", "-c", STAND_INS + script], cwd=common.REPOSITORY, env=env, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout)
        return [one for one in yaml.safe_load_all(made.read_text()) if one], applied

    def fits(self, overlay, made):
        """Every Secret that a pod of an overlay asks for is made, in its namespace, with the keys that are named."""
        objects = list(yaml.safe_load_all(common.render(overlay)))
        namespaces = {one["metadata"]["name"] for one in made if one["kind"] == "Namespace"}
        self.assertEqual(namespaces, {one["metadata"]["name"] for one in objects if one["kind"] == "Namespace"})
        secrets = {(one["metadata"]["namespace"], one["metadata"]["name"]): set(one["data"]) for one in made if one["kind"] == "Secret"}
        asked = set()
        for one in objects:
            spec = one.get("spec", {}).get("template", {}).get("spec") if one["kind"] in ("Deployment", "StatefulSet", "DaemonSet", "Job") else None
            for volume in (spec or {}).get("volumes", []):
                sources = [volume] + volume.get("projected", {}).get("sources", [])
                asked |= {(one["metadata"]["namespace"], source["secret"].get("secretName") or source["secret"]["name"])
                          for source in sources if "secret" in source}
            for container in (spec or {}).get("containers", []):
                for variable in container.get("env", []):
                    if key := variable.get("valueFrom", {}).get("secretKeyRef"):
                        asked.add((one["metadata"]["namespace"], key["name"]))
                        self.assertIn(key["key"], secrets[one["metadata"]["namespace"], key["name"]])
        self.assertEqual(asked, set(secrets), overlay)
        (config,) = [one["data"]["infralogs.yaml"] for one in objects if one["kind"] == "ConfigMap" and "infralogs.yaml" in one["data"]]
        config = yaml.safe_load(config)
        for program, store in (("collector", "store"), ("dashboard", "read")):
            self.assertIn(pathlib.Path(config[store]["password_file"]).name, secrets["infralogs", f"infralogs-{program}"])
        tokens = {pathlib.Path(config["inventories"]["nodes"]["token_file"]).name}
        (targets,) = [one["data"]["targets.yaml"] for one in objects if one["kind"] == "ConfigMap" and "targets.yaml" in one["data"]]
        tokens |= {target["token_file"] for target in yaml.safe_load(targets)}
        self.assertEqual(secrets["infralogs", "infralogs-agent-tokens"], tokens)
        (agent,) = [one["spec"]["template"]["spec"]["containers"][0]["args"] for one in objects if one["kind"] == "DaemonSet"]
        self.assertIn(pathlib.Path(agent[agent.index("--token-file") + 1]).name, secrets["infralogs-agents", "infralogs-agent"])

    def test_the_kubernetes_example_makes_what_its_pods_mount(self):
        with tempfile.TemporaryDirectory() as folder:
            look, start, edit, clean = blocks("examples/kubernetes/README.md")
            said = common.run("bash", "-c", f"set -o pipefail; kubectl() {{ command {common.OLD_KUBECTL} \"$@\"; }}; {look.replace('| less', '')}",
                              cwd=common.REPOSITORY)
            self.assertIn("kind: DaemonSet", said)
            made, applied = self.made_by(start + edit.replace("$EDITOR", "ls") + clean, folder)
            self.assertIn("kind: DaemonSet", applied.read_text())
            self.fits("dev", made)

    def test_a_fleet_in_an_hour_makes_what_its_pods_mount(self):
        with tempfile.TemporaryDirectory() as folder:
            for name in ("passwords/writer", "passwords/reader", "tokens/web-1", "tokens/web-2", "tokens/nodes"):
                path = pathlib.Path(folder, name)
                path.parent.mkdir(exist_ok=True)
                path.write_text(f"{name}\n")
            (start,) = blocks("deploy/README.md")
            made, _ = self.made_by(f"cd {folder}\n{start}", folder)
            self.fits("production", made)


if __name__ == "__main__":
    unittest.main()
