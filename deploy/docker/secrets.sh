#!/usr/bin/env bash
# Writes random passwords and tokens for compose.yaml into a folder `secrets`; what is there already stays.
#
#   deploy/docker/secrets.sh [FOLDER]
set -euo pipefail
folder=${1:-$(dirname "$0")/secrets}
mkdir -p "$folder"/{mysql,agent,collector,dashboard}
chmod 0700 "$folder"   # only its owner comes in; containers get the folders below mounted

# A file with a random word, unless it is there; the containers' users are not ours, so the file itself is readable.
random() { [ -s "$1" ] || (head -c 24 /dev/urandom | base64 | tr '+/' '-_' >"$1"); chmod 0444 "$1"; }
for name in root writer reader reporter owner replica vault; do random "$folder/mysql/$name"; done
random "$folder/agent/tokens"
for name in collector dashboard; do random "$folder/$name/secret-id"; done   # for compose.vault.yaml
cp -f "$folder/mysql/writer" "$folder/collector/mysql-password"
cp -f "$folder/mysql/reader" "$folder/dashboard/mysql-password"
cp -f "$folder/mysql/reporter" "$folder/dashboard/reporter-password"
cp -f "$folder/agent/tokens" "$folder/collector/agent-token"
chmod 0755 "$folder"/*/
echo "secrets are in $folder"
