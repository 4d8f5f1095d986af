// The AWS Encryption SDK against a key service: messages under one key or two, opened with either.
//
//   node encryption_sdk.mjs seal ENDPOINT FILE KEY-ARN KEY-ARN     writes FILE, a message
//   node encryption_sdk.mjs open ENDPOINT FILE KEY-ARN KEY-ARN     opens it, in another process
import {createHash} from "node:crypto";
import {readFileSync, writeFileSync} from "node:fs";
import {buildClient, CommitmentPolicy, KMS, KmsKeyringNode} from "@aws-crypto/client-node";
import {fails, is} from "./check.mjs";

const [task, endpoint, file, first, second] = process.argv.slice(2);
const client = new KMS({endpoint, region: "us-east-1", maxAttempts: 1});
const clientProvider = () => client;
const {encrypt, decrypt} = buildClient(CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT);
const plain = Buffer.alloc(1 << 20, "a mebibyte of text that nobody may read ");
const digest = bytes => createHash("sha256").update(bytes).digest("hex");
const context = {purpose: "backup", cluster: "orders"};

const of = (...keyIds) => new KmsKeyringNode({clientProvider, keyIds});
const found = accountIDs => new KmsKeyringNode(
    {clientProvider, discovery: true, discoveryFilter: {partition: "aws", accountIDs}});

async function opens(what, keyring, message) {
    const {plaintext, messageHeader} = await decrypt(keyring, message);
    is(what, [digest(plaintext) === digest(plain), messageHeader.encryptionContext.cluster],
        [true, "orders"]);
}

async function seal() {
    const keyring = new KmsKeyringNode({clientProvider, generatorKeyId: first, keyIds: [second]});
    const {result: message, messageHeader} =
        await encrypt(keyring, plain, {encryptionContext: context});
    is("a message for two keys", messageHeader.encryptedDataKeys.map(key => key.providerInfo),
        [first, second]);
    is("does not have the plaintext in it", message.includes("nobody may read"), false);
    await opens("the first key opens it", of(first), message);
    await opens("the second key opens it", of(second), message);
    await opens("so does a keyring that finds the key", found(["111122223333"]), message);
    await fails("one that looks in another account does not",
        () => decrypt(found(["444455556666"]), message));
    const spoilt = Buffer.from(message);
    spoilt[message.length >> 1] ^= 1;
    await fails("a flipped bit is refused", () => decrypt(of(first), spoilt));

    await client.disableKey({KeyId: first});
    await fails("a disabled key does not open it", () => decrypt(of(first), message));
    await opens("the other one still does", of(first, second), message);
    await client.enableKey({KeyId: first});
    await client.rotateKeyOnDemand({KeyId: first});
    await opens("and the first, enabled and rotated", of(first), message);
    writeFileSync(file, message);
}

if (task === "seal") {
    await seal();
} else {
    await opens("the first key opens the message", of(first), readFileSync(file));
    await opens("and the second", of(second), readFileSync(file));
}
