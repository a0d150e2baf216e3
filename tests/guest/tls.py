#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS in the ways of tests/guest/cases/44-tls.sh.

    tls.py serve DIRECTORY CERT    on 4431 to 4433 (TLS 1.1, 1.2, 1.3 alone) and 2525 (STARTTLS): keeps what comes in
                                   DIRECTORY/clear, and makes DIRECTORY/listens
    tls.py WAY FILE ADDRESS PORT   sends what FILE has; WAY: tls, split (its hello in pieces of 7 bytes), from-before (the file
                                   is read once the connection stands), starttls, chatter (more than a greeting before TLS),
                                   quic, udp; ahead (in the plain, and then TLS), early (in the packet of its hello), bare (in the
                                   plain, when TLS has begun)
    tls.py answer FILE CERT PORT   sends it to whoever connects
    tls.py ask ADDRESS PORT        prints what it is sent
"""

import os
import socket
import ssl
import sys
import threading

NAME = "lab.example.org"


def context(server, version=None, cert=None):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER if server else ssl.PROTOCOL_TLS_CLIENT)
    made.set_ciphers("ALL:@SECLEVEL=0")
    made.minimum_version = version or ssl.TLSVersion.TLSv1
    if version:
        made.maximum_version = version
    if server:
        made.load_cert_chain(cert)
    else:
        made.check_hostname = False
        made.verify_mode = ssl.CERT_NONE
    return made


def keep(connection, directory):
    with open(f"{directory}/clear", "ab") as kept:
        while data := connection.recv(65536):
            kept.write(data)
            kept.flush()


def serve_one(connection, made, greets, directory):
    try:
        if greets:
            connection.sendall(b"220 lab.example.org\r\n")
            while b"STARTTLS" not in (said := connection.recv(4096)):
                if not said:
                    return
            connection.sendall(b"220 go ahead\r\n")
        keep(made.wrap_socket(connection, server_side=True), directory)
    except OSError as error:
        print(error, file=sys.stderr)


def accept_all(listener, made, greets, directory):
    while True:
        connection, _ = listener.accept()
        threading.Thread(target=serve_one, args=(connection, made, greets, directory)).start()


def serve(directory, cert):
    versions = {4431: ssl.TLSVersion.TLSv1_1, 4432: ssl.TLSVersion.TLSv1_2, 4433: ssl.TLSVersion.TLSv1_3, 2525: None}
    for port, version in versions.items():
        listener = socket.create_server(("", port))
        made = context(True, version, cert)
        threading.Thread(target=accept_all, args=(listener, made, port == 2525, directory)).start()
    open(f"{directory}/listens", "w").close()


def handshake_in_pieces(connection, size, early=b""):
    """The first flight goes out in pieces, each a packet of its own, with something behind it."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context(False).wrap_bio(incoming, outgoing, server_hostname=NAME)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            flight, early = outgoing.read() + early, b""
            for at in range(0, len(flight), size):
                connection.send(flight[at : at + size])
            size = 65536
            incoming.write(connection.recv(65536))
    return tls, outgoing


def greet(connection, way):
    connection.recv(4096)
    if way == "chatter":
        connection.sendall(b"EHLO " + b"x" * 2000 + b"\r\n")
    connection.sendall(b"STARTTLS\r\n")
    connection.recv(4096)


def send(way, name, address, port):
    text = b"" if way == "from-before" else open(name, "rb").read()
    if way in ("quic", "udp"):
        head = b"\xc3\x00\x00\x00\x01\x08" if way == "quic" else b""
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(head + text.ljust(1300), (address, port))
        return
    connection = socket.create_connection((address, port))
    if way == "split":
        tls, outgoing = handshake_in_pieces(connection, 7)
        tls.write(text)
        connection.sendall(outgoing.read())
        return
    if way == "early":
        handshake_in_pieces(connection, 65536, text)
        return
    if way in ("starttls", "chatter"):
        greet(connection, way)
    if way == "ahead":
        connection.sendall(text)
    tls = context(False).wrap_socket(connection, server_hostname=NAME)
    if way == "bare":
        os.write(tls.fileno(), text)
        return
    tls.sendall(text or open(name, "rb").read())


def answer(name, cert, port):
    text = open(name, "rb").read()
    listener = socket.create_server(("", port))
    connection, _ = listener.accept()
    context(True, None, cert).wrap_socket(connection, server_side=True).sendall(text)


def ask(address, port):
    connection = socket.create_connection((address, port), source_address=("10.9.0.3", 0))
    sys.stdout.buffer.write(context(False).wrap_socket(connection, server_hostname=NAME).recv(65536))


def main(way, *rest):
    if way == "serve":
        serve(*rest)
    elif way == "answer":
        answer(rest[0], rest[1], int(rest[2]))
    elif way == "ask":
        ask(rest[0], int(rest[1]))
    else:
        send(way, rest[0], rest[1], int(rest[2]))


try:
    main(*sys.argv[1:])
except OSError as refused:
    print(os.strerror(refused.errno) if refused.errno else refused, file=sys.stderr)
    sys.exit(1)
