#!/usr/bin/env python3
"""Prints what a program is built from as a CycloneDX 1.5 document, read through `cargo tree` and `cargo metadata`.

    deploy/docker/sbom.py PACKAGE > sbom.json
"""

import json
import subprocess
import sys


def cargo(*words):
    """What a cargo command prints."""
    return subprocess.run(["cargo", *words, "--locked"], check=True, stdout=subprocess.PIPE, text=True).stdout


def linked(package):
    """(name, version) of all that the package is built from; what only tests need, or another package, is left out."""
    lines = cargo("tree", "-p", package, "-e", "normal,build", "--prefix", "none", "--format", "{p}").splitlines()
    return {(name, version.removeprefix("v")) for name, version, *_ in map(str.split, filter(None, lines))}


def component(package):
    """One entry of the document."""
    licence = (package["license"] or "").replace("/", " OR ")
    said = {
        "type": "library",
        "name": package["name"],
        "version": package["version"],
        "purl": f"pkg:cargo/{package['name']}@{package['version']}",
    }
    return said | ({"licenses": [{"expression": licence}]} if licence else {})


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    wanted = linked(sys.argv[1])
    metadata = json.loads(cargo("metadata", "--format-version", "1"))
    packages = [one for one in metadata["packages"] if (one["name"], one["version"]) in wanted]
    (top,) = [one for one in packages if one["name"] == sys.argv[1]]
    document = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": component(top) | {"type": "application"}},
        "components": [component(one) for one in sorted(packages, key=lambda one: one["id"]) if one is not top],
    }
    json.dump(document, sys.stdout, indent=1, sort_keys=True)
    print()


if __name__ == "__main__":
    main()
