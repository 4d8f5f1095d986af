"""A port of 127.0.0.1 that nobody has, for a daemon that will be started, and started again, there.

It lies below the ports that the kernel gives to outgoing connections (32768 and up): one of those
may be in use, by whoever dials, just when the daemon comes back."""
import errno
import random
import socket

FIRST, LAST = 10000, 31999


def free_port():
    while True:
        port = random.SystemRandom().randint(FIRST, LAST)
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", port))
                return port
            except OSError as error:
                if error.errno != errno.EADDRINUSE:
                    raise


if __name__ == "__main__":
    print(free_port())
