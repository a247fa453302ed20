"""A real SMTP server for the suite: takes mail and prints each as one JSON line.

Usage: smtp.py [greylist N | unknown | starttls CERT KEY | tls CERT KEY]. The first line printed holds the port. With
`greylist N` the first N messages are refused with 451, as greylisting servers do; with `unknown` there is no such
recipient; with the last two mail is taken only over TLS and after a login as `mailer` with `open sesame`.
"""

import asyncio
import email
import email.policy
import json
import ssl
import sys
from html.parser import HTMLParser

from aiosmtpd.smtp import SMTP, AuthResult


def show(record):
    print(json.dumps(record), flush=True)


class Page(HTMLParser):
    """What a mail program would show: the text, and which elements and attributes there are."""

    def __init__(self, source):
        super().__init__()
        self.text, self.names = [], set()
        self.feed(source)
        self.close()

    def handle_starttag(self, tag, attributes):
        self.names.update([tag], (name for name, _ in attributes))

    def handle_data(self, data):
        self.text.append(data)


class Handler:
    def __init__(self, refusals, unknown):
        self.refusals = refusals
        self.unknown = unknown

    async def handle_RCPT(self, server, session, envelope, address, options):
        if self.unknown:
            show({"unknown": address})
            return "550 5.1.1 No such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        if self.refusals > 0:
            self.refusals -= 1
            show({"refused": envelope.rcpt_tos})
            return "451 4.7.1 Greylisted, try again later"
        message = email.message_from_bytes(envelope.content, policy=email.policy.default)
        parts = {}
        for part in message.walk():
            if not part.is_multipart():
                parts[part.get_content_type()] = part.get_content()
        page = Page(parts.get("text/html", ""))
        show(
            {
                "html_text": "".join(page.text),
                "html_names": sorted(page.names),
                "from": envelope.mail_from,
                "to": envelope.rcpt_tos,
                "subject": str(message["subject"]),
                "headers": [[name, str(value)] for name, value in message.items()],
                "parts": parts,
            }
        )
        return "250 2.0.0 OK"


def login(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (b"mailer", b"open sesame"))


def secure(arguments):
    """How the server is set up, and the context of connections that begin with TLS."""
    if arguments[:1] not in (["starttls"], ["tls"]):
        return {}, None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*arguments[1:3])
    options = {"authenticator": login, "auth_required": True}
    if arguments[0] == "tls":
        return {**options, "auth_require_tls": False}, context
    return {**options, "tls_context": context, "require_starttls": True}, None


def main(arguments):
    refusals = int(arguments[1]) if arguments[:1] == ["greylist"] else 0
    handler = Handler(refusals, unknown=arguments[:1] == ["unknown"])
    asyncio.run(serve(handler, *secure(arguments)))


async def serve(handler, options, context):
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: SMTP(handler, **options), host="127.0.0.1", port=0, ssl=context)
    show({"port": server.sockets[0].getsockname()[1]})
    # The suite holds our stdin: when it goes, so do we.
    await loop.run_in_executor(None, sys.stdin.read)
    server.close()


main(sys.argv[1:])
