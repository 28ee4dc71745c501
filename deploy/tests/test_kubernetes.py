"""Renders every overlay with each kubectl at hand, validates all objects strictly, and asserts the security settings."""

import json
import pathlib
import re
import tempfile
import unittest

import common
import jsonschema
import kubernetes_validate
import yaml

OVERLAYS = ["dev", "production", "vault", "report"]
# Those whose programs each read a configuration of their own, with credentials from Vault.
VAULTED = ["vault", "report"]
MINORS = ["1.27", "1.31", "1.34"]
RENDERED = {overlay: list(yaml.safe_load_all(common.render(overlay))) for overlay in OVERLAYS}
OURS = {"collector", "dashboard"}


def objects(overlay, *kinds):
    return [one for one in RENDERED[overlay] if one["kind"] in kinds]


def pods(overlay):
    """(name, pod template, namespace) of everything that runs."""
    for one in objects(overlay, "Deployment", "StatefulSet", "DaemonSet", "Job"):
        yield one["metadata"]["name"], one["spec"]["template"], one["metadata"]["namespace"]


def arrows(overlay):
    """Who may call whom on which port, as the policies' egress says: {(component, port): [to]}."""
    found = {}
    for policy in objects(overlay, "NetworkPolicy"):
        if policy["metadata"]["name"] in ("deny-all", "dns", "agents"):
            continue
        component = policy["spec"]["podSelector"]["matchLabels"].get("app.kubernetes.io/component")
        for rule in policy["spec"].get("egress", []):
            for port in rule["ports"]:
                found.setdefault((component, port["port"]), []).extend(rule["to"])
    return found


