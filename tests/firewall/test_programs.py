#!/usr/bin/env python3
"""BPF programs that see packets before a listener does: they drop, and it depends on them."""
import pathlib
import socket
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "cli"))
from harness import Skip, case, expect_equal, main  # noqa: E402 (the path comes first)
import bpf  # noqa: E402
import judged  # noqa: E402
from check import entries, said_of  # noqa: E402
from known import expectation  # noqa: E402
from lab import LoadError  # noqa: E402

CLOSED = "tcp 8.8.8.8 22 drop; bpf"
CLOSED6 = "tcp 2600::1 22 drop; bpf"
CLOSED1 = "tcp 8.8.8.8 22@eth1 drop; bpf"
OPEN6 = "tcp 2600::1 22 accept"
OPEN1 = "tcp 8.8.8.8 22@eth1 accept"


def _check(*lines):
    this = judged.checker()
    expected = [expectation(line) for line in lines]
    this.lab.forget()
    found = this.lab.probe([e.probe for e in expected])
    this.lab.forget()
    told = list(entries(this.ask()))
    for one, outcome in zip(expected, found):
        expect_equal(outcome, one.outcome, f"the kernel, of {one.probe}")
        part = said_of(told, one.probe)
        expect_equal(part.verdict, "depends" if one.doubts else one.outcome.split()[0], f"{one.probe}: {part}")
        expect_equal(part.depends_on, one.doubts, f"{one.probe}: {part}")


def _on_eth0(attach):
    lab = judged.checker().lab
    lab.clear()
    with lab.box:
        link = attach(socket.if_nametoindex("eth0"))
        link.__enter__()
    try:
        _check(CLOSED, CLOSED6, OPEN1)
    finally:
        link.__exit__(None, None, None)
    _check(CLOSED.replace("drop; bpf", "accept"), OPEN6, OPEN1)


@case
def xdp():
    """XDP on one interface"""
    _on_eth0(bpf.xdp)


@case
def tcx():
    """tcx on one interface"""
    _on_eth0(bpf.tcx)


@case
def tc():
    """a filter of tc on one interface"""
    lab = judged.checker().lab
    lab.clear()
    lab.run(["tc", "qdisc", "add", "dev", "eth0", "clsact"])
    try:
        _check(CLOSED.replace("drop; bpf", "accept"), OPEN6, OPEN1)
        try:
            lab.run(["tc", "filter", "add", "dev", "eth0", "ingress", "matchall", "action", "drop"])
        except LoadError as error:
            raise Skip(f"this kernel does not take it: {error}") from error
        _check(CLOSED, CLOSED6, OPEN1)
    finally:
        lab.run(["tc", "qdisc", "del", "dev", "eth0", "clsact"])


@case
def netfilter():
    """a netfilter program of one family"""
    lab = judged.checker().lab
    lab.clear()
    with lab.box:
        link = bpf.netfilter()
        link.__enter__()
    try:
        _check(CLOSED, OPEN6, CLOSED1)
    finally:
        link.__exit__(None, None, None)


@case
def cgroup():
    """a program of a control group: its listener alone"""
    this = judged.checker()
    this.lab.clear()
    with bpf.dropping_cgroup(), this.lab.box, socket.create_server(("", 4000)):
        mine, other = (expectation(f"tcp 8.8.8.8 {port} drop").probe for port in (4000, 22))
        expect_equal(this.lab.probe([mine, other]), ["drop", "accept 22"])
        told = list(entries(this.ask()))
        expect_equal(said_of(told, other).verdict, "accept")
        part = said_of(told, mine)
        expect_equal((part.verdict, part.depends_on), ("depends", ["bpf"]))


main()
