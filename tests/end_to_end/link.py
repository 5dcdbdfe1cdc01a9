"""Another machine on one machine: a network namespace with an interface of its own, whose link can be cut. Needs root."""

import os
import shutil
import subprocess


class Link:
    """A network namespace, and the one link to it."""

    def __init__(self):
        number = os.getpid()
        self.twin = f"rvn{number}c"
        self.name, self.near, self.far = f"raven-{number}", f"rvn{number}a", f"rvn{number}b"
        network = f"198.{18 + number // 256 % 2}.{number % 256}"  # kept for tests (RFC 2544): nobody else leans on it
        self.run("netns", "add", self.name)
        try:
            self.run("link", "add", self.near, "type", "veth", "peer", "name", self.far, "netns", self.name)
            self.run("addr", "add", f"{network}.1/24", "dev", self.near)
            self.run("link", "set", self.near, "up")
            self.run("-n", self.name, "addr", "add", f"{network}.2/24", "dev", self.far)
            for device in (self.far, "lo"):
                self.run("-n", self.name, "link", "set", device, "up")
            self.gateway = f"{network}.1"
            self.route()
        except subprocess.CalledProcessError:
            self.close()
            raise

    @staticmethod
    def run(*words):
        subprocess.run(["ip", *words], check=True, capture_output=True, timeout=10)

    def route(self):
        self.run("-n", self.name, "route", "replace", "default", "via", self.gateway)

    def same_address_on_both_ends(self):
        """Gives both machines an interface with the same address, as docker0 has one on every machine."""
        number = os.getpid()
        address = f"198.{19 - number // 256 % 2}.{number % 256}.1/24"
        for prefix, name in ([], self.twin), (["-n", self.name], "twin"):
            # Both ends on the same machine: it leads nowhere.
            self.run(*prefix, "link", "add", name, "type", "veth", "peer", "name", name + "e")
            self.run(*prefix, "addr", "add", address, "dev", name)
            for device in (name, name + "e"):
                self.run(*prefix, "link", "set", device, "up")

    def cut(self):
        self.run("link", "set", self.near, "down")

    def mend(self):
        self.run("link", "set", self.near, "up")
        self.route()

    def prefix(self):
        """Before a command that shall run there."""
        return ["ip", "netns", "exec", self.name]

    def close(self):
        # The link first: a namespace takes its links along only by and by.
        for words in (("link", "del", self.near), ("link", "del", self.twin), ("netns", "del", self.name)):
            subprocess.run(["ip", *words], check=False, capture_output=True)


def why_not():
    """@return why there can't be one here; empty when there can"""
    if not shutil.which("ip"):
        return "needs the program ip (package iproute2)"
    try:
        Link().close()
    except subprocess.CalledProcessError as error:
        return f"no network namespaces here: {error.stderr.decode().strip()}"
    return ""
