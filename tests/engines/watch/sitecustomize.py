"""On PYTHONPATH of a test: every Python process writes to WATCH_LOG whom it asks for or calls
outside this machine."""

import os
import sys

HERE = (None, "", "localhost", "127.0.0.1", "::1", "0.0.0.0", "::")
NAMES = ("socket.getaddrinfo", "socket.gethostbyname", "socket.gethostbyaddr")
CALLS = ("socket.connect", "socket.sendto", "socket.sendmsg")


def _watch(event: str, arguments: tuple) -> None:
    if event in NAMES:
        host = arguments[0]
    elif event in CALLS and isinstance(arguments[1], tuple):  # Unix sockets have a string
        host = arguments[1][0]
    else:
        return
    host = host.decode() if isinstance(host, bytes) else host
    if host not in HERE and not str(host).startswith("127."):
        with open(os.environ["WATCH_LOG"], "a") as log:  # noqa: PTH123 (every process loads this: no imports)
            print(event, host, *sys.argv[:3], file=log)


if os.environ.get("WATCH_LOG"):
    sys.addaudithook(_watch)
