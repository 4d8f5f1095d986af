/* The seeds that people can read: requests, answers, maps and settings. */
#include "tests/fuzz/make_seeds.h"

#include "base/check.h"

#define TEXT(literal) (const uint8_t *)(literal), sizeof(literal) - 1

static const struct {
    const char *what, *name;
    struct bytes bytes;
} seeds[] = {
    {"kms",
     "life",
     {TEXT("CreateKey {\"Description\":\"d\\u00e9j\\u00e0\"}\n"
           "CreateAlias {\"AliasName\":\"alias/a\",\"TargetKeyId\":\"@\"}\n"
           "Encrypt "
           "{\"KeyId\":\"alias/a\",\"Plaintext\":\"aGVsbG8=\",\"EncryptionContext\":{\"b\":\"2\","
           "\"a\":\"1\"}}\n"
           "Decrypt {\"CiphertextBlob\":\"#\",\"EncryptionContext\":{\"a\":\"1\",\"b\":\"2\"}}\n"
           "DisableKey {\"KeyId\":\"@\"}\nEncrypt {\"KeyId\":\"@\",\"Plaintext\":\"aGVsbG8=\"}\n"
           "EnableKey {\"KeyId\":\"@\"}\nDescribeKey {\"KeyId\":\"alias/a\"}\nListKeys "
           "{\"Limit\":1}\n"
           "ListAliases {\"KeyId\":\"@\"}\nScheduleKeyDeletion "
           "{\"KeyId\":\"@\",\"PendingWindowInDays\":7}\n"
           "CancelKeyDeletion {\"KeyId\":\"@\"}")}},
    {"kms",
     "data_keys",
     {TEXT("CreateKey\nGenerateDataKey "
           "{\"KeyId\":\"@\",\"KeySpec\":\"AES_256\",\"EncryptionContext\":{"
           "\"aws:rds:dbc-id\":\"c\"}}\n"
           "GenerateDataKeyWithoutPlaintext {\"KeyId\":\"@\",\"NumberOfBytes\":16}\n"
           "Decrypt {\"CiphertextBlob\":\"#\",\"KeyId\":\"@\",\"DryRun\":true}")}},
    {"kms",
     "refused",
     {TEXT("CreateKey {\"Policy\":\"p\"}\n!CreateKey {}\nNothing {}\nListKeys [[[\nListKeys "
           "{\"Marker\":"
           "\"x\"}\nEncrypt {\"KeyId\":5}\nDecrypt {\"CiphertextBlob\":\"AAAA\"}\nGenerateDataKey {"
           "\"KeyId\":\"arn:aws:kms:us-east-1:000000000000:key/x\"}")}},
    {"kms",
     "rights",
     {TEXT("CreateKey {\"Tags\":[{\"TagKey\":\"a\",\"TagValue\":\"b\"}]}\nPutKeyPolicy "
           "{\"KeyId\":\"@\",\"Policy\":\"{\\\"Version\\\":\\\"2012-10-17\\\",\\\"Statement\\\":{"
           "\\\"Effect\\\":\\\"Allow\\\",\\\"Principal\\\":\\\"*\\\",\\\"Action\\\":\\\"kms:*\\\","
           "\\\"Resource\\\":\\\"*\\\"}}\"}\nCreateGrant {\"KeyId\":\"@\",\"Operations\":["
           "\"Decrypt\"],\"GranteePrincipal\":\"arn:aws:iam::000000000000:root\",\"Constraints\":{"
           "\"EncryptionContextSubset\":{\"a\":\"1\"}}}\nRotateKeyOnDemand "
           "{\"KeyId\":\"@\"}\nTagResource {\"KeyId\":\"@\",\"Tags\":[{\"TagKey\":\"c\","
           "\"TagValue\":\"\"}]}\nEncrypt {\"KeyId\":\"@\",\"Plaintext\":\"aGVsbG8=\"}\nReEncrypt "
           "{\"CiphertextBlob\":\"#\",\"DestinationKeyId\":\"@\"}\nEnableKeyRotation "
           "{\"KeyId\":\"@\"}")}},
    {"key_policy",
     "conditions",
     {TEXT(
         "{\"a\":\"1\"}\n{\"Version\":\"2012-10-17\",\"Id\":\"i\",\"Statement\":[{\"Sid\":\"s\","
         "\"Effect\":\"Allow\",\"Principal\":{\"AWS\":[\"111122223333\","
         "\"arn:aws:iam::444455556666:role/b\"],\"Service\":\"rds.amazonaws.com\"},\"Action\":["
         "\"kms:D*\",\"kms:Create?rant\"],\"Resource\":\"*\",\"Condition\":{\"StringEquals\":{"
         "\"kms:EncryptionContext:a\":\"1\"},\"ForAllValues:StringLike\":{"
         "\"kms:EncryptionContextKeys\":[\"a\",\"b*\"]},\"Null\":{\"kms:ViaService\":true}}},{"
         "\"Effect\":\"Deny\",\"Principal\":\"*\",\"NotAction\":\"kms:*\",\"Resource\":\"*\","
         "\"Condition\":{\"StringNotEqualsIfExists\":{\"kms:CallerAccount\":\"1\"},\"Bool\":{"
         "\"kms:GrantIsForAWSResource\":\"false\"},\"ArnLike\":{\"aws:PrincipalArn\":\"*\"}}}]}")}},
    {"trail",
     "all",
     {TEXT(
         "{\"LookupAttributes\":[{\"AttributeKey\":\"EventName\",\"AttributeValue\":\"Decrypt\"}],"
         "\"StartTime\":1.5,\"EndTime\":1800000000,\"MaxResults\":2,\"NextToken\":"
         "\"MDAwMDAwMDAwMDAwMDAwMDAwMDQ=\"}")}},
    {"key_json",
     "generate",
     {TEXT("\0{\"KeyId\":\"arn:aws:kms:us-east-1:000000000000:key/"
           "k\",\"CiphertextBlob\":\"YmxvYg==\","
           "\"Plaintext\":\"MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=\"}")}},
    {"key_json", "describe", {TEXT("\3{\"KeyMetadata\":{\"Arn\":\"arn:k\",\"KeyId\":\"k\"}}")}},
    {"key_json", "wrap", {TEXT("\2{\"KeyId\":\"arn:k\",\"CiphertextBlob\":\"YmxvYg==\"}")}},
    {"key_json",
     "error",
     {TEXT("\1{\"__type\":\"com.amazonaws#DisabledException\",\"message\":\"m\"}")}},
    {"http",
     "length",
     {TEXT(
         "\1POST /a?b=c HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello"
         "GET / HTTP/1.0\r\n\r\n")}},
    {"http",
     "chunks",
     {TEXT("\2POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\nX-A: \t1 2\t\r\n\r\n"
           "5\r\nhello\r\nA;x=y\r\n0123456789\r\n0\r\nTrailer: t\r\n\r\nGET /b HTTP/1.1\r\nHost: "
           "h\r\n\r\n")}},
    {"http",
     "continue",
     {TEXT("\7PUT / HTTP/1.1\r\nhost: h\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\nx")}},
    {"http", "refused", {TEXT("\3GET / HTTP/1.1\r\nHost: h\r\nContent-Length: 2000000\r\n\r\n")}},
    {"sigv4",
     "query",
     {TEXT("\0GET /a/./b/../c%20d/?Param2=v%2F2&Param1=v1&b&&c= HTTP/1.1\r\nHost: "
           "example.amazonaws.com\r\n"
           "X-Amz-Target:  TrentService.Encrypt \r\nMy-Header:  a   b  \r\nmy-header: c\r\n\r\n")}},
    {"sigv4",
     "signed",
     {TEXT("\0POST / HTTP/1.1\r\nHost: h\r\nX-Amz-Date: 20150830T123600Z\r\nContent-Length: 2\r\n"
           "Authorization: AWS4-HMAC-SHA256 "
           "Credential=AKIDEXAMPLE/20150830/us-east-1/kms/aws4_request, "
           "SignedHeaders=host;x-amz-date, Signature="
           "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31\r\n\r\n{}")}},
    {"channel",
     "list",
     {TEXT("\010\x1e\x0c\x04\x01\x07\x05\xff\x02\x22\x03\x80\x03\x08\x05\x00\x00")}},
    {"channel", "small", {TEXT("\1\x08\x00\x00\x00\x05\x00\x00\x00\x00\x00\x00\x00hello")}},
    {"wan_map",
     "all",
     {TEXT("# three regions\nregion a\nregion b-1\nregion c\nrtt a b-1 76.5\nrtt a c 200\njitter "
           "0.5\n"
           "jitter a c 3\nmbit 1000\nmbit a b-1 0.25 # slow\nreset-after 30.1\n"
           "route a b-1 127.0.0.1:7001 localhost:7002\nroute c a unix:/run/x [::1]:9\n")}},
    {"wan_map",
     "refused",
     {TEXT("region A\nrtt a b 1\nmbit\nroute a a :1 :2\njitter a\nrtt a a 1e3\n")}},
    {"conf",
     "all",
     {TEXT(
         "# comment\n\n listen = 127.0.0.1:1 \r\nlisten=\"a b\"\nwindow-bytes = 1M\ncreate = yes\n"
         "create = no\n; another")}},
    {"conf", "refused", {TEXT("create = maybe\nconf = x\nlisten\n")}},
    {"credentials",
     "two",
     {TEXT(
         "[a]\naccess_key_id = AKIAALICEALICEALICE\nsecret_access_key = secretsecretsecret=with/+\n"
         "account = 000000000001\nprincipal = arn:aws:iam::000000000001:user/a\n; next\r\n[b]\n"
         "access_key_id=AKIABOBBOBBOBBOBBOB\nsecret_access_key=bobsecretbobsecret\n"
         "account=000000000002\nprincipal=arn:aws:iam::000000000002:role/b")}},
    {"credentials", "refused", {TEXT("[a]\naccess_key_id = short\n[b\ncolor = red\n")}},
    {"key_profile",
     "all",
     {TEXT(
         "# comment\n[other]\nrole_arn = x\n\n[default] ; comment\r\naws_access_key_id = a # b\r\n"
         "s3 =\n  max = 1\nAWS_SECRET_ACCESS_KEY=b;=/+\t; c\naws_session_token\t=\n[default]\n"
         "aws_session_token = d")}},
    {"key_profile",
     "refused",
     {TEXT(
         "[default]\naws_access_key_id = a\naws_secret_access_key = b\nrole_arn = c\n[x] y\nz\n")}},
};

void make_text_seeds(void)
{
    for (unsigned i = 0; i < COUNT_OF(seeds); i++) {
        seed_write(seeds[i].what, seeds[i].name, seeds[i].bytes);
    }
}
