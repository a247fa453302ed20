"""Certificates of a cluster's own authority, made with openssl."""
import pathlib
import shutil
import subprocess

from qpcluster import files
from qpcluster.errors import Failed, Skipped

# Files in the cluster's `tls` directory.
CA_CERTIFICATE = "ca.pem"
CA_KEY = "ca.key"
# Files in a node's directory.
SERVER_PEM = "server.pem"
SERVER_P12 = "server.p12"
DAYS = "825"
KEY = ["-newkey", "rsa:2048", "-nodes"]


def openssl(*arguments, cwd, text=None):
    program = shutil.which("openssl")
    if program is None:
        raise Skipped("the secure options need openssl")
    run = subprocess.run([program, *map(str, arguments)], cwd=cwd, input=text, capture_output=True, text=True)
    if run.returncode != 0:
        raise Failed(f"openssl {arguments[0]}: {run.stderr.strip()[-300:]}")
    return run.stdout


def authority(directory):
    """The directory of the authority's files; makes them when they are not there."""
    place = pathlib.Path(directory) / "tls"
    if (place / CA_CERTIFICATE).exists():
        return place
    place.mkdir(exist_ok=True)
    subject = ["-subj", "/CN=QuietPulse local cluster", "-days", DAYS]
    usage = ["-addext", "keyUsage=critical,keyCertSign,cRLSign"]
    openssl("req", "-x509", *KEY, *subject, *usage, "-keyout", CA_KEY, "-out", "ca.new", cwd=place)
    (place / CA_KEY).chmod(0o600)
    # Last, because its presence says that all is there.
    (place / "ca.new").rename(place / CA_CERTIFICATE)
    return place


def server_pem(directory, home, host):
    """Key and certificate chain of a node that is dialled as `host`, in one file."""
    target = home / SERVER_PEM
    if target.exists():
        return
    ca = authority(directory)
    openssl("req", *KEY, "-subj", f"/CN={host}", "-keyout", "server.key", "-out", "server.csr", cwd=home)
    files.write(home / "server.ext", f"subjectAltName=IP:{host},DNS:localhost\nextendedKeyUsage=serverAuth\n")
    issuer = ["-CA", ca / CA_CERTIFICATE, "-CAkey", ca / CA_KEY, "-CAcreateserial"]
    openssl("x509", "-req", *issuer, "-in", "server.csr", "-extfile", "server.ext", "-days", DAYS, "-out", "server.crt", cwd=home)
    parts = [home / "server.key", home / "server.crt", ca / CA_CERTIFICATE]
    files.write(target, "".join(part.read_text() for part in parts), mode=0o600)
    for name in ["server.key", "server.csr", "server.ext", "server.crt"]:
        (home / name).unlink()


def server_p12(directory, home, host, password):
    """The same as a key store with a password."""
    if (home / SERVER_P12).exists():
        return
    server_pem(directory, home, host)
    store = ["-in", SERVER_PEM, "-out", SERVER_P12, "-passout", "stdin"]
    openssl("pkcs12", "-export", "-name", "server", *store, cwd=home, text=password + "\n")
