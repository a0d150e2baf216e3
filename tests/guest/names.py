#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Resolvers and who asks them, for tests/guest/cases/49-answers.sh and the evasion suite.

    names.py serve TABLE ADDRESS…         answers at port 53 of each address what TABLE has (by TCP, nothing): lines of NAME and
                                          addresses, aliases (of a further name) or ID (the answer bears another); makes TABLE.serves
    names.py WAY FILE NAME RESOLVER PORT [SECONDS]
                                          asks for the name, and sends what FILE has to the port of the first address that comes

WAY: tcp, udp (asks, reads, sends), before (connects before it reads), child (a child reads and sends), late (SECONDS after it has
asked), kept (connects at once, and sends then), tls (over TLS), forged (as root, then as user SECONDS: another process answers in
the resolver's name, which does not), strange (another process answers in its own name)
"""

import os
import signal
import socket
import ssl
import struct
import sys
import time

A, CNAME, AAAA = 1, 5, 28
FORGED_TO = "10.9.0.2"


def wire(name):
    return b"".join(bytes([len(label)]) + label.encode() for label in name.split(".")) + b"\0"


def record(owner, kind, data, ttl=1):
    return owner + struct.pack(">HHIH", kind, 1, ttl, len(data)) + data


def records(words, kind):
    """What the words of a line of the table come to, behind a question."""
    owner, made = b"\xc0\x0c", []
    for word in words:
        if word[-1].isalpha():
            made.append(record(owner, CNAME, wire(word)))
            owner = wire(word)
        elif ":" in word and kind == AAAA:
            made.append(record(owner, AAAA, socket.inet_pton(socket.AF_INET6, word)))
        elif "." in word and kind == A:
            made.append(record(owner, A, socket.inet_aton(word)))
    return made


def answer(query, words, end):
    (ident,) = struct.unpack(">H", query[:2])
    kind = struct.unpack(">H", query[end:end + 2])[0]
    if "ID" in words:
        ident ^= 1
        words = [word for word in words if word != "ID"]
    made = records(words, kind)
    return struct.pack(">HHHHHH", ident, 0x8180, 1, len(made), 0, 0) + query[12:end + 4] + b"".join(made)


def family(address):
    return socket.AF_INET6 if ":" in address else socket.AF_INET


def listen(address):
    listener = socket.create_server((address, 53), family=family(address))
    if os.fork() == 0:
        while True:
            connection, _ = listener.accept()
            with connection:
                while connection.recv(4096):
                    pass


def serve(table, addresses):
    sockets = []
    for address in addresses:
        s = socket.socket(family(address), socket.SOCK_DGRAM)
        s.bind((address, 53))
        listen(address)
        sockets.append(s)
        if os.fork() == 0:
            break
    else:
        with open(f"{table}.serves", "w", encoding="ascii"):
            pass
        signal.pause()
    while True:
        query, peer = s.recvfrom(2000)
        end = query.find(b"\0", 12) + 1
        with open(table, encoding="ascii") as lines:
            rows = [line.split() for line in lines]
        for row in rows:
            if end and wire(row[0]) == query[12:end].lower():
                try:
                    s.sendto(answer(query, row[1:], end), peer)
                except OSError as error:  # the far side is on this host, and may hold what it was told
                    print(error, file=sys.stderr)


def resolve(name, resolver, kind, port=0, accept=lambda peer: True):
    """The first address that comes; whatever the id, as some programs have it."""
    s = socket.socket(family(resolver), socket.SOCK_DGRAM)
    s.bind(("", port))
    s.settimeout(5)
    query = struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + wire(name) + struct.pack(">HH", kind, 1)
    s.sendto(query, (resolver, 53))
    while True:
        reply, peer = s.recvfrom(2000)
        if accept(peer):
            break
    size = 16 if kind == AAAA else 4
    return socket.inet_ntop(socket.AF_INET6 if kind == AAAA else socket.AF_INET, reply[-size:])


def take(path):
    with open(path, "rb", buffering=0) as f:
        return f.read(1400)


def send(s, data):
    s.sendall(data)
    s.shutdown(socket.SHUT_WR)
    while s.recv(100):
        pass


def checksum(data):
    total = sum(struct.unpack(f">{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def forge(name, resolver, mine, port):
    """What the resolver would answer, in an IPv4 packet of our own."""
    raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    query = struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + wire(name) + struct.pack(">HH", A, 1)
    reply = answer(query, [FORGED_TO], 12 + len(wire(name)))
    udp = struct.pack(">HHHH", 53, port, 8 + len(reply), 0) + reply
    head = struct.pack(">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), 1, 0, 64, 17, 0, socket.inet_aton(resolver), socket.inet_aton(mine))
    raw.sendto(head[:10] + struct.pack(">H", checksum(head)) + head[12:] + udp, (mine, 0))


def strange(name, mine, port):
    s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    s.bind((mine, 5399))
    query = struct.pack(">HHHHHH", 4711, 0x0100, 1, 0, 0, 0) + wire(name) + struct.pack(">HH", A, 1)
    s.sendto(answer(query, [FORGED_TO], 12 + len(wire(name))), (mine, port))


def lied_to(way, name, resolver, user):
    """Asks, while a child answers."""
    mine = "10.9.0.1"
    if os.fork() == 0:
        time.sleep(0.5)
        if way == "forged":
            forge(name, resolver, mine, 5355)
        else:
            strange(name, mine, 5355)
        os._exit(0)
    os.setresuid(user, user, user)
    return resolve(name, resolver, A, 5355)


def main():
    way, path, name, resolver, port = sys.argv[1:6]
    seconds = float(sys.argv[6]) if len(sys.argv) > 6 else 0
    kind = AAAA if way.endswith("6") else A
    way = way.removesuffix("6")
    address = lied_to(way, name, resolver, int(seconds) or os.getuid()) if way in ("forged", "strange") else resolve(name, resolver, kind)
    to = (address, int(port))
    if way == "child" and os.fork():
        return os.waitstatus_to_exitcode(os.wait()[1])
    if way == "udp":
        socket.socket(family(address), socket.SOCK_DGRAM).sendto(take(path), to)
        return 0
    if way == "late":
        time.sleep(seconds)
    early = way in ("before", "kept")
    s = socket.create_connection(to, 5) if early else None
    if way == "kept":
        time.sleep(seconds)
    data = take(path)
    if way == "tls":
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
        made.wrap_socket(socket.create_connection(to, 5), server_hostname=name).sendall(data)
        return 0
    send(s or socket.create_connection(to, 5), data)
    return 0


if __name__ == "__main__":
    try:
        if sys.argv[1] == "serve":
            serve(sys.argv[2], sys.argv[3:])
        sys.exit(main())
    except OSError as error:
        print(error, file=sys.stderr)
        sys.exit(1)
