#!/usr/bin/env python3
"""The completions of zsh and fish; that of bash is tested where it is installed."""
import os
import pty
import select
import shutil
import subprocess
import time

import harness
from harness import ROOT, Skip, case, clean_environment, expect_equal, main

# What is typed, and what is completed to.
TYPED = (
    ("hark expl", "hark explain"),
    ("hark --ndj", "hark --ndjson"),
    ("hark explain --str", "hark explain --strict"),
    ("hark -o port,reach4,started,lab", "hark -o port,reach4,started,label"),
    ("hark --color al", "hark --color always"),
    ("hark help vers", "hark help version"),
    ("hark netstat --tru", "hark netstat --truth"),
    ("hark netstat -A un", "hark netstat -A unix"),
    ("hark establ", "hark established"),
    ("hark wait --sta", "hark wait --stable"),
    ("hark probe --from", "hark probe --from-outside"),
    ("hark bind --reusep", "hark bind --reuseport"),
    ("hark bind --device l", "hark bind --device lo"),
    ("hark wait 80 -- mkfif", "hark wait 80 -- mkfifo"),
)


def environment():
    """Finds the hark that is to be tested first.

    No search for leaks: it stops the program by ptrace, and a SIGCONT with which a shell controls
    its jobs takes the pending stop away, so that it would wait for ever.
    """
    return clean_environment(PATH=f"{os.path.dirname(harness.HARK)}:{os.environ['PATH']}",
                             TERM="dumb", HOME="/nonexistent", LC_ALL="C.UTF-8",
                             ASAN_OPTIONS=os.environ.get("ASAN_OPTIONS", "") + ":detect_leaks=0")


def needs(shell):
    if not shutil.which(shell):
        raise Skip(f"{shell} is not installed")


@case
def fish():
    """fish completes commands, options, columns and states"""
    needs("fish")
    for typed, wanted in TYPED:
        script = f"source {ROOT}/completions/hark.fish; complete -C '{typed}'"
        done = subprocess.run(["fish", "--no-config", "-c", script], capture_output=True, text=True,
                              env=environment(), check=True)
        offered = [line.split("\t")[0] for line in done.stdout.splitlines()]
        expect_equal(offered, [wanted.split()[-1]], typed)


class Zsh:
    """An interactive zsh at a terminal."""

    def __init__(self):
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], environment())
        self.type(f"PS1=; unsetopt zle_bracketed_paste; fpath=({ROOT}/completions $fpath); "
                  "autoload -U compinit; compinit -D -u; setopt no_beep; echo READ''Y\n")
        self.read("READY")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def read(self, until):
        text, deadline = "", time.monotonic() + 20
        while until not in text:
            if not select.select([self.terminal], [], [], deadline - time.monotonic())[0]:
                raise TimeoutError(text)
            text += os.read(self.terminal, 65536).decode()
        return text

    def complete(self, typed):
        """The line after a tab; it is run with the shell's own words in place of hark."""
        self.type(f"{typed}\t\x01: '\x05'; print -r -- \"<$_>\"\n")
        return self.read(">\r\n").rpartition("<")[2].partition(">")[0].strip()

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)


@case
def zsh():
    """zsh completes commands, options, columns and states"""
    needs("zsh")
    shell = Zsh()
    try:
        for typed, wanted in TYPED:
            expect_equal(shell.complete(typed), wanted, typed)
    finally:
        shell.close()


if __name__ == "__main__":
    main()
