"""ufw and firewalld, really run in the box: their settings are copies, in a mount namespace of ours."""
import contextlib
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time

from harness import Skip, clean_environment

SECONDS = 60
BUS = """<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-BUS Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig><type>custom</type><listen>unix:path={path}</listen><auth>EXTERNAL</auth>
<policy context="default"><allow send_destination="*" eavesdrop="true"/><allow eavesdrop="true"/>
<allow own="*"/></policy></busconfig>
"""
ZONES = {
    "public": """<?xml version="1.0" encoding="utf-8"?>
<zone><short>Public</short><interface name="eth0"/><service name="ssh"/>
<port port="8000-8080" protocol="tcp"/><port port="53" protocol="udp"/>
<forward-port port="2222" protocol="tcp" to-port="22"/>
<rule family="ipv4"><source address="10.0.0.0/8"/><port port="443" protocol="tcp"/><accept/></rule>
<rule family="ipv4"><source address="203.0.113.0/24"/><reject/></rule>
<rule family="ipv6"><source address="2600::/16"/><port port="443" protocol="tcp"/><accept/></rule>
<rule><service name="http"/><log prefix="http " level="info"><limit value="3/m"/></log><accept/></rule>
</zone>
""",
    "trusted": """<?xml version="1.0" encoding="utf-8"?>
<zone target="ACCEPT"><short>Trusted</short><interface name="eth1"/></zone>
""",
    "drop": """<?xml version="1.0" encoding="utf-8"?>
<zone target="DROP"><short>Drop</short><source address="198.51.100.0/24"/></zone>
""",
}


def needs(*names):
    for name in names:
        if not shutil.which(name, path=os.environ["PATH"] + ":/usr/sbin:/sbin"):
            raise Skip(f"needs {name}")


def _mount(*words):
    done = subprocess.run(["mount", *words], capture_output=True, text=True, check=False)
    if done.returncode:
        raise Skip(f"may not mount: {done.stderr.strip()}")


@contextlib.contextmanager
def copied(*paths):
    """Copies of files and folders in place of them, and an empty /run."""
    with tempfile.TemporaryDirectory() as folder:
        mounted = []
        try:
            for n, path in enumerate(paths):
                copy = os.path.join(folder, str(n))
                if os.path.isdir(path):
                    shutil.copytree(path, copy, symlinks=True)
                else:
                    shutil.copy(path, copy)
                _mount("--bind", copy, path)
                mounted.append(path)
            _mount("-t", "tmpfs", "none", "/run")
            mounted.append("/run")
            yield
        finally:
            for path in reversed(mounted):
                subprocess.run(["umount", "--lazy", path], check=False)


@contextlib.contextmanager
def ufw(lab, *commands, ipv6=True):
    """Its rules are there within."""
    needs("ufw")
    with copied("/etc/ufw", "/etc/default/ufw"):
        settings = pathlib.Path("/etc/default/ufw")
        settings.write_text(settings.read_text().replace(
            "IPV6=yes" if not ipv6 else "IPV6=no", f"IPV6={'yes' if ipv6 else 'no'}"))
        for command in commands:
            lab.run(["ufw", *command.split()])
        lab.run(["ufw", "--force", "enable"])
        yield


def _started(words, ready, **options):
    process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                               stderr=subprocess.PIPE, text=True, **options)
    deadline = time.monotonic() + SECONDS
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"{words[0]}: {process.stderr.read()}")
        if time.monotonic() > deadline:
            process.kill()
            raise TimeoutError(f"{words[0]} does not get ready")
    return process


@contextlib.contextmanager
def firewalld(lab, backend):
    """Runs with the zones above within."""
    needs("firewalld", "dbus-daemon", "firewall-cmd")
    with copied("/etc/firewalld"), tempfile.TemporaryDirectory() as folder:
        settings = pathlib.Path("/etc/firewalld/firewalld.conf")
        lines = [f"FirewallBackend={backend}" if line.startswith("FirewallBackend=") else line
                 for line in settings.read_text().splitlines()]
        settings.write_text("\n".join(lines) + "\n")
        for name, text in ZONES.items():
            pathlib.Path(f"/etc/firewalld/zones/{name}.xml").write_text(text)
        path = os.path.join(folder, "bus")
        pathlib.Path(folder, "bus.conf").write_text(BUS.format(path=path))
        env = clean_environment(DBUS_SYSTEM_BUS_ADDRESS=f"unix:path={path}")
        asked = ["firewall-cmd", "--state"]
        processes = []
        try:
            with lab.box:
                processes.append(_started(["dbus-daemon", f"--config-file={folder}/bus.conf", "--nofork"],
                                          lambda: os.path.exists(path), env=env))
                processes.append(_started(["firewalld", "--nofork", "--nopid"], lambda: subprocess.run(
                    asked, env=env, capture_output=True, check=False).returncode == 0, env=env))
            yield
        finally:
            for process in reversed(processes):
                process.send_signal(signal.SIGKILL)  # else firewalld would take its rules away
                process.communicate()
