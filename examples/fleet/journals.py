#!/usr/bin/env python3
"""Writes a real journal for each of three machines, through systemd-journal-remote: journals.py FOLDER [ENTRIES]."""

import pathlib
import subprocess
import sys
import time

REMOTE = "/lib/systemd/systemd-journal-remote"


def entry(host, machine, number, micros):
    """One entry in journal export format; every tenth is a failed login."""
    failed = number % 10 == 0
    message = (f"Failed password for root from 203.0.113.{number % 250} port {1024 + number} ssh2" if failed
               else f"request {number} took {number % 900} ms")
    program = "sshd" if failed else "api"
    return (f"__CURSOR=s={machine};i={number:x};b={machine};m={number:x};t={micros:x};x={number:x}\n"
            f"__REALTIME_TIMESTAMP={micros}\n__MONOTONIC_TIMESTAMP={number}\n_BOOT_ID={machine}\n_MACHINE_ID={machine}\n"
            f"_HOSTNAME={host}\nPRIORITY={3 if number % 25 == 0 else 6}\nSYSLOG_IDENTIFIER={program}\n"
            f"_PID={number % 900 + 100}\n_SYSTEMD_UNIT={program}.service\nMESSAGE={message}\n\n")


def main():
    folder, count = pathlib.Path(sys.argv[1]), int(sys.argv[2]) if len(sys.argv) > 2 else 600
    now = int(time.time() * 1e6)
    for index, host in enumerate(("web-1", "web-2", "db-1"), start=1):
        (folder / host).mkdir(parents=True, exist_ok=True)
        machine = f"{index:032x}"
        # One entry every two seconds up to now, so that they stand on the page's first view.
        text = "".join(entry(host, machine, n, now - (count - n) * 2_000_000) for n in range(1, count + 1))
        subprocess.run([REMOTE, "-o", folder / host / f"{host}.journal", "-"], input=text.encode(), check=True,
                       stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
