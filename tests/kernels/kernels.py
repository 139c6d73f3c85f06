#!/usr/bin/env python3
"""hark on other kernels: every way of finding sockets and their holders says the same there.

    kernels.py [FOLDER]

Gets the kernels that the machine's own sources of packages have (apt checks their signatures), and
boots the newest of each series in QEMU, without acceleration. Inside, `init` makes a world of
sockets and lists it in every way. Prints TAP; what cannot be had is skipped. What is downloaded
stays in FOLDER, build/kernels.

    HARK_KERNEL_SUITES    further suites of the same archives, such as "bullseye-security"
    HARK_KERNELS          only these series, such as "5.10 6.12"
"""
import io
import json
import lzma
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tarfile
import time

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parents[1]
HARK = os.environ.get("HARK", ROOT / "build/hark")
TOOLS = ("apt-get", "apt-cache", "dpkg-deb", "qemu-system-x86_64", "busybox", "cpio", "gzip",
         "depmod", "modprobe", "cc", "ip", "ldd")
BOOT_SECONDS = 600  # a busy machine is slow
BOOT_WORDS = ("console=ttyS0 quiet panic=-1 mitigations=off nokaslr tsc=reliable no_timer_check "
              "random.trust_cpu=on")
PACKAGE = re.compile(r"^linux-image-((\d+\.\d+)\S*)-cloud-amd64 ", re.M)
MODULES = ("dummy", "vxlan", "wireguard", "sctp", "tcp_diag", "udp_diag", "inet_diag", "raw_diag",
           "sctp_diag", "mptcp_diag", "unix_diag")

FIRST = "proc"  # what all the others are compared with
# By way, what --debug says when it ran, and since which Linux it must.
WAYS = {
    "auto": ("", (0, 0)),
    "bpf": (r"holders by BPF", (5, 8)),
    "bpf-marks": (r"holders by BPF \(marks\)", (5, 17)),
    "bpf-tables": (r"holders by BPF \(tables\)", (5, 17)),
    "bpf-files": (r"holders by BPF \(files\)", (5, 8)),
}
VIEWS = ("", "-a", "-A", "-aA", "22")
CONNECTIONS_SINCE = (5, 17)


class Skip(Exception):
    """Why something cannot be tested here."""


def run(*command, **options):
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          check=False, **options)
    if done.returncode:
        errors = done.stderr.strip().splitlines() or [f"status {done.returncode}"]
        raise Skip(f"{command[0]}: {errors[-1]}")
    return done.stdout


class Packages:
    """apt with lists of its own, of Debian's archives that this machine gets packages from."""

    def __init__(self, folder):
        self.folder = folder
        for name in ("lists/partial", "cache/archives/partial"):
            (folder / name).mkdir(parents=True, exist_ok=True)
        options = {"Dir::Etc::SourceList": folder / "sources.list",
                   "Dir::Etc::SourceParts": "/dev/null",
                   "Dir::State::Lists": folder / "lists",
                   "Dir::Cache": folder / "cache"}
        self.options = [word for item in options.items() for word in ("-o", "%s=%s" % item)]
        (folder / "sources.list").write_text("".join(self.sources()))
        # A suite that is gone is no reason not to use the others.
        try:
            run("apt-get", *self.options, "update")
        except Skip as reason:
            print(f"# {reason}")

    @staticmethod
    def sources():
        found = run("apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE) $(COMPONENT)",
                    "Created-By: Packages").splitlines()
        archives = {tuple(line.split()) for line in found if line.endswith(" main")}
        for suite in os.environ.get("HARK_KERNEL_SUITES", "").split():
            archives |= {(uri, suite, component) for uri, known, component in tuple(archives)
                         if known.endswith("-security") == suite.endswith("-security")}
        return sorted(f"deb {' '.join(archive)}\n" for archive in archives)

    def kernels(self):
        """The newest package of each series: [(series, package)]."""
        newest = {}
        names = run("apt-cache", *self.options, "search", "--names-only", "^linux-image-[0-9]")
        for release, series in PACKAGE.findall(names):
            # A meta-package has just the series for a version.
            if release != series:
                order = [int(number) for number in re.findall(r"\d+", release)]
                newest[series] = max(newest.get(series, ([], "")), (order, release))
        return [(series, f"linux-image-{release}-cloud-amd64") for series, (_, release)
                in sorted(newest.items(), key=lambda item: [int(n) for n in item[0].split(".")])]

    def unpack(self, package):
        """The folder that it is unpacked in."""
        place = self.folder / package
        if not place.exists():
            shutil.rmtree(self.folder / "new", ignore_errors=True)
            (self.folder / "new").mkdir()
            run("apt-get", *self.options, "download", package, cwd=self.folder / "new")
            deb = next((self.folder / "new").glob("*.deb"))
            run("dpkg-deb", "--extract", deb, self.folder / "new")
            deb.unlink()
            (self.folder / "new").rename(place)
        return place