class Kubernetes(unittest.TestCase):
    def test_old_and_new_clients_build_the_same_objects(self):
        def keyed(text):
            # Clients compute a name's hash differently.
            text = re.sub(r"\b(infralogs-config)-[0-9a-z]{10}\b", r"\1", text)
            found = {}
            for one in yaml.safe_load_all(text):
                # The old one writes what is empty where it merged.
                one["metadata"] = {key: value for key, value in one["metadata"].items() if value != {}}
                found[(one["kind"], one["metadata"]["name"], one["metadata"].get("namespace"))] = one
            return found
        for overlay in OVERLAYS:
            built = [keyed(common.render(overlay, kubectl)) for kubectl in common.kubectls()]
            for other in built[1:]:
                self.assertEqual(built[0], other, overlay)

    def test_built_in_kinds_are_valid_in_three_minors(self):
        for overlay in OVERLAYS:
            for one in RENDERED[overlay]:
                if one["apiVersion"].startswith("monitoring."):
                    continue
                for minor in MINORS:
                    with self.subTest(overlay=overlay, kind=one["kind"], name=one["metadata"]["name"], minor=minor):
                        kubernetes_validate.validate(one, minor, strict=True)

    def test_a_misspelt_field_is_found(self):
        one = json.loads(json.dumps(objects("dev", "Deployment")[0]))
        one["spec"]["template"]["spec"]["containers"][0]["readinesProbe"] = {}
        with self.assertRaises(Exception):
            kubernetes_validate.validate(one, MINORS[0], strict=True)

    def test_the_operators_kinds_are_valid_and_alerts_ask_for_figures_that_exist(self):
        schemas = json.loads((common.REPOSITORY / "deploy/kubernetes/monitoring/schema.json").read_text())
        found = objects("production", "ServiceMonitor", "PrometheusRule")
        self.assertEqual(len(found), 3)
        for one in found:
            jsonschema.validate(one["spec"], schemas[one["kind"]])
        source = "".join(path.read_text() for folder in ("core/cli/src", "core/http/src", "agent/src", "dashboards/src", "core/src")
                         for path in (common.REPOSITORY / folder).rglob("*.rs"))
        pages = (common.REPOSITORY / "deploy/OPERATIONS.md").read_text()
        for group in objects("production", "PrometheusRule")[0]["spec"]["groups"]:
            for rule in group["rules"]:
                self.assertIn(f"### {rule['alert']}\n", pages, "each alert has a heading that says what to do")
                for figure in set(re.findall(r"infralogs_\w+", rule["expr"])):
                    self.assertIn(f'"{figure}"', source, f"{rule['alert']} asks for a figure nobody gives")

    def test_each_alert_fires_when_it_should_and_is_silent_otherwise(self):
        rules = objects("production", "PrometheusRule")[0]["spec"]
        cases = yaml.safe_load((common.REPOSITORY / "deploy/tests/alerts.yaml").read_text())
        with tempfile.TemporaryDirectory() as folder:
            (pathlib.Path(folder) / "rules.yaml").write_text(yaml.safe_dump(rules))
            (pathlib.Path(folder) / "alerts.yaml").write_text(yaml.safe_dump(cases))
            common.run(common.PROMTOOL, "check", "rules", f"{folder}/rules.yaml")
            common.run(common.PROMTOOL, "test", "rules", f"{folder}/alerts.yaml")
        looks = [look for case in cases["tests"] for look in case["alert_rule_test"]]
        for rule in (rule for group in rules["groups"] for rule in group["rules"]):
            fires = {bool(look["exp_alerts"]) for look in looks if look["alertname"] == rule["alert"]}
            self.assertEqual(fires, {True, False}, f"{rule['alert']}: one case that fires, one that does not")

    def test_all_pods_but_the_agents_satisfy_the_restricted_standard(self):
        allowed = {"configMap", "secret", "projected", "emptyDir", "persistentVolumeClaim"}
        for overlay in OVERLAYS:
            for name, template, namespace in pods(overlay):
                with self.subTest(overlay=overlay, pod=name):
                    spec = template["spec"]
                    self.assertFalse({"hostNetwork", "hostPID", "hostIPC", "hostUsers"} & set(spec))
                    self.assertTrue(spec["securityContext"]["runAsNonRoot"])
                    self.assertGreater(spec["securityContext"]["runAsUser"], 0)
                    self.assertEqual(spec["securityContext"]["seccompProfile"], {"type": "RuntimeDefault"})
                    kinds = {kind for volume in spec["volumes"] for kind in volume if kind != "name"}
                    agent = namespace == "infralogs-agents"
                    self.assertLessEqual(kinds, allowed | ({"hostPath"} if agent else set()))
                    for container in spec["containers"]:
                        safe = container["securityContext"]
                        self.assertFalse(safe["allowPrivilegeEscalation"])
                        self.assertTrue(safe["readOnlyRootFilesystem"])
                        self.assertEqual(safe["capabilities"], {"drop": ["ALL"]})
                        self.assertNotIn("privileged", safe)
                        self.assertIn("memory", container["resources"]["limits"])
                        self.assertNotRegex(container["image"], r"(:latest|^[^:]+)$")
                        for mount in container["volumeMounts"]:
                            self.assertNotIn("subPath", mount, "a subPath mount never changes")
                            if agent:
                                self.assertTrue(mount["readOnly"])

    def test_namespaces_enforce_it(self):
        for overlay in OVERLAYS:
            labels = {o["metadata"]["name"]: o["metadata"]["labels"]["pod-security.kubernetes.io/enforce"]
                      for o in objects(overlay, "Namespace")}
            self.assertEqual(labels, {"infralogs": "restricted", "infralogs-agents": "privileged"})
            self.assertEqual({n for n, _, namespace in pods(overlay) if namespace == "infralogs-agents"}, {"infralogs-agent"})

    def test_only_the_deployments_arrows_are_open(self):
        pod = lambda component: {"podSelector": {"matchLabels": {
            "app.kubernetes.io/name": "infralogs", "app.kubernetes.io/component": component}}}
        nodes = {"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "infralogs-agents"}}}
        self.assertEqual(set(arrows("production")), {
            ("collector", 7070), ("collector", 3306), ("collector", 8200), ("collector", 443), ("collector", 6443),
            ("dashboard", 3306), ("dashboard", 8200)})
        for to in arrows("production").values():
            self.assertNotIn({"ipBlock": {"cidr": "0.0.0.0/0"}}, to)
        dev = arrows("dev")
        self.assertEqual(dev[("collector", 3306)], [pod("mysql-primary")])
        self.assertEqual(dev[("dashboard", 3306)], [pod("mysql-replica")], "dashboards never reach the primary")
        self.assertEqual(dev[("mysql-replica", 3306)], [pod("mysql-primary")])
        self.assertEqual(dev[("vault", 3306)], [pod("mysql-primary")])
        self.assertEqual(dev[("collector", 7070)], [nodes])
        self.assertNotIn(("dashboard", 7070), dev)
        for overlay in OVERLAYS:
            named = {o["metadata"]["name"]: o["spec"] for o in objects(overlay, "NetworkPolicy")}
            self.assertEqual(named["deny-all"], {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]})
            self.assertEqual(named["agents"]["policyTypes"], ["Ingress", "Egress"])
            self.assertNotIn("egress", named["agents"], "agents call nobody")

    def test_who_is_called_lets_in_exactly_those_who_call(self):
        component = lambda peer: peer["podSelector"]["matchLabels"]["app.kubernetes.io/component"]
        namespace = lambda peer: peer["namespaceSelector"]["matchLabels"]
        agents = {"kubernetes.io/metadata.name": "infralogs-agents"}
        for overlay in OVERLAYS:
            calls = {(caller, "agent" if peer.get("namespaceSelector") else component(peer), port)
                     for (caller, port), peers in arrows(overlay).items() for peer in peers if "ipBlock" not in peer}
            for (caller, port), peers in arrows(overlay).items():
                for peer in peers:
                    if "namespaceSelector" in peer:
                        self.assertEqual((caller, namespace(peer), port), ("collector", agents, 7070))
            inside, outside = set(), set()
            for policy in objects(overlay, "NetworkPolicy"):
                chosen = policy["spec"]["podSelector"].get("matchLabels", {}).get("app.kubernetes.io/component")
                own = "agent" if policy["metadata"]["namespace"] == "infralogs-agents" else chosen or "all"
                for rule in policy["spec"].get("ingress", []):
                    for peer in rule["from"]:
                        for port in rule["ports"]:
                            if "podSelector" in peer:
                                inside.add((component(peer), own, port["port"]))
                            else:
                                (label,) = namespace(peer)
                                outside.add((label, own, port["port"]))
            self.assertEqual(inside, calls, overlay)
            self.assertEqual(outside, {("infralogs.io/scrapes", "agent", 7070), ("infralogs.io/scrapes", "all", 8080),
                                       ("infralogs.io/ingress", "dashboard", 8080)})
            (dns,) = [one["spec"]["egress"] for one in objects(overlay, "NetworkPolicy") if one["metadata"]["name"] == "dns"]
            self.assertEqual([(port["protocol"], port["port"]) for rule in dns for port in rule["ports"]], [("UDP", 53), ("TCP", 53)])
            (resolver,) = dns[0]["to"]
            self.assertEqual((namespace(resolver)["kubernetes.io/metadata.name"], resolver["podSelector"]["matchLabels"]),
                             ("kube-system", {"k8s-app": "kube-dns"}))

    def test_accounts_hold_what_they_need_and_no_token_is_mounted_unasked(self):
        for overlay in OVERLAYS:
            for name, template, _ in pods(overlay):
                self.assertEqual(template["spec"]["automountServiceAccountToken"], name == "vault", name)
            (role,) = objects(overlay, "Role")
            self.assertEqual(role["rules"], [{"apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list", "watch"]}])
            (binding,) = objects(overlay, "RoleBinding")
            self.assertEqual(binding["subjects"][0]["namespace"], "infralogs")
            self.assertEqual(binding["subjects"][0]["name"], "infralogs-collector")
            self.assertEqual(objects(overlay, "ClusterRole"), [])
        (review,) = objects("dev", "ClusterRoleBinding")
        self.assertEqual(review["roleRef"]["name"], "system:auth-delegator")

    def test_the_collector_finds_the_agents_on_nodes(self):
        for overlay in OVERLAYS:
            (agents,) = objects(overlay, "DaemonSet")
            templates = {name: template for name, template, _ in pods(overlay)}
            pod = templates["infralogs-collector"]["spec"]
            (config,) = [text for one in objects(overlay, "ConfigMap") for key, text in one["data"].items()
                         if key == ("collector.yaml" if overlay in VAULTED else "infralogs.yaml")]
            nodes = yaml.safe_load(config)["inventories"]["nodes"]
            # Its selector chooses the agents' pods, in their namespace, on their port.
            self.assertEqual(nodes["plugin"], "kubernetes")
            self.assertEqual(nodes["namespace"], agents["metadata"]["namespace"])
            chosen = dict(pair.split("=") for pair in nodes["selector"].split(","))
            self.assertLessEqual(chosen.items(), agents["spec"]["template"]["metadata"]["labels"].items())
            (port,) = agents["spec"]["template"]["spec"]["containers"][0]["ports"]
            self.assertEqual(port["containerPort"], nodes.get("port", 7070))
            # It may ask for these pods and nothing else; what it asks with is mounted where it looks.
            (role,), (binding,) = objects(overlay, "Role"), objects(overlay, "RoleBinding")
            self.assertEqual({role["metadata"]["namespace"], binding["metadata"]["namespace"]}, {nodes["namespace"]})
            self.assertEqual(binding["subjects"][0]["name"], pod["serviceAccountName"])
            (mount,) = [mount for mount in pod["containers"][0]["volumeMounts"] if mount["mountPath"] == nodes["account"]]
            (volume,) = [volume["projected"] for volume in pod["volumes"] if volume["name"] == mount["name"]]
            files = {source["serviceAccountToken"]["path"] for source in volume["sources"] if "serviceAccountToken" in source}
            files |= {item["path"] for source in volume["sources"] for item in source.get("configMap", {}).get("items", [])}
            self.assertEqual(files, {"token", "ca.crt"})
            for name, template in templates.items():
                api = [source for volume in template["spec"]["volumes"] for source in volume.get("projected", {}).get("sources", [])
                       if "serviceAccountToken" in source and "audience" not in source["serviceAccountToken"]]
                self.assertEqual(len(api), 1 if name == "infralogs-collector" else 0, f"{name}: a token for the API server")
            # The way to the API server and to the agents is open, and the agents let it in.
            (policy,) = [o for o in objects(overlay, "NetworkPolicy") if o["metadata"]["name"] == "collector"]
            ways = [(rule["to"], port["port"]) for rule in policy["spec"]["egress"] for port in rule["ports"]]
            self.assertIn(([{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": nodes["namespace"]}}}], 7070), ways)
            self.assertLessEqual({443, 6443}, {port for _, port in ways})
            (script,) = [one["data"]["schedules.nodes.rhai"] for one in objects(overlay, "ConfigMap") if one["metadata"]["name"] == "infralogs-scripts"]
            self.assertIn('inventory("nodes")', script)

    def test_probes_budgets_and_spread(self):
        for name, template, _ in pods("production"):
            (container,) = template["spec"]["containers"]
            self.assertEqual(container["readinessProbe"]["httpGet"]["path"], "/ready")
            self.assertEqual(container["livenessProbe"]["httpGet"]["path"], "/health")
            if name != "infralogs-agent":
                self.assertTrue(template["spec"]["topologySpreadConstraints"])
        budgets = {o["metadata"]["name"] for o in objects("production", "PodDisruptionBudget")}
        self.assertEqual(budgets, {"infralogs-collector", "infralogs-dashboard"})

    def test_every_script_is_in_the_config_map_under_a_name_without_hash(self):
        scripts = common.REPOSITORY / "scripts"
        expected = {str(path.relative_to(scripts)).replace("/", "."): path.read_text()
                    for path in scripts.rglob("*.rhai") if "cases" not in path.parts}
        expected["schedules.nodes.rhai"] = (common.REPOSITORY / "deploy/kubernetes/scripts/nodes.rhai").read_text()
        for overlay in OVERLAYS:
            (found,) = [o for o in objects(overlay, "ConfigMap") if o["metadata"]["name"] == "infralogs-scripts"]
            self.assertEqual(found["data"], expected, "list it in scripts/kustomization.yaml")
            self.assertLess(sum(map(len, found["data"].values())), 900_000, "a ConfigMap holds 1 MiB")

    def test_no_secret_is_in_what_we_ship(self):
        for overlay in OVERLAYS:
            self.assertEqual(objects(overlay, "Secret"), [])

    def test_our_programs_take_the_rendered_configuration(self):
        for overlay in OVERLAYS:
            with tempfile.TemporaryDirectory() as folder:
                here = pathlib.Path(folder)
                for one in objects(overlay, "ConfigMap"):
                    name = one["metadata"]["name"]
                    place = next((short for short in ("scripts", "config", "targets", "vault") if name.startswith(f"infralogs-{short}")), None)
                    if not place:
                        continue
                    (here / place).mkdir(exist_ok=True)
                    for key, text in one["data"].items():
                        (here / place / key).write_text(text.replace("/etc/infralogs", folder))
                files = ["vault/collector.yaml", "vault/dashboard.yaml"] if overlay in VAULTED else ["config/infralogs.yaml"]
                for file in files:
                    said = common.run(common.programs() / "infralogs", "check", "--config", here / file)
                    self.assertIn("is fine", said)

    def test_with_vault_no_pod_mounts_a_password_and_each_logs_in_as_itself(self):
        for overlay in VAULTED:
            (config,) = [one for one in objects(overlay, "ConfigMap") if one["metadata"]["name"] == "infralogs-vault"]
            for name, template, namespace in pods(overlay):
                if namespace != "infralogs":
                    continue
                short = name.removeprefix("infralogs-")
                (container,) = template["spec"]["containers"]
                self.assertIn(f"/etc/infralogs/vault/{short}.yaml", container["args"])
                mounted = {mount["name"] for mount in container["volumeMounts"]}
                self.assertEqual(mounted, {volume["name"] for volume in template["spec"]["volumes"]})
                self.assertNotIn("secrets", mounted)
                auth = yaml.safe_load(config["data"][f"{short}.yaml"])["secrets"]["auth"]["kubernetes"]
                self.assertEqual(auth["role"], name)
                (mount,) = [mount for mount in container["volumeMounts"] if mount["name"] == "vault-token"]
                self.assertEqual(auth["token_file"], mount["mountPath"] + "/token")

    def test_reporting_dashboards_open_one_arrow_and_have_a_user_for_it(self):
        self.assertEqual(arrows("production"), arrows("vault"))
        before, after = arrows("vault"), arrows("report")
        self.assertEqual({key: to for key, to in after.items() if to != before[key]},
                         {("dashboard", 3306): before[("collector", 3306)] + before[("dashboard", 3306)]})
        configs = {overlay: {name: yaml.safe_load(text) for one in objects(overlay, "ConfigMap")
                             if one["metadata"]["name"] == "infralogs-vault" for name, text in one["data"].items()}
                   for overlay in VAULTED}
        report = configs["report"]["dashboard.yaml"].pop("report")
        self.assertEqual(configs["report"], configs["vault"], "all else is the same")
        self.assertEqual(report["url"], configs["report"]["collector.yaml"]["store"]["url"], "it writes where collectors do")
        policy = (common.REPOSITORY / "deploy/vault/policies/il-dashboard.hcl").read_text()
        self.assertIn(f'path "{report["secret"]}"', policy)


if __name__ == "__main__":
    unittest.main()
