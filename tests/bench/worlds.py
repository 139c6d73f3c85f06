"""The worlds that are measured: made by worldgen, entered by the runner."""

import ctypes
import json
import os
import pathlib
import subprocess

CLONE_NEWNET = 0x40000000
NAMES = ("idle", "small", "medium", "large")
RULED = ("open", "rules", "cuts", "sets")  # of rules.py
# What a world takes in the kernel, too, and the inodes that listing it leaves in /proc.
MEMORY_MIB = {"idle": 0, "small": 100, "medium": 1000, "large": 5000}


class WorldError(Exception):
    """A world that cannot be made here, with the reason."""


def memory_available_mib():
    for line in pathlib.Path("/proc/meminfo").read_text().splitlines():
        name, value = line.split(":")
        if name == "MemAvailable":
            return int(value.split()[0]) // 1024
    return 0


def enter_network_namespace(fd):
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(fd, CLONE_NEWNET) != 0:
        error = ctypes.get_errno()
        raise WorldError(f"setns: {os.strerror(error)}")


class World:
    """While it is open, the runner and all it starts are in the world's network namespace."""

    def __init__(self, name, worldgen):
        self.name = name
        self.worldgen = worldgen
        self.facts = {}
        self.generator = None
        self.home = -1

    def __enter__(self):
        available, needed = memory_available_mib(), MEMORY_MIB.get(self.name, 0)
        if available < needed:
            raise WorldError(f"it takes {needed} MiB of memory, {available} are available")
        self.generator = subprocess.Popen([self.worldgen, self.name], stdin=subprocess.PIPE,
                                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            line = self.generator.stdout.readline()
            if not line:
                raise WorldError(self.generator.stderr.read().decode().strip())
            self.facts = json.loads(line)
            self.home = os.open("/proc/self/ns/net", os.O_RDONLY)
            theirs = os.open(f"/proc/{self.facts['pid']}/ns/net", os.O_RDONLY)
            try:
                enter_network_namespace(theirs)
            finally:
                os.close(theirs)
        except BaseException:
            self._end_generator()
            raise
        return self

    def __exit__(self, *_):
        enter_network_namespace(self.home)
        os.close(self.home)
        self._end_generator()

    def _end_generator(self):
        for stream in (self.generator.stdin, self.generator.stdout, self.generator.stderr):
            stream.close()
        self.generator.wait()
