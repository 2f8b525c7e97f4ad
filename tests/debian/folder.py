"""A Debian system in a folder, made by debootstrap, and commands that run in it.

Nothing of the system around it changes: the packages are unpacked below the folder, and what must be mounted there (`/proc`, terminals) is
mounted in a namespace that ends with the command.
"""

from __future__ import annotations

import os
import shlex
import shutil
import ssl
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import attrs

PLACE = "/srv/trioactors"
"""Where the tree is, in the folder."""

SUITE = "sid"
"""Debian's unstable distribution, which has new versions of Python first."""

_NEEDED = ("debootstrap", "chroot", "unshare", "mount")
_APT_GET = ("apt-get", "-o", "Acquire::Check-Valid-Until=false")
"""Signatures are checked; only the date of a mirror that is some weeks behind is not."""
_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"
_PASSED_ON = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL")
_MOUNTED = (
    "mount -t proc proc {0}/proc",
    "mount -t tmpfs tmpfs {0}/dev/shm",
    "mount -t devpts -o newinstance,ptmxmode=0666 devpts {0}/dev/pts",
    "ln -sf pts/ptmx {0}/dev/ptmx",
    "ln -sfn /proc/self/fd {0}/dev/fd",
)


class CannotBeDone(Exception):
    """The folder cannot be made here; the text says why."""


def obstacle(platform: str, user: int, programs: Iterable[str]) -> str:
    """Why no folder can be made on such a machine, as far as can be said before it is tried; empty if nothing is in the way."""
    if platform != "linux":
        return f"Debian's packages are for Linux, and this is {platform}"
    if user != 0:
        return "debootstrap and chroot need root"
    missing = sorted(set(_NEEDED) - set(programs))
    return f"{', '.join(missing)} is not installed (Debian has packages of that name, or util-linux)" if missing else ""


def newest(supported: Sequence[str], offered: Iterable[str], count: int = 2) -> list[str]:
    """The newest *count* versions that are both *supported*, which is in order, and *offered*."""
    known = set(offered)
    return [version for version in supported if version in known][-count:]


@attrs.frozen
class Folder:
    """A Debian system in the folder at *root*."""

    root: Path

    def make(self) -> None:
        """Unpack it, unless that was done before. Raises `CannotBeDone`."""
        if why := obstacle(sys.platform, os.geteuid(), filter(shutil.which, _NEEDED)):
            raise CannotBeDone(why)
        if not self._made.exists():
            shutil.rmtree(self.root, ignore_errors=True)
            self.root.parent.mkdir(parents=True, exist_ok=True)
            self._try(["debootstrap", "--variant=minbase", "--include=ca-certificates", SUITE, str(self.root)])
            self._made.touch()
        certificates = ssl.get_default_verify_paths().cafile
        for mine, its in ((certificates, _CERTIFICATES), ("/etc/resolv.conf",) * 2, ("/etc/hosts",) * 2):
            if mine is not None and Path(mine).exists():
                shutil.copy(mine, self.root / its[1:])

    def offered(self) -> list[str]:
        """The versions of Python that there are packages of. Raises `CannotBeDone`."""
        self._try_inside([*_APT_GET, "update", "-q"])
        packages = self._try_inside(["apt-cache", "pkgnames", "python3."]).split()
        return [name.removeprefix("python").removesuffix("-venv") for name in packages if name.endswith("-venv")]

    def install(self, version: str) -> None:
        """Install this *version* of Python, and what the suite needs, into an environment. Raises `CannotBeDone`."""
        self._try_inside([*_APT_GET, "install", "-qy", "--no-install-recommends", f"python{version}-venv", "git", "procps"])
        self._try_inside([f"python{version}", "-m", "venv", self._environment(version)])
        self._try_inside(["python", "-m", "pip", "install", "-q", "-e", ".", "--group", "test"], version)

    def copy(self, tree: Path) -> None:
        """Copy the files of *tree* that git knows, or would, into the folder. What was there goes, but for nothing beside it."""
        place = self.root / PLACE[1:]
        shutil.rmtree(place, ignore_errors=True)
        listed = ["git", "-C", str(tree), "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        for name in self._try(listed).split("\0"):
            if name and (tree / name).exists():
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(tree / name, place / name)

    def run(self, version: str, command: Sequence[str]) -> int:
        """Run *command* in the copied tree, with this *version* of Python first on the path. Returns its exit code."""
        return subprocess.run(self._inside(command, version), check=False).returncode

    @property
    def _made(self) -> Path:
        return self.root / "made"

    def _environment(self, version: str) -> str:
        return f"/opt/python{version}"

    def _inside(self, command: Sequence[str], version: str = "") -> list[str]:
        """*command*, to be run with the folder as its root."""
        variables = {
            **_of_clients(os.environ),
            "HOME": "/root",
            "LANG": "C.UTF-8",
            "TERM": "xterm",
            "DEBIAN_FRONTEND": "noninteractive",
            "PATH": f"{self._environment(version)}/bin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        }
        chroot = ["chroot", str(self.root), "env", "-i", *(f"{name}={value}" for name, value in variables.items())]
        there = f"cd {PLACE if version else '/'} && exec {shlex.join(command)}"
        mounts = " && ".join(_MOUNTED).format(shlex.quote(str(self.root)))
        return ["unshare", "--mount", "sh", "-c", f"{mounts} && exec {shlex.join([*chroot, 'sh', '-c', there])}"]

    def _try_inside(self, command: Sequence[str], version: str = "") -> str:
        return self._try(self._inside(command, version), what=command)

    def _try(self, command: Sequence[str], what: Sequence[str] = ()) -> str:
        """What *command* prints. Raises `CannotBeDone` with the last line that it printed, if it fails."""
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            said = [*done.stdout.splitlines(), *done.stderr.splitlines()][-1:] or [f"exit code {done.returncode}"]
            raise CannotBeDone(f"`{shlex.join(what or command)}` failed: {said[0]}")
        return done.stdout


def _of_clients(environment: Mapping[str, str]) -> dict[str, str]:
    """What a client of a package registry is told by its *environment*, and where its certificates are in the folder."""
    passed = {name: value for name, value in environment.items() if name in _PASSED_ON or name.lower() in _PASSED_ON}
    return {**passed, "PIP_CERT": _CERTIFICATES, "SSL_CERT_FILE": _CERTIFICATES, "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
