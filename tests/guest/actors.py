#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
Processes that share or pass on something, and of which one then reads a record: actors.py RECORD OTHER WAY…

Each is named WAY.ROLE. Prints a line for each that is to hold the record's data by now, `+ NAME`, and for each that is not,
`- NAME`; then waits until the file `go` is there. OTHER is a record that may not meet RECORD. Used by
tests/guest/cases/42-carriers.sh; owns the files that begin with `a.` in its directory, in ../shared and ../state, and
/dev/shm/a.*. In ../python lies another program that does what this one's interpreter does.
"""
import ctypes
import mmap
import os
import pty
import sys
import time
import tty

libc = ctypes.CDLL(None, use_errno=True)
libc.mmap.restype = ctypes.c_void_p
record, other = sys.argv[1:3]
SYS_ADD_KEY, SYS_KEYCTL, KEYCTL_READ, SESSION_KEYRING = 248, 250, 11, -3


def wait_for(*names):
    while not all(os.path.exists(name) for name in names):
        time.sleep(0.02)


def say(name):
    open(name, "w").close()


def read(path):
    with open(path, "rb", buffering=0) as f:
        return f.read()


class Play:
    """The actors of one way."""

    def __init__(self, way):
        self.way, self.n, self.holds, self.not_held = way, 0, [], []

    def actor(self, role, function, holds):
        """Forks one. The function gets `ready`, to call when the holder may go on, and `turn`, which waits for that."""
        me = f"{self.way}.{role}"
        (self.holds if holds else self.not_held).append(me)
        if os.fork():
            self.n += 1
            return
        libc.prctl(15, me.encode(), 0, 0, 0)

        def ready():
            say(f"a.{me}.ready")

        def turn():
            ready()
            wait_for(f"a.{self.way}.turn")

        try:
            function(ready, turn)
        finally:
            say(f"a.{me}.done")
            wait_for("go")
            os._exit(0)

    def run(self):
        everybody = self.holds + self.not_held
        wait_for(*(f"a.{name}.ready" for name in everybody))
        say(f"a.{self.way}.turn")
        wait_for(*(f"a.{name}.done" for name in everybody))
        for name in self.holds:
            print("+", name)
        for name in self.not_held:
            print("-", name)


def holder(ready, turn):
    turn()
    read(record)


def bystander(ready, turn):
    turn()
    time.sleep(0.5)


def mapped(name, write=True, then=holder, size=4096, later=False):
    """Maps /dev/shm/a.NAME, or a file of that name with a slash, and goes on. later: to be read, and then to be written."""
    def function(ready, turn):
        path = name if "/" in name else "/dev/shm/a." + name
        fd = os.open(path, os.O_RDWR if write else os.O_RDONLY)
        protection = mmap.PROT_READ | (mmap.PROT_WRITE if write and not later else 0)
        area = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=protection)
        os.close(fd)
        if later:
            at = libc.mmap(None, ctypes.c_size_t(size), 1, 1, os.open(path, os.O_RDWR), ctypes.c_long(0))
            if libc.mprotect(ctypes.c_void_p(at), ctypes.c_size_t(size), 3):
                raise OSError(ctypes.get_errno(), "mprotect")
        then(ready, turn)
        area[0]
    return function


def several(*names, then=bystander):
    function = then
    for name in names:
        function = mapped(name, then=function)
    return function


def shm(*names):
    for name in names:
        with open(name if "/" in name else f"/dev/shm/a.{name}", "wb") as f:
            f.truncate(4096)


def anonymous(p):
    p.actor("stranger", bystander, False)

    def sharing(ready, turn):
        area = mmap.mmap(-1, 4096)

        def leaver(ready, turn):
            # Another program does not have the mapping.
            os.execv("/usr/bin/python3", ["python3", "-c", "import ctypes, os, time\n"
                     f"ctypes.CDLL(None).prctl(15, b'{p.way}.leaver', 0, 0, 0)\n"
                     f"open('a.{p.way}.leaver.ready', 'w').close()\n"
                     f"while not os.path.exists('a.{p.way}.turn'): time.sleep(0.02)\n"
                     f"time.sleep(0.5); open('a.{p.way}.leaver.done', 'w').close()\n"
                     "while not os.path.exists('go'): time.sleep(0.02)"])
        p.actor("holder", holder, True)
        p.actor("leaver", leaver, False)
        bystander(ready, turn)
        area[0]
    p.actor("parent", sharing, True)
    p.holds.append(f"{p.way}.holder")
    p.not_held.append(f"{p.way}.leaver")


def posix(p):
    shm("one", "two", "three", "four", "five")
    p.actor("holder", mapped("one"), True)
    p.actor("writer", mapped("one", then=bystander), True)
    p.actor("reader", mapped("one", write=False, then=bystander), True)
    p.actor("stranger", mapped("five", then=bystander), False)
    # Two memories that meet in one process.
    p.actor("between", several("one", "two"), True)
    p.actor("beyond", mapped("two", then=bystander), True)
    # Who holds something and only looks gives nothing.
    p.actor("watcher", mapped("three", write=False, then=holder), True)
    p.actor("watched", mapped("three", then=bystander), False)


def files(p):
    shm("../shared/a.file")
    library = os.path.realpath("/lib/x86_64-linux-gnu/libc.so.6")
    p.actor("holder", mapped("../shared/a.file", then=mapped(library, write=False)), True)
    p.actor("writer", mapped("../shared/a.file", then=bystander), True)
    p.actor("reader", mapped("../shared/a.file", write=False, then=bystander), True)
    p.actor("library", mapped(library, write=False, then=bystander), False)


def stranger_of(p, role, path, reads):
    """A program that no rule names maps the file to write, and reads the record if `reads`."""
    def function(ready, turn):
        os.execv("../python", ["python", "-c", "import ctypes, mmap, os, sys, time\n"
                 "way, me, path, record, reads = sys.argv[1:]\n"
                 "ctypes.CDLL(None).prctl(15, me.encode(), 0, 0, 0)\n"
                 "area = mmap.mmap(os.open(path, os.O_RDWR), 4096)\n"
                 "open(f'a.{me}.ready', 'w').close()\n"
                 "while not os.path.exists(f'a.{way}.turn'): time.sleep(0.02)\n"
                 "open(record, 'rb').read() if reads else time.sleep(0.5)\n"
                 "open(f'a.{me}.done', 'w').close()\n"
                 "while not os.path.exists('go'): time.sleep(0.02)",
                 p.way, f"{p.way}.{role}", path, record, "1" if reads else ""])
    p.actor(role, function, reads)


def state(p):
    """What this program writes in ../state is no copy; what others write there is."""
    one, two, three = (f"../state/a.{name}" for name in ("one", "two", "three"))
    many = [f"../state/a.{i}" for i in range(9)]
    shm(one, two, three, *many)
    p.actor("holder", mapped(one), True)
    p.actor("writer", mapped(one, then=bystander), False)
    p.actor("reader", mapped(one, write=False, then=bystander), False)
    stranger_of(p, "other", one, False)
    p.actor("later", mapped(two, later=True), True)
    p.actor("second", mapped(two, then=bystander), False)
    stranger_of(p, "alien", three, True)
    p.actor("sees", mapped(three, then=bystander), True)
    p.actor("many", several(*many, then=holder), True)
    p.actor("ninth", mapped(many[8], then=bystander), False)
    p.actor("first", mapped(many[0], then=bystander), False)


def terminal(p):
    ends = {}
    for name in "one", "two", "three":
        ends[name] = pty.openpty()
        tty.setraw(ends[name][1])

    def blocked(end):
        def function(ready, turn):
            ready()
            os.read(end, 100)
        return function

    def writer(end):
        def function(ready, turn):
            turn()
            time.sleep(0.3)
            read(record)
            os.write(end, b"data\n")
        return function

    def innocent(ready, turn):
        turn()
        time.sleep(0.3)
        os.write(ends["two"][1], b"data\n")
    p.actor("holder", writer(ends["one"][1]), True)
    p.actor("master", blocked(ends["one"][0]), True)
    p.actor("innocent", innocent, False)
    p.actor("stranger", blocked(ends["two"][0]), False)
    p.actor("typist", writer(ends["three"][0]), True)
    p.actor("slave", blocked(ends["three"][1]), True)


class Message(ctypes.Structure):
    _fields_ = [("type", ctypes.c_long), ("text", ctypes.c_char * 64)]


def queues(p):
    one, two, three = (libc.msgget(0, 0o1600) for _ in range(3))
    mq = libc.mq_open(b"/a.queue", os.O_RDWR | os.O_CREAT, 0o600, None)

    def receiver(queue, first=None):
        def function(ready, turn):
            if first:
                read(first)
            ready()
            libc.msgrcv(queue, ctypes.byref(Message()), 64, 0, 0)
        return function

    def late(ready, turn):
        ready()
        time.sleep(1.5)
        libc.msgrcv(two, ctypes.byref(Message()), 64, 0, 0)

    def posix_receiver(ready, turn):
        ready()
        libc.mq_receive(mq, ctypes.create_string_buffer(8192), 8192, None)

    def remover(ready, turn):
        turn()
        time.sleep(1)
        libc.msgctl(three, 0, None)

    def sender(ready, turn):
        turn()
        time.sleep(0.3)
        read(record)
        for queue in one, two, three:
            libc.msgsnd(queue, ctypes.byref(Message(1, b"data")), 5, 0)
        libc.mq_send(mq, b"data", 5, 0)
    p.actor("sender", sender, True)
    p.actor("waiting", receiver(one), True)
    p.actor("late", late, True)
    p.actor("posix", posix_receiver, True)
    p.actor("remover", remover, False)


def keys(p):
    def named(text):
        return ctypes.c_char_p(text.encode())

    def holder_of_key(ready, turn):
        turn()
        read(record)
        key = libc.syscall(SYS_ADD_KEY, named("user"), named("a.key"), named("data"), 4, SESSION_KEYRING)
        with open("a.key.new", "w", encoding="ascii") as f:
            f.write(str(key))
        os.rename("a.key.new", "a.key")

    def look(number):
        def function(ready, turn):
            turn()
            wait_for(number)
            with open(number, encoding="ascii") as f:
                key = int(f.read())
            libc.syscall(SYS_KEYCTL, KEYCTL_READ, key, ctypes.create_string_buffer(64), 64)
        return function

    def innocent(ready, turn):
        turn()
        key = libc.syscall(SYS_ADD_KEY, named("user"), named("a.other"), named("data"), 4, SESSION_KEYRING)
        with open("a.other.new", "w", encoding="ascii") as f:
            f.write(str(key))
        os.rename("a.other.new", "a.other")
    libc.syscall(SYS_KEYCTL, 1, None)  # a session keyring of their own
    p.actor("holder", holder_of_key, True)
    p.actor("reader", look("a.key"), True)
    p.actor("innocent", innocent, False)
    p.actor("stranger", look("a.other"), False)


def refused(p):
    """Who holds OTHER does not get the message: it is ended."""
    queue = libc.msgget(0, 0o1600)

    def receiver(ready, turn):
        read(other)
        ready()
        libc.msgrcv(queue, ctypes.byref(Message()), 64, 0, 0)

    def sender(ready, turn):
        wait_for(f"a.{p.way}.receiver.ready")
        turn()
        time.sleep(0.3)
        read(record)
        libc.msgsnd(queue, ctypes.byref(Message(1, b"data")), 5, 0)
    p.actor("sender", sender, True)
    p.actor("receiver", receiver, False)
    p.not_held.clear()  # it holds something, and is ended


def declassified(p):
    master, slave = pty.openpty()
    tty.setraw(slave)

    def writer(ready, turn):
        turn()
        time.sleep(0.3)
        read(record)
        os.write(slave, b"data\n")

    def blocked(ready, turn):
        ready()
        os.read(master, 100)
    p.actor("holder", writer, True)
    p.actor("master", blocked, False)


# Short names, as a process's has 15 bytes.
ways = {"anon": anonymous, "posix": posix, "files": files, "tty": terminal, "queue": queues, "key": keys,
        "apart": refused, "free": declassified, "state": state}
for name in sys.argv[3:]:
    play = Play(name)
    ways[name](play)
    sys.stdout.flush()
    play.run()
    sys.stdout.flush()
print("done", flush=True)
wait_for("go")
