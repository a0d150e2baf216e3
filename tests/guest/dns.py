#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A resolver of the far side: answers whatever is asked by UDP with 192.0.2.1.

    dns.py ADDRESS
"""

import socket
import sys

server = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
server.bind((sys.argv[1], 53))
while True:
    asked, asker = server.recvfrom(4096)
    end = 12
    while asked[end]:
        end += 1 + asked[end]
    question = asked[12 : end + 5]
    answer = b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04" + socket.inet_aton("192.0.2.1")
    server.sendto(asked[:2] + b"\x81\x80\x00\x01\x00\x01\x00\x00\x00\x00" + question + answer, asker)
