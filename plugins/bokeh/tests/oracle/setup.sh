#!/bin/sh
# Installs the two oracles of the tests into the folder given: Python's Bokeh (venv) and BokehJS with a browser driver (npm).
set -eu
into=$1
here=$(cd "$(dirname "$0")" && pwd)
mkdir -p "$into"
if [ ! -x "$into/venv/bin/python" ] || ! "$into/venv/bin/python" -c 'import bokeh; assert bokeh.__version__ == "3.9.2"' 2>/dev/null; then
    python3 -m venv "$into/venv"
    "$into/venv/bin/pip" install --quiet --disable-pip-version-check bokeh==3.9.2
fi
if [ ! -d "$into/node_modules/@bokeh/bokehjs" ] || [ ! -d "$into/node_modules/playwright-core" ]; then
    cp "$here/package.json" "$here/package-lock.json" "$here/.npmrc" "$into/"
    (cd "$into" && npm ci --no-audit --no-fund --ignore-scripts --silent)
fi
