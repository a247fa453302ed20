#!/bin/sh
# Makes the certificates of this folder anew: an authority, a node at 127.0.0.1, a client, and a stranger.
set -eu
cd "$(dirname "$0")"
new_key() { openssl ecparam -name prime256v1 -genkey -noout | openssl pkcs8 -topk8 -nocrypt -out "$1-key.pem"; }
for name in ca stranger; do
    new_key "$name"
    openssl req -x509 -key "$name-key.pem" -out "$name.pem" -days 36500 -subj "/CN=QuietPulse tests: $name"
done
for name in node client; do
    new_key "$name"
    openssl req -new -key "$name-key.pem" -subj "/CN=$name" -out "$name.csr"
    printf 'subjectAltName=IP:127.0.0.1\nbasicConstraints=CA:FALSE\n' > "$name.ext"
    openssl x509 -req -in "$name.csr" -CA ca.pem -CAkey ca-key.pem -set_serial "0x$(openssl rand -hex 8)" \
        -days 36500 -extfile "$name.ext" -out "$name.pem"
done
rm -f ca-key.pem stranger-key.pem ./*.csr ./*.ext
