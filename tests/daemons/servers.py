"""The real daemons: what each needs, how it starts, and what it says to a caller.

Each is configured as its package or its manual does by default, so that it opens the sockets that
an administrator meets. None reads the configuration of this machine.
"""
import dataclasses
import glob
import os
import pathlib
import pwd
import shutil
import struct
import subprocess
import typing

import world

JAVA_FLAGS = ("-XX:-UsePerfData", "-XX:TieredStopAtLevel=1", "-Xmx64m")
APACHE_MODULES = "/usr/lib/apache2/modules"
RABBITMQ = "/usr/lib/rabbitmq/bin/rabbitmq-server"
PORTMAPPER, STATUS = 100000, 100024
CALL_ID = 0x6861726B


def rpc_call(program, version, procedure):
    """An RPC call without credentials (RFC 5531)."""
    return struct.pack(">10I", CALL_ID, 0, 2, program, version, procedure, 0, 0, 0, 0)


def on_stream(message):
    """An RPC message as one record of a byte stream."""
    return struct.pack(">I", 0x80000000 | len(message)) + message


NULL_CALL = rpc_call(PORTMAPPER, 2, 0)
# the call's id, reply, accepted, a verifier of no kind and no length, success
NULL_REPLY = struct.pack(">6I", CALL_ID, 1, 0, 0, 0, 0)


@dataclasses.dataclass
class Greeting:
    """What to say on a port, and the beginning of what only this daemon answers."""
    send: bytes
    expect: bytes


SSH = Greeting(b"", b"SSH-2.0-OpenSSH")
HTTP = Greeting(b"GET / HTTP/1.0\r\n\r\n", b"HTTP/1.1 ")
AMQP = Greeting(b"AMQP\0\0\x09\x01", b"\x01\0\0")
# EPMD_NAMES_REQ; the answer begins with epmd's own port
EPMD = Greeting(b"\0\x01n", struct.pack(">I", 4369))
ERLANG = Greeting(b"", b"")
RPC_STREAM = Greeting(on_stream(NULL_CALL), on_stream(NULL_REPLY))
RPC_DATAGRAM = Greeting(NULL_CALL, NULL_REPLY)
UNKNOWN = {"tcp": Greeting(b"", b""), "udp": Greeting(NULL_CALL, b"")}


@dataclasses.dataclass(eq=False)
class Server:
    name: str
    needs: tuple
    ports: dict                     # (protocol, port): (command that holds it, greeting)
    start: typing.Callable
    found: typing.Callable = None   # such ports, where only the running server knows them
    after: str = None               # the server that must be ready first

    def missing(self):
        for need in self.needs:
            if not (os.path.exists(need) if need.endswith(".so") else find(need)):
                return f"{need} is not installed"
        return None


def find(program):
    return shutil.which(program, path=world.ENVIRONMENT["PATH"] + ":" + os.environ["PATH"])


def ids(*names):
    """User and group id of the first of these users that is there."""
    for name in names:
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return entry.pw_uid, entry.pw_gid
    raise RuntimeError(f"no user {' or '.join(names)}")


def start_apache(here):
    directory = here.directory("apache2")
    user = pwd.getpwuid(ids("www-data", "nobody")[0]).pw_name
    configuration = directory / "httpd.conf"
    configuration.write_text(f"""
ServerRoot {directory}
DefaultRuntimeDir {directory}
PidFile {directory}/pid
ErrorLog /dev/stderr
DocumentRoot {directory}
ServerName {world.HOST}
LoadModule mpm_prefork_module {APACHE_MODULES}/mod_mpm_prefork.so
LoadModule authz_core_module {APACHE_MODULES}/mod_authz_core.so
User {user}
Group #{ids(user)[1]}
Listen 80
""")
    return here.start("apache2", find("apache2"), "-D", "FOREGROUND", "-f", configuration)


def start_sshd(here):
    directory = here.directory("sshd")
    os.makedirs("/run/sshd", mode=0o755)
    subprocess.run([find("ssh-keygen"), "-q", "-t", "ed25519", "-N", "", "-f", directory / "key"],
                   check=True, stdin=subprocess.DEVNULL)
    (directory / "sshd_config").write_text(f"HostKey {directory}/key\nPidFile none\n")
    return here.start("sshd", find("sshd"), "-D", "-e", "-f", directory / "sshd_config")


