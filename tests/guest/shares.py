#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""
A process that sleeps with an open connection, and another that reads a record and passes it on by memory that they share:
shares.py WAY RECORD PATH ADDRESS PORT

The reader is named `reader`, and ends; then `sender` copies the memory to the file PATH, and sends it. Prints what that
failed with. WAY: file (PATH.shared), child (likewise, but only the sender maps it), posix, memfd, sysv, anon. Used by tests/guest/cases/41-flows.sh.
"""
import ctypes
import mmap
import os
import socket
import sys

libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
way, record, path, address, port = sys.argv[1:]
SIZE = 4096


def call_me(name):
    libc.prctl(15, name.encode(), 0, 0, 0)


def of_descriptor(fd):
    """Each process maps it for itself."""
    return lambda: mmap.mmap(fd, SIZE)


def of_system_v():
    number = libc.shmget(0, ctypes.c_size_t(SIZE), 0o1600)

    def attach():
        return (ctypes.c_char * SIZE).from_address(libc.shmat(number, None, 0))
    return attach


def of_parent():
    area = mmap.mmap(-1, SIZE)
    return lambda: area


def memory():
    """What maps the memory that both see."""
    if way == "sysv":
        return of_system_v()
    if way == "anon":
        return of_parent()
    if way == "memfd":
        fd = os.memfd_create("shared")
    else:
        fd = os.open(path + ".shared" if way in ("file", "child") else f"/dev/shm/{os.path.basename(path)}", os.O_RDWR | os.O_CREAT, 0o600)
    os.truncate(fd, SIZE)
    if way == "child":
        area = mmap.mmap(fd, SIZE)
        return lambda: area
    return of_descriptor(fd)


def read(see):
    call_me("reader")
    area = see()
    with open(record, "rb", buffering=0) as f:
        text = f.read()
    area[:len(text)] = text


see_memory = memory()
call_me("sender")
mine = see_memory()
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
sender.connect((address, int(port)))
if not os.fork():
    read(see_memory)
    os._exit(0)
os.wait()
for name, put in ("copy", lambda data: open(path, "wb", buffering=0).write(data)), ("send", sender.send):
    try:
        put(bytes(mine[:64]))
    except OSError as e:
        print(name, os.strerror(e.errno))
