// The AWS SDK for JavaScript against a key service: what it sends is understood, and what comes back
// is what it takes for an answer or an error of AWS.
//
//   node sdk.mjs ENDPOINT FOLDER
//
// FOLDER/blob.aws is what the aws command encrypted for alias/app; FOLDER/blob.sdk is written.
import {readFileSync, writeFileSync} from "node:fs";
import * as kms from "@aws-sdk/client-kms";
import {is, refused} from "./check.mjs";

const [endpoint, folder] = process.argv.slice(2);
const settings = {endpoint, region: "us-east-1", maxAttempts: 1};
const client = new kms.KMS(settings);
const text = bytes => Buffer.from(bytes).toString();
const marker = readFileSync(`${folder}/plain`, "utf8");
const context = {purpose: "test", "naïve": "ключ"}; // its canonical form is not ASCII

// Keys.
const made = (await client.createKey({Description: "for tests"})).KeyMetadata;
const id = made.KeyId, arn = made.Arn;
is("createKey gives an enabled key", made.KeyState, kms.KeyState.Enabled);
is("its date is today's", Math.abs(Date.now() - made.CreationDate) < 60_000, true);
await client.createAlias({AliasName: "alias/sdk", TargetKeyId: id});
is("describeKey by alias", (await client.describeKey({KeyId: "alias/sdk"})).KeyMetadata.Arn, arn);
const pages = [];
for await (const page of kms.paginateListKeys({client, pageSize: 1}, {})) {
    pages.push(...page.Keys.map(key => key.KeyId));
}
is("paginateListKeys walks all pages", [pages.length >= 2, pages.includes(id)], [true, true]);

// Uses.
const sealed = await client.encrypt(
    {KeyId: "alias/sdk", Plaintext: Buffer.from(marker), EncryptionContext: context});
is("encrypt names the key", [sealed.KeyId, sealed.EncryptionAlgorithm],
    [arn, "SYMMETRIC_DEFAULT"]);
is("each answer has a request id", sealed.$metadata.requestId?.length > 0, true);
const opened = await client.decrypt(
    {CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context});
is("decrypt", [text(opened.Plaintext), opened.KeyId], [marker, arn]);
const data = await client.generateDataKey({KeyId: arn, KeySpec: "AES_256"});
const wrapped = await client.decrypt({CiphertextBlob: data.CiphertextBlob, KeyId: arn});
is("generateDataKey", [data.Plaintext.length, Buffer.compare(data.Plaintext, wrapped.Plaintext)],
    [32, 0]);
const bare = await client.generateDataKeyWithoutPlaintext({KeyId: arn, NumberOfBytes: 64});
is("generateDataKeyWithoutPlaintext", [bare.Plaintext,
    (await client.decrypt({CiphertextBlob: bare.CiphertextBlob})).Plaintext.length], [undefined, 64]);
const again = await client.reEncrypt({CiphertextBlob: sealed.CiphertextBlob,
    SourceEncryptionContext: context, DestinationKeyId: "alias/app"});
is("reEncrypt", text((await client.decrypt({CiphertextBlob: again.CiphertextBlob})).Plaintext),
    marker);
is("generateRandom", (await client.generateRandom({NumberOfBytes: 1024})).Plaintext.length, 1024);
const many = await Promise.all(Array.from({length: 64}, async (_, i) => {
    const one = await client.encrypt({KeyId: arn, Plaintext: Buffer.from(`${i}`)});
    return text((await client.decrypt({CiphertextBlob: one.CiphertextBlob})).Plaintext) === `${i}`;
}));
is("64 at once", many.every(Boolean), true);

// Rotation, tags, policy, grants.
await client.enableKeyRotation({KeyId: id, RotationPeriodInDays: 90});
await client.rotateKeyOnDemand({KeyId: id});
const status = await client.getKeyRotationStatus({KeyId: id});
is("rotation", [status.KeyRotationEnabled, status.RotationPeriodInDays,
    status.NextRotationDate > new Date(),
    (await client.listKeyRotations({KeyId: id})).Rotations.map(one => one.RotationType)],
    [true, 90, true, ["ON_DEMAND"]]);
is("what was encrypted before it decrypts", text((await client.decrypt(
    {CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: context})).Plaintext), marker);
await client.tagResource({KeyId: id, Tags: [{TagKey: "team", TagValue: "storage"}]});
is("tags", (await client.listResourceTags({KeyId: id})).Tags,
    [{TagKey: "team", TagValue: "storage"}]);
const policy = (await client.getKeyPolicy({KeyId: id, PolicyName: "default"})).Policy;
is("a policy goes back in as it came", JSON.stringify(await client.putKeyPolicy(
    {KeyId: id, PolicyName: "default", Policy: policy}).then(one => one.$metadata.httpStatusCode)),
    "200");
const grant = await client.createGrant({KeyId: id, Operations: ["Decrypt"],
    GranteePrincipal: "arn:aws:iam::444455556666:user/stranger"});
is("grants", (await client.listGrants({KeyId: id})).Grants.map(one => one.GrantId),
    [grant.GrantId]);
await client.revokeGrant({KeyId: id, GrantId: grant.GrantId});

// Refusals are errors of the SDK's own classes, by which programs tell them apart.
const wrong = await refused("another context", "InvalidCiphertextException",
    () => client.decrypt({CiphertextBlob: sealed.CiphertextBlob, EncryptionContext: {a: "b"}}));
is("it is the SDK's class, and no server error",
    [wrong instanceof kms.InvalidCiphertextException, wrong.$metadata.httpStatusCode, wrong.$fault],
    [true, 400, "client"]);
const none = await refused("an unknown key", "NotFoundException",
    () => client.describeKey({KeyId: "alias/none"}));
is("it is the SDK's class", none instanceof kms.NotFoundException, true);
await refused("another key than was used", "IncorrectKeyException",
    () => client.decrypt({CiphertextBlob: again.CiphertextBlob, KeyId: arn}));
await refused("alias/aws/rds by a user", "AccessDeniedException",
    () => client.generateDataKey({KeyId: "alias/aws/rds", KeySpec: "AES_256"}));
await refused("a plaintext that is too long", "ValidationException",
    () => client.encrypt({KeyId: arn, Plaintext: Buffer.alloc(4097)}));
await client.disableKey({KeyId: id});
await refused("a disabled key", "DisabledException",
    () => client.encrypt({KeyId: id, Plaintext: Buffer.from("x")}));
const date = (await client.scheduleKeyDeletion({KeyId: id, PendingWindowInDays: 7})).DeletionDate;
is("scheduleKeyDeletion says when", Math.round((date - Date.now()) / 86_400_000), 7);
await refused("a key that is pending deletion", "KMSInvalidStateException",
    () => client.encrypt({KeyId: id, Plaintext: Buffer.from("x")}));
const stranger = new kms.KMS({...settings,
    credentials: {accessKeyId: process.env.AWS_ACCESS_KEY_ID, secretAccessKey: "wrong".repeat(8)}});
await refused("a wrong secret", "InvalidSignatureException", () => stranger.listKeys({}));

// What the aws command encrypted, and something for it to decrypt.
const foreign = await client.decrypt({CiphertextBlob: readFileSync(`${folder}/blob.aws`),
    EncryptionContext: {from: "aws"}});
is("what aws encrypted decrypts", text(foreign.Plaintext), marker);
const own = await client.encrypt({KeyId: "alias/app", Plaintext: Buffer.from(marker),
    EncryptionContext: {from: "sdk"}});
writeFileSync(`${folder}/blob.sdk`, own.CiphertextBlob);