def start_rabbitmq(here):
    user = ids("rabbitmq")
    directory = here.directory("rabbitmq", owner=user)
    # so that the script becomes the server, and does not wait for it
    environment = {"HOME": f"{directory}", "RABBITMQ_ALLOW_INPUT": "1",
                   "RABBITMQ_PID_FILE": f"{directory}/pid",
                   "RABBITMQ_MNESIA_BASE": f"{directory}/mnesia",
                   "RABBITMQ_LOG_BASE": f"{directory}/log",
                   "RABBITMQ_GENERATED_CONFIG_DIR": f"{directory}/config"}
    return here.start("rabbitmq", RABBITMQ, "-noinput", environment=environment,
                      user=user[0], group=user[1], extra_groups=[])


def start_rpcbind(here):
    os.makedirs("/run/rpcbind", mode=0o755)
    os.chown("/run/rpcbind", *ids("_rpc", "rpc", "nobody"))
    return here.start("rpcbind", find("rpcbind"), "-f", "-w")


def start_statd(here):
    user = ids("statd", "rpcuser")
    for name in ("sm", "sm.bak", "state"):
        path = pathlib.Path("/var/lib/nfs", name)
        if name == "state":
            path.touch()
        else:
            path.mkdir(mode=0o700)
        os.chown(path, *user)
    return here.start("rpc.statd", find("rpc.statd"), "--foreground", "--no-notify")


def statd_ports():
    """The ports that rpcbind names for rpc.statd; which they are is new every time."""
    ports = {}
    call = rpc_call(STATUS, 1, 0)
    greetings = {"tcp": Greeting(on_stream(call), on_stream(NULL_REPLY)),
                 "udp": Greeting(call, NULL_REPLY)}
    for line in world.run(find("rpcinfo")).splitlines():
        program, _, netid, address = line.split()[:4]
        if program == str(STATUS):
            # a universal address ends in the two bytes of the port, each in decimal
            high, low = address.split(".")[-2:]
            protocol = netid.rstrip("6")
            ports[protocol, int(high) * 256 + int(low)] = ("rpc.statd", greetings[protocol])
    return ports


def java_program(name, flags, *ports):
    def start(here):
        directory = here.directory(name)
        source = world.HERE / "Listen.java"
        subprocess.run([find("javac"), *("-J" + flag for flag in JAVA_FLAGS), "-d", directory,
                        source], check=True, stdin=subprocess.DEVNULL)
        return here.start(name, find("java"), *JAVA_FLAGS, *flags, "-cp", directory, "Listen",
                          *ports)

    greetings = {("tcp", port): ("java", Greeting(b"", f"java {port}\n".encode()))
                 for port in ports}
    return Server(name, ("java", "javac"), greetings, start)


SERVERS = (
    Server("apache2", ("apache2", f"{APACHE_MODULES}/mod_mpm_prefork.so"),
           {("tcp", 80): ("apache2", HTTP)}, start_apache),
    Server("sshd", ("sshd", "ssh-keygen"), {("tcp", 22): ("sshd", SSH)}, start_sshd),
    Server("rabbitmq", (RABBITMQ, "erl"),
           {("tcp", 5672): ("beam.smp", AMQP), ("tcp", 25672): ("beam.smp", ERLANG),
            ("tcp", 4369): ("epmd", EPMD)}, start_rabbitmq),
    Server("rpcbind", ("rpcbind",),
           {("tcp", 111): ("rpcbind", RPC_STREAM), ("udp", 111): ("rpcbind", RPC_DATAGRAM)},
           start_rpcbind),
    Server("rpc.statd", ("rpc.statd", "rpcbind", "rpcinfo"), {}, start_statd,
           found=statd_ports, after="rpcbind"),
    java_program("java", (), 9200, 9300),
    java_program("java-ipv4", ("-Djava.net.preferIPv4Stack=true",), 9201, 9301),
)
