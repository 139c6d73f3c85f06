#!/usr/bin/env python3
"""Sockets of the kernel's own, of devices and endpoints: that no process can hold them is said."""
import subprocess

from harness import Skip, case, expect, expect_equal, find, hark, main, world


def make(*lines):
    """Runs lines of `ip`; skips where this kernel or `ip` does not know the thing."""
    for line in lines:
        done = subprocess.run(["ip", *line.split()], capture_output=True, text=True, check=False)
        if done.returncode:
            raise Skip(f"ip {line}: {done.stderr.strip()}")


def vxlan():
    make("link add vx0 type vxlan id 5 dstport 4789 local 127.0.0.1", "link set vx0 up")


def endpoint():
    make("mptcp endpoint add 127.0.0.1 port 7700 signal")


def needs_bpf():
    answer = hark("--debug", "--holders=bpf-marks")
    if "could not be used" in answer.err or answer.status not in (0, 1):
        raise Skip(f"holders cannot be found by BPF: {answer.err.strip().splitlines()[-1]}")


def only_socket(*words):
    sockets = hark("--json", *words).sockets
    expect_equal(len(sockets), 1, sockets)
    return sockets[0]


@case
def by_bpf():
    """a socket without a file is the kernel's, in every view"""
    with world():
        vxlan()
        needs_bpf()
        sock = only_socket("--holders=bpf-marks", "udp")
        expect_equal((sock["kernel"], sock["holders"], sock["holders_complete"]), (True, [], True))
        expect(sock["inode"], "it has an inode all the same")
        expect_equal(hark("-H", "-o", "holders", "--holders=bpf-marks").out, "kernel\n")
        expect_equal(find("--holders=bpf-marks", "kernel"), [4789])
        expect_equal(find("--holders=bpf-marks", "command=kernel"), [])


@case
def by_proc():
    """/proc cannot tell the kernel's sockets from those on their way: that is not claimed"""
    with world():
        vxlan()
        sock = only_socket("--holders=proc", "udp")
        expect_equal((sock["kernel"], sock["holders"]), (None, []))
        expect("kernel" not in hark("-H", "-o", "holders", "--holders=proc").out, "not known")


@case
def without_holders():
    """whoever asks for no holders is not told of the kernel either"""
    with world():
        vxlan()
        expect_equal(only_socket("--no-holders", "udp")["kernel"], None)


@case
def of_mptcp():
    """a listener of an MPTCP endpoint has the address and port of the TCP socket beneath"""
    with world():
        endpoint()
        try:
            sock = only_socket("--holders=proc", "mptcp")
            expect_equal((sock["local"]["address"], sock["local"]["port"]), ("127.0.0.1", 7700))
            expect_equal(sock["answers"]["ipv4"]["verdict"], "some")
        finally:
            # Its socket would keep the namespace (Linux 6.18).
            make("mptcp endpoint flush")


if __name__ == "__main__":
    main()
