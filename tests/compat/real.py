"""The world of the real daemons: those of tests/daemons that are installed, as installed."""
import pathlib
import socket
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "daemons"), str(HERE.parent / "cli")]
import harness  # noqa: E402 (the path comes first)
import servers  # noqa: E402
import world as daemons  # noqa: E402

SECONDS = 120  # Erlang and Java on a busy machine


class Place(daemons.World):
    """Where daemons run: their files are hidden, the network is that of the caller."""

    def __init__(self):
        # /run is the caller's already, and names stay as the caller says.
        keep = daemons.HIDDEN, daemons.EMPTIED
        daemons.HIDDEN = [path for path in daemons.HIDDEN if path != "/run"]
        try:
            self.hide_files()
        finally:
            daemons.HIDDEN, daemons.EMPTIED = keep


def listening():
    """The ports of this network namespace on which TCP listens, and UDP is bound."""
    found = set()
    for protocol, state in (("tcp", "0A"), ("udp", "07")):
        for file in (f"/proc/net/{protocol}", f"/proc/net/{protocol}6"):
            for line in pathlib.Path(file).read_text().splitlines()[1:]:
                words = line.split()
                if words[3] == state:
                    found.add((protocol, int(words[1].rpartition(":")[2], 16)))
    return found


def wait_for(server, process):
    def is_ready():
        if process.poll() is not None:
            raise RuntimeError(f"{server.name} ended: {daemons.World.log(server.name)}")
        return listening() >= set(server.ports) and (not server.found or server.found())

    try:
        daemons.wait_until(server.name, is_ready, SECONDS)
    except TimeoutError as error:
        raise TimeoutError(f"{error}: {sorted(listening())}, {daemons.World.log(server.name)}") from error


def wait_for_all(waiting):
    while waiting:
        wait_for(*waiting.pop(0))


def end(process):
    process.kill()
    process.wait()


def start(world):
    """Starts what is installed; names what is not on standard output."""
    place = Place()
    waiting = []
    for server in servers.SERVERS:
        if missing := server.missing():
            print(f"# without {server.name}: {missing}")
            continue
        if server.after:
            wait_for_all(waiting)
        process = server.start(place)
        world.pids.append(process.pid)
        world.stack.callback(end, process)
        waiting.append((server, process))
    if not world.pids:
        raise harness.Skip("no daemon of tests/daemons is installed")
    wait_for_all(waiting)
    # somebody is served by the pool, and by the one that forks
    clients = [socket.create_connection(("127.0.0.1", port)) for protocol, port in sorted(listening())
               if protocol == "tcp" and port in (22, 80)]
    for client in clients:
        client.send(b"GET /")  # apache2 is not told of a connection before that (TCP_DEFER_ACCEPT)
    world.stack.callback(lambda: [client.close() for client in clients])
    world.words |= {"port": 80, "service": "http", "name": "apache2", "range": "1-1024"}
