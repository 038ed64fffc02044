#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
# Copyright (C) 2026 The era-tools authors
"""
terminal.py [-b] [-i] [-s] [-t] FEED WIDTH... -- COMMAND...

Runs a command with standard error on a terminal, and prints what a person sees there: for each
WIDTH the row at which the command's progress is drawn in a terminal of so many columns, and after
"----" all rows that are left when it has ended, its status, and how often a line was cleared.
Standard input is a pipe: FEED comes through it in pieces of 256 KiB, for each width as many as it
takes until the command has drawn something, and the rest at the end.  Standard output is a file,
"stdout".

    -b  the command is in the terminal's background
    -i  it gets SIGINT instead of the rest
    -s  it is expected to draw nothing, and gets one piece for each width
    -t  standard output is the terminal, too

When FEED ends before all is drawn, the status is 9.  Nothing depends on how fast the command is: it
may need more pieces when it begins late.
"""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import sys
import termios
import time

PATIENCE = 20
PIECE = 256 << 10  # what era restore reads at once
BEFORE_FIRST = 1.1  # a line comes after a second
BEFORE_NEXT = 0.3  # and then four times a second


class Screen:
    """As much of a terminal as these programs use; a line that is too long goes on in the next."""

    def __init__(self):
        self.width = 80
        self.rows = [""]
        self.column = 0
        self.nr_cleared = 0

    def put(self, text):
        for piece in re.findall(r"\x1b\[K|.|\n", text):
            if piece == "\r":
                self.column = 0
            elif piece == "\n":
                self.rows.append("")
                self.column = 0
            elif piece == "\x1b[K":
                self.rows[-1] = self.rows[-1][: self.column]
                self.nr_cleared += 1
            else:
                if self.column == self.width:
                    self.put("\r\n")
                row = self.rows[-1].ljust(self.column)
                self.rows[-1] = row[: self.column] + piece + row[self.column + 1 :]
                self.column += 1


def start(command, options):
    """Returns the process, the terminal, and where its input goes."""
    into, to = os.pipe()
    pid, terminal = pty.fork()
    if pid:
        os.close(into)
        return pid, terminal, to
    os.dup2(into, 0)
    if "-t" not in options:
        os.dup2(os.open("stdout", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o666), 1)
    os.close(into)
    os.close(to)
    if "-b" in options:
        child = os.fork()
        if child:
            os._exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
        os.setpgid(0, 0)
    os.execvp(command[0], command)


def read_terminal(terminal, screen, seconds):
    """What has come, or None at the end."""
    if not select.select([terminal], [], [], seconds)[0]:
        return ""
    try:
        text = os.read(terminal, 4096).decode()
    except OSError:
        return None
    screen.put(text)
    return text or None


def wait_for_line(terminal, screen):
    """A second at most: then another piece may help."""
    until = time.monotonic() + 1
    while time.monotonic() < until:
        text = read_terminal(terminal, screen, 0.1)
        if text is None:
            return False
        if text and screen.rows[-1]:
            return True
    return False


def feed_until_line(terminal, screen, to, pieces):
    while pieces:
        os.write(to, pieces.pop(0))
        if wait_for_line(terminal, screen):
            return
    sys.exit(9)


def main():
    options = []
    while sys.argv[1][0] == "-" and len(sys.argv[1]) > 1:
        options.append(sys.argv.pop(1))
    at = sys.argv.index("--")
    feed = open(sys.argv[1], "rb").read()
    widths = [int(width) for width in sys.argv[2:at]]
    pid, terminal, to = start(sys.argv[at + 1 :], options)
    signal.alarm(10 * PATIENCE)
    screen = Screen()
    pieces = [feed[at : at + PIECE] for at in range(0, len(feed), PIECE)]
    for i, width in enumerate(widths):
        screen.width = width
        fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
        time.sleep(BEFORE_NEXT if i else BEFORE_FIRST)
        if "-s" in options:
            os.write(to, pieces.pop(0))
        else:
            feed_until_line(terminal, screen, to, pieces)
            print(f"{width}: {screen.rows[-1]}")
    if "-i" in options:
        os.kill(pid, signal.SIGINT)
    else:
        os.write(to, b"".join(pieces))
    os.close(to)
    while read_terminal(terminal, screen, PATIENCE) is not None:
        pass
    print("----")
    print("\n".join(screen.rows))
    print("status", os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    print("cleared", screen.nr_cleared)


main()
