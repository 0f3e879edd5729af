"""Answers every HTTP request on ADDRESS:PORT with MESSAGE and STATUS. Needs only Debian's python3-minimal."""

import socket
import sys

address, port, message, status = sys.argv[1], int(sys.argv[2]), sys.argv[3], sys.argv[4]
body = message.encode()
head = f"HTTP/1.0 {status}\r\nContent-Type: text/plain\r\nContent-Length: {len(body)}\r\n\r\n".encode()
with socket.create_server((address, port)) as listener:
    print(f"listening on {address}:{port}", flush=True)
    while True:
        connection, _ = listener.accept()
        with connection:
            try:
                connection.settimeout(5)
                connection.recv(65536)
                connection.sendall(head + body)
            except OSError as error:
                print(f"a client went away: {error}", flush=True)
