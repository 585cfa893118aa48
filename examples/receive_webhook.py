"""Receives Bicuspid's notifications and believes only those that are signed.

    python3 receive_webhook.py PORT SECRET_FILE

It listens on this machine alone: put it behind something that speaks https.
"""

import hashlib
import hmac
import json
import pathlib
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer

BYTES_MAX = 1 << 20


def is_signed(secret: bytes, body: bytes, header: str) -> bool:
    """Whether the header is the HMAC-SHA256 of the body, compared in constant time."""
    wanted = "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest()
    return hmac.compare_digest(wanted.encode(), header.encode())


def main() -> None:
    port, secret = int(sys.argv[1]), pathlib.Path(sys.argv[2]).read_bytes().strip()

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(min(int(self.headers.get("Content-Length", 0)), BYTES_MAX))
            if not is_signed(secret, body, self.headers.get("X-Bicuspid-Signature", "")):
                self.send_error(403)
                return
            message = json.loads(body)
            print(message["env"], message["event"], message["rules"], message["count"], flush=True)
            self.send_response(204)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    HTTPServer(("127.0.0.1", port), Receiver).serve_forever()


if __name__ == "__main__":
    main()
