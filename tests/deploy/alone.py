"""Start the command of an image and send requests, in a network with loopback only."""

from __future__ import annotations

import fcntl
import json
import signal
import socket
import struct
import subprocess
import sys
import time
from urllib.error import URLError
from urllib.request import Request, urlopen

UP = 1
SIOCSIFFLAGS = 0x8914
URL = "http://127.0.0.1:8000"


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh", b"lo", UP))


def ask(path: str, body: object = None, method: str | None = None) -> object:
    headers = {"X-API-Key": sys.argv[1], "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urlopen(Request(URL + path, data, headers, method=method), timeout=300) as answer:
        return json.load(answer)


def wait() -> None:
    for _ in range(3000):
        try:
            ask("/readyz")
        except URLError:
            time.sleep(0.1)
        else:
            return
    raise TimeoutError("not ready within five minutes")


def main() -> None:
    loopback_up()
    health, command = json.loads(sys.argv[2]), json.loads(sys.argv[3])
    with subprocess.Popen(command) as service:
        try:
            wait()
            texts = {"texts": ["I was charged twice and want my money back", "zzz"]}
            result = {
                "health": subprocess.run(health, check=False).returncode,
                "encoder": ask("/v1/info")["indexes"][0]["encoder"]["kind"],  # type: ignore[index]
                "answer": ask("/v1/classify", texts),
                "put": ask("/v1/categories/new", {"examples": ["about the press"]}, "PUT"),
                "after": ask("/v1/classify", {"texts": ["about the press"]}),
            }
        finally:
            service.send_signal(signal.SIGTERM)
        result["code"] = service.wait(60)
    sys.stdout.write(json.dumps(result))


main()