def make_tools(folder):
    """The programs of a guest, with the libraries of those that are not static."""
    tools = folder / "tools"
    shutil.rmtree(tools, ignore_errors=True)
    (tools / "tools").mkdir(parents=True)
    for name, *files in (("world", "kernels/world.c"),
                         ("holdings", "tools/holdings.c", "tools/holdings_worlds.c")):
        run(os.environ.get("CC", "cc"), "-D_GNU_SOURCE", "-O1", "-static",
            "-o", tools / "tools" / name, *(ROOT / "tests" / file for file in files))
    (tools / "bin").mkdir()
    for program, path in (("tools/hark", HARK), ("tools/ip", shutil.which("ip")),
                          ("bin/busybox", shutil.which("busybox"))):
        shutil.copy(path, tools / program)
        needs = subprocess.run(["ldd", path], capture_output=True, text=True, check=False).stdout
        for library in re.findall(r"(/\S+) \(0x", needs):
            place = tools / library.lstrip("/")
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(library, place)
    shutil.copy(HERE / "init", tools / "init")
    (tools / "init").chmod(0o755)
    (tools / "views").write_text("".join(view + "\n" for view in VIEWS))
    (tools / "ways").write_text("".join(way + "\n" for way in (FIRST, *WAYS)))
    (tools / "modules").write_text("".join(module + "\n" for module in MODULES))
    return tools


def make_initrd(folder, tools, kernel):
    """The programs, and the modules with those that they need."""
    root = folder / "root"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(tools, root, symlinks=True)
    modules = next(kernel.glob("**/lib/modules/*"))
    place = root / "lib/modules" / modules.name
    place.mkdir(parents=True)
    base = modules.parents[2]
    run("depmod", "-b", base, modules.name)
    for module in MODULES:
        command = ("modprobe", "-S", modules.name, "-d", base, "--show-depends", module)
        shown = subprocess.run(command, capture_output=True, text=True, check=False).stdout
        for path in map(pathlib.Path, re.findall(r"^insmod (\S+)", shown, re.M)):
            data = path.read_bytes()
            if path.suffix == ".xz":
                data = lzma.decompress(data)
            (place / path.name.removesuffix(".xz")).write_bytes(data)
    for name in ("modules.builtin", "modules.order"):
        shutil.copy(modules / name, place)
    run("depmod", "-b", root, modules.name)
    run("sh", "-c", "find . | cpio --quiet -o -H newc -R 0:0 | gzip -1 >../initrd", cwd=root)
    return folder / "initrd"


class Guest:
    """A kernel that has run: what hark said in it."""

    def __init__(self, folder, tools, kernel):
        image = next(kernel.glob("boot/vmlinuz-*"))
        self.results = folder / "results"
        self.console = []
        self.release = None
        self.boot_seconds = self.all_seconds = self.cpu_seconds = 0.0
        self.run(image, make_initrd(folder, tools, kernel))
        self.files = {}
        with tarfile.open(self.results) as archive:
            for member in archive:
                if member.isfile():
                    name = member.name.removeprefix("./")
                    self.files[name] = archive.extractfile(member).read().decode()

    def run(self, image, initrd):
        # The guest's clock goes by instructions, so that nothing in it times out on a busy machine.
        command = ["timeout", "-k", "5", str(BOOT_SECONDS), "qemu-system-x86_64", "-M", "q35",
                   "-accel", "tcg,thread=single", "-icount", "shift=1,sleep=off", "-cpu", "max",
                   "-m", "384", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                   "-serial", "stdio", "-serial", f"file:{self.results}", "-monitor", "none",
                   "-kernel", image, "-initrd", initrd, "-append", BOOT_WORDS]
        begin, before = time.monotonic(), resource.getrusage(resource.RUSAGE_CHILDREN)
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT) as qemu:
            for raw in qemu.stdout:
                line = raw.decode("utf-8", "replace").rstrip()
                self.console.append(line)
                if line.startswith("up|"):
                    self.release = line[3:]
                    self.boot_seconds = time.monotonic() - begin
        self.all_seconds = time.monotonic() - begin
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        self.cpu_seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        # A guest that panics makes QEMU end well, too.
        if "done|" not in self.console:
            raise AssertionError("\n".join(["it did not come to its end:", *self.console[-20:]]))


def series_of(release):
    return tuple(int(number) for number in release.split(".")[:2])


def rows_of(guest, way, view):
    name = f"{way} {view}"
    said = guest.files[f"{name}.said"]
    if guest.files[f"{name}.status"].strip() != "0":
        raise AssertionError(f"status {guest.files[f'{name}.status']}{said}")
    return [json.loads(line) for line in guest.files[f"{name}.rows"].splitlines()], said


def is_for_marks(row):
    """The other sockets are in no table of listeners that the program goes through."""
    return row["protocol"] in ("tcp", "udp") and row["state"] in ("listen", "unconnected")


