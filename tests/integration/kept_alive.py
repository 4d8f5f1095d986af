"""One kept-alive connection to a key service, over which keys have passed.

    kept_alive.py PORT CA REGION PLAINTEXT      credentials are in the environment

Makes a key, encrypts and decrypts PLAINTEXT with it, and has it make a data key. Prints that data
key in hexadecimal, and keeps the connection until its standard input ends.
"""
import base64
import datetime
import hashlib
import hmac
import http.client
import json
import os
import ssl
import sys


def sign(key, text):
    return hmac.new(key, text.encode(), hashlib.sha256).digest()


def headers_of(region, host, target, body):
    """Signature Version 4, of one fixed set of headers."""
    now = datetime.datetime.now(datetime.timezone.utc).strftime("%Y%m%dT%H%M%SZ")
    names = {"content-type": "application/x-amz-json-1.1", "host": host, "x-amz-date": now,
             "x-amz-target": "TrentService." + target}
    scope = f"{now[:8]}/{region}/kms/aws4_request"
    request = "\n".join(["POST", "/", "", *(f"{name}:{value}" for name, value in names.items()), "",
                         ";".join(names), hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", now, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + os.environ["AWS_SECRET_ACCESS_KEY"]).encode()
    for part in scope.split("/"):
        key = sign(key, part)
    names["authorization"] = (
        f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, "
        f"SignedHeaders={';'.join(names)}, Signature={sign(key, text).hex()}")
    return names


def main(port, ca, region, plaintext):
    host = f"127.0.0.1:{port}"
    line = http.client.HTTPSConnection(host, context=ssl.create_default_context(cafile=ca))

    def call(target, **request):
        body = json.dumps(request).encode()
        line.request("POST", "/", body, headers_of(region, host, target, body))
        answer = line.getresponse()
        said = json.loads(answer.read())
        assert answer.status == 200, said
        return said

    key = call("CreateKey")["KeyMetadata"]["KeyId"]
    made = call("GenerateDataKey", KeyId=key, KeySpec="AES_256")
    encoded = base64.b64encode(plaintext.encode()).decode()
    sealed = call("Encrypt", KeyId=key, Plaintext=encoded)["CiphertextBlob"]
    assert call("Decrypt", CiphertextBlob=sealed)["Plaintext"] == encoded
    call("Encrypt", KeyId=key, Plaintext=encoded)       # what came last is a key, too
    print(base64.b64decode(made["Plaintext"]).hex(), flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main(*sys.argv[1:])
