/**
 * As `openssl req -x509` makes it for `localhost`, valid for a hundred years: its
 * own issuer and marked as an authority, which strict verifiers refuse as a server's.
 */
export const SELF_SIGNED = {
  cert: `-----BEGIN CERTIFICATE-----
MIIBlDCCATugAwIBAgIUT9baCUqSfvK58tkzmlPRHljNtaswCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzAyNTIzMVoYDzIxMjYxMDMw
MDI1MjMxWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAQvr59qb01Ec+DpBI4D8Ih/4N98/TVv/cgbXAlMNTDH1ix6NwjMUKh7
mqPHiBb8iTXpiszusQqhGzH+uLtQcAldo2kwZzAdBgNVHQ4EFgQUn6rAxhaWHTsk
nGsLLZS8BU8CyKMwHwYDVR0jBBgwFoAUn6rAxhaWHTsknGsLLZS8BU8CyKMwDwYD
VR0TAQH/BAUwAwEB/zAUBgNVHREEDTALgglsb2NhbGhvc3QwCgYIKoZIzj0EAwID
RwAwRAIgdvGQq0keduhOOyfbHH+T0rbwL/ehfKWgzEzNPmAdRkkCIEry93XoD/EH
n+OMMCmwt+mvCtbqwXVuCISjeFiWKZD6
-----END CERTIFICATE-----
`,
  key: `-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgk3RGKmP7ey9c/pTo
PPA/+UGDdR4cWP0hLkrpX9kdXtihRANCAAQvr59qb01Ec+DpBI4D8Ih/4N98/TVv
/cgbXAlMNTDH1ix6NwjMUKh7mqPHiBb8iTXpiszusQqhGzH+uLtQcAld
-----END PRIVATE KEY-----
`,
};
