"""The smallest BPF programs: each returns one number."""
import contextlib
import ctypes
import errno
import os
import struct
import subprocess
import tempfile

from harness import Skip

BPF_PROG_LOAD, BPF_PROG_ATTACH, BPF_PROG_DETACH, BPF_LINK_CREATE = 5, 8, 9, 28
SCHED_CLS, XDP, CGROUP_SKB, NETFILTER = 3, 6, 8, 32
AT_CGROUP_INGRESS, AT_XDP, AT_NETFILTER, AT_TCX_INGRESS = 0, 37, 45, 46
XDP_DROP, TC_DROP, NF_DROP, SK_DROP = 1, 2, 0, 0
XDP_FLAGS_SKB_MODE = 2
_libc = ctypes.CDLL(None, use_errno=True)


def _bpf(command, *parts):
    attributes = ctypes.create_string_buffer(b"".join(parts), 144)
    found = _libc.syscall(321, command, attributes, 144)
    if found < 0:
        error = ctypes.get_errno()
        if error in (errno.EPERM, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP):
            raise Skip(f"this kernel does not take such a program here: {os.strerror(error)}")
        raise OSError(error, f"bpf {command}")
    return found


def load(kind, value, attach=0):
    """A descriptor of a program that returns `value`."""
    text = ctypes.create_string_buffer(struct.pack("<BBhiBBhi", 0xb7, 0, 0, value, 0x95, 0, 0, 0), 16)
    rights = ctypes.create_string_buffer(b"GPL\0")
    return _bpf(BPF_PROG_LOAD, struct.pack(
        "<IIQQIIQII16sII", kind, 2, ctypes.addressof(text), ctypes.addressof(rights), 0, 0, 0, 0, 0,
        b"hark_test", 0, attach))


@contextlib.contextmanager
def _open(fd):
    try:
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def linked(program, target, attach, *more):
    """By a link that is gone afterwards; the thread is in the namespace of the target."""
    with _open(program), _open(_bpf(BPF_LINK_CREATE, struct.pack("<IIII", program, target, attach, 0),
                                    *more)):
        yield


def xdp(index):
    return linked(load(XDP, XDP_DROP), index, AT_XDP)


def tcx(index):
    return linked(load(SCHED_CLS, TC_DROP), index, AT_TCX_INGRESS)


def netfilter():
    """IPv4, LOCAL_IN, priority 1."""
    return linked(load(NETFILTER, NF_DROP, AT_NETFILTER), 0, AT_NETFILTER, struct.pack("<IIiI", 2, 1, 1, 0))


@contextlib.contextmanager
def dropping_cgroup():
    """This process is in a control group of its own, which gets no packets, until the end."""
    with tempfile.TemporaryDirectory() as root:
        done = subprocess.run(["mount", "-t", "cgroup2", "none", root], capture_output=True, check=False)
        if done.returncode:
            raise Skip("may not mount cgroup2")
        try:
            with open("/proc/self/cgroup", encoding="ascii") as file:
                home = [line.split(":", 2)[2].strip() for line in file if line.startswith("0::")][0]
            mine = f"{root}{home}/hark-test-{os.getpid()}"
            os.mkdir(mine)
            _join(mine)
            with _open(os.open(mine, os.O_RDONLY)) as group, \
                    _open(load(CGROUP_SKB, SK_DROP)) as program:
                _bpf(BPF_PROG_ATTACH, struct.pack("<IIII", group, program, AT_CGROUP_INGRESS, 0))
                try:
                    yield
                finally:
                    _bpf(BPF_PROG_DETACH, struct.pack("<IIII", group, program, AT_CGROUP_INGRESS, 0))
                    _join(f"{root}{home}")
                    os.rmdir(mine)
        finally:
            subprocess.run(["umount", "--lazy", root], check=False)


def _join(folder):
    with open(f"{folder}/cgroup.procs", "w", encoding="ascii") as file:
        file.write(str(os.getpid()))
