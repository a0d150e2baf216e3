# SPDX-License-Identifier: Apache-2.0
"""`state.py DIRECTORY…`: one line for each directory: its path and a digest of names, kinds, modes, owners,
sizes, times, links, flags, attributes and bytes of all in it. Run by tests/evasion/evasion.sh before and after attacks."""
import fcntl
import hashlib
import os
import stat
import struct
import sys


def flags(fd):
    try:
        return struct.unpack("i", fcntl.ioctl(fd, 0x80086601, struct.pack("q", 0))[:4])
    except OSError:  # not of this kind of file
        return None


def describe(path):
    st = os.lstat(path)
    seen = [st.st_mode, st.st_uid, st.st_gid, st.st_nlink, st.st_mtime_ns, st.st_ino]
    seen += [(name, os.getxattr(path, name, follow_symlinks=False)) for name in sorted(os.listxattr(path, follow_symlinks=False))]
    if stat.S_ISLNK(st.st_mode):
        return seen + [os.readlink(path)]
    if not stat.S_ISREG(st.st_mode) and not stat.S_ISDIR(st.st_mode):
        return seen
    fd = os.open(path, os.O_RDONLY)
    try:
        seen.append(flags(fd))
        if stat.S_ISREG(st.st_mode):
            seen.append(os.read(fd, 65536))
    finally:
        os.close(fd)
    return seen


def digest(top):
    seen = []
    try:
        for here, directories, files in os.walk(top):
            directories.sort()
            for name in [""] + sorted(files):
                path = os.path.join(here, name)
                seen.append((path, describe(path)))
    except OSError as error:
        seen.append(str(error))
    return hashlib.sha256(repr(seen).encode("utf-8", "surrogateescape")).hexdigest()


for directory in sys.argv[1:]:
    print(directory, digest(directory), sep="\t")
