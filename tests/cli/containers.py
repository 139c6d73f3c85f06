"""Stand-ins for containers: docker's and the kubelet's files, and processes that say they are in a
container, or stand for one."""
import contextlib
import json
import pathlib
import subprocess
import sys

from harness import expect_equal, libc, world

WEB = "3f2a9c1b7d5e" + "0123456789abcdef" * 3 + "0123"
DB = "0a1b2c3d4e5f" + "0123456789abcdef" * 3 + "0123"
ETCD = "77778888" + "0123456789abcdef" * 3 + "01234567"
POD = "6a35f2a4-c0de-4a11-8888-0123456789ab"

# Listens at the address and port that it is told first, under the name that it is told then; the
# rest of its command line is as docker-proxy has it.
LISTENER = """
import ctypes, socket, sys
address, port, name = sys.argv[1:4]
sock = socket.create_server((address, int(port)),
                            family=socket.AF_INET6 if ":" in address else socket.AF_INET)
ctypes.CDLL(None).prctl(15, name.encode(), 0, 0, 0)
print("ready", flush=True)
sys.stdin.read()
"""


def mount(*words):
    subprocess.run(["mount", *words], check=True)


def put_in_cgroup(pid, cgroup):
    """Mounts another file over the one that tells its cgroup."""
    file = pathlib.Path(f"/var/lib/cgroup-{pid}")
    file.write_text(f"0::{cgroup}\n", encoding="ascii")
    mount("--bind", file, f"/proc/{pid}/cgroup")


@contextlib.contextmanager
def listener(port, name, *arguments, address="0.0.0.0", cgroup=None):
    """A process of that name, with those words on its command line: its pid."""
    with subprocess.Popen([sys.executable, "-c", LISTENER, address, str(port), name, *arguments],
                          stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            expect_equal(process.stdout.readline(), b"ready\n")
            if cgroup:
                put_in_cgroup(process.pid, cgroup)
            yield process.pid
        finally:
            process.stdin.close()


def write_docker(container, name, port, address):
    """The file of a container that docker has published port 80 of."""
    folder = pathlib.Path("/var/lib/docker/containers") / container
    folder.mkdir(parents=True)
    state = {"ID": container, "Name": f"/{name}", "Config": {"Image": "nginx:1.25"},
             "NetworkSettings": {
                 "Networks": {"bridge": {"IPAddress": address, "GlobalIPv6Address": ""}},
                 "Ports": {"80/tcp": [{"HostIp": "0.0.0.0", "HostPort": str(port)}]}}}
    (folder / "config.v2.json").write_text(json.dumps(state), encoding="ascii")


def proxy(port, inner, address="0.0.0.0"):
    return listener(port, "docker-proxy", "-proto", "tcp", "-host-ip", address, "-host-port",
                    str(port), "-container-ip", inner, "-container-port", "80", address=address)


@contextlib.contextmanager
def host():
    """A host with nothing below /var/lib and /var/log but what the case puts there."""
    with world():
        for folder in ("/var/lib", "/var/log"):
            mount("-t", "tmpfs", "-o", "mode=755", "none", folder)
        try:
            yield
        finally:
            # what is mounted over /proc ends with its process
            for folder in ("/var/lib", "/var/log"):
                libc.umount2(folder.encode(), 2)  # MNT_DETACH


def write_pod(namespace, pod, container, number):
    """What the kubelet's logs of a container are called."""
    for folder in (f"/var/log/pods/{namespace}_{pod}_{POD}", "/var/log/containers"):
        pathlib.Path(folder).mkdir(parents=True)
    pathlib.Path(f"/var/log/containers/{pod}_{namespace}_{container}-{number}.log").symlink_to("x")