def check_same(rows, wanted):
    """All the same, but that only some ways know whether a socket is the kernel's own."""
    names, others = (
        [(row["netns"], row["label"], row["local"]["port"], row["cookie"]) for row in some]
        for some in (rows, wanted))
    if names != others:
        raise AssertionError(f"{len(rows)} rows, not {len(wanted)}, or in another order; "
                             f"too many: {set(names) - set(others)}, "
                             f"missing: {set(others) - set(names)}")
    for row, other, name in zip(rows, wanted, names):
        unknown = {"kernel"} if None in (row["kernel"], other["kernel"]) else set()
        for key in sorted(row.keys() - unknown):
            if row[key] != other.get(key):
                raise AssertionError(f"{key} of {name}: {row[key]}\nby {FIRST}: {other.get(key)}")


def check_way(guest, way, view):
    """What --debug said in brief."""
    (wanted, _), (rows, said) = rows_of(guest, FIRST, view), rows_of(guest, way, view)
    pattern, since = WAYS[way]
    lines = [line for line in said.splitlines() if "BPF" in line]
    may_fail = series_of(guest.release) < since
    if not re.search(pattern, said):
        reason = next((line for line in lines if "no holders" in line), said)
        if may_fail:
            raise Skip(reason)
        raise AssertionError(f"it did not run: {reason}")
    if way == "bpf-marks":
        rows, wanted = ([{**row, "holders_complete": None} for row in some if is_for_marks(row)]
                        for some in (rows, wanted))
    check_same(rows, wanted)
    if not rows:
        raise AssertionError("no rows")
    return [f"{len(rows)} rows", *lines]


def check_connections(guest):
    """That the program for those of other namespaces ran, or why not."""
    line = next((line for line in rows_of(guest, "auto", "-aA")[1].splitlines()
                 if "connections of other" in line), "it says nothing")
    if "(connections)" in line:
        return [line]
    if series_of(guest.release) < CONNECTIONS_SINCE:
        raise Skip(line)
    raise AssertionError(line)


def check_listeners(guest):
    """All of them are also in the list of everything, by one way."""
    few, many = ({(row["label"], row["local"]["port"], row["state"], row["cookie"])
                  for row in rows_of(guest, FIRST, view)[0]} for view in ("", "-a"))
    if few - many:
        raise AssertionError(f"missing with -a: {few - many}")


class Results:
    """Prints TAP."""

    def __init__(self):
        self.n = self.n_failed = 0

    def case(self, name, function, *arguments):
        self.n += 1
        told, result = [], None
        try:
            result = function(*arguments)
            print(f"ok {self.n} - {name}", flush=True)
            told = result if isinstance(result, list) else []
        except Skip as reason:
            print(f"ok {self.n} - {name} # SKIP {reason}", flush=True)
        except (AssertionError, KeyError, ValueError, OSError, tarfile.TarError) as failure:
            self.n_failed += 1
            print(f"not ok {self.n} - {name}")
            told = f"{type(failure).__name__}: {failure}".splitlines()
        print(*(f"# {line}\n" for line in told), sep="", end="", flush=True)
        return result


def test_kernel(results, packages, tools, series, package):
    def boot():
        return Guest(packages.folder, tools, packages.unpack(package))

    guest = results.case(f"{series} boots: {package}", boot)
    if not guest:
        return
    print(f"# {guest.boot_seconds:.1f} s until its first process, {guest.all_seconds:.1f} s in "
          f"all, {guest.cpu_seconds:.1f} s of a processor's")
    lacks = dict.fromkeys(line for line in guest.console
                          if line.startswith(("no module", "no socket", "no world")))
    print(*(f"# {line}\n" for line in lacks), sep="", end="")
    for view in VIEWS:
        for way in WAYS:
            results.case(f"{series}: {way} {view or 'listeners'}", check_way, guest, way, view)
    results.case(f"{series}: -a has all listeners", check_listeners, guest)
    results.case(f"{series}: connections of other namespaces", check_connections, guest)


def main():
    missing = [tool for tool in TOOLS if not shutil.which(tool)]
    wanted = os.environ.get("HARK_KERNELS", "").split()
    results = Results()
    try:
        if missing or os.uname().machine != "x86_64":
            raise Skip(f"needs {', '.join(missing)}" if missing else "knows x86-64 alone")
        folder = sys.argv[1] if sys.argv[1:] else ROOT / "build/kernels"
        packages = Packages(pathlib.Path(folder).absolute())
        kernels = packages.kernels()
        if not kernels:
            raise Skip("the sources of packages have no kernels")
        tools = make_tools(packages.folder)
    except Skip as reason:
        print(f"1..0 # SKIP {reason}")
        return 0
    for series, package in kernels:
        if not wanted or series in wanted:
            test_kernel(results, packages, tools, series, package)
    for series in wanted:
        if series not in dict(kernels):
            results.case(f"{series} boots", skip, "the sources of packages do not have it")
    print(f"1..{results.n}")
    return 1 if results.n_failed else 0


def skip(reason):
    raise Skip(reason)


if __name__ == "__main__":
    sys.exit(main())
