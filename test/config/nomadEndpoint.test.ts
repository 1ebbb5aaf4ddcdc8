import { assert, describe, it } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import type { NomadEndpoint } from "../../src/domain/NomadEndpoint.ts"
import { load, pem } from "./load.ts"

const files = {
  "/tls/a.pem": pem("CERTIFICATE"),
  "/tls/b.pem": pem("CERTIFICATE"),
  "/key.pem": pem("PRIVATE KEY"),
  "/identity/nomad_token": "jwt",
  "/renewed/nomad_api.jwt": "jwt",
  "/empty": " \n"
}
const nomad = (environment: Record<string, string>) => load("watched_repositories = []", environment, files)
const plain = ({ address, token, httpAuth, vaultToken, ...rest }: NomadEndpoint) => ({
  ...rest,
  address: address.href,
  secrets: [token, httpAuth, vaultToken].map((one) => one && Redacted.value(one))
})
const usual = {
  address: "http://127.0.0.1:4646/",
  secrets: [undefined, undefined, undefined],
  tokenFile: undefined,
  region: "",
  namespace: "default",
  ca: undefined,
  clientCertificate: undefined,
  tlsServerName: undefined,
  skipVerify: false
}

describe("nomadEndpoint", () => {
  it.effect.each([
    ["takes the agent of this machine where nothing is set", {}, {}],
    ["takes an empty variable for one that is not set", { NOMAD_ADDR: "", NOMAD_SKIP_VERIFY: "" }, {}],
    [
      "takes address and token",
      { NOMAD_ADDR: "https://nomad:4646", NOMAD_TOKEN: "t" },
      { address: "https://nomad:4646/", secrets: ["t", undefined, undefined] }
    ],
    ["takes a unix socket", { NOMAD_ADDR: "unix:///run/nomad.sock" }, { address: "unix:///run/nomad.sock" }],
    [
      "takes region and namespace",
      { NOMAD_REGION: "eu", NOMAD_NAMESPACE: "prod" },
      { region: "eu", namespace: "prod" }
    ],
    [
      "takes a login and Vault's token",
      { NOMAD_HTTP_AUTH: "me:a:b", VAULT_TOKEN: "v" },
      { secrets: [undefined, "me:a:b", "v"] }
    ],
    [
      "takes Go's words for true",
      { NOMAD_SKIP_VERIFY: "T", NOMAD_TLS_SERVER_NAME: "server.eu.nomad" },
      { skipVerify: true, tlsServerName: "server.eu.nomad" }
    ],
    ["takes Go's words for false", { NOMAD_SKIP_VERIFY: "0" }, {}],
    [
      "takes one CA file over a directory",
      { NOMAD_CACERT: "/tls/a.pem", NOMAD_CAPATH: "/nowhere" },
      { ca: pem("CERTIFICATE") }
    ],
    [
      "takes every file of a directory",
      { NOMAD_CAPATH: "/tls" },
      { ca: `${pem("CERTIFICATE")}\n${pem("CERTIFICATE")}` }
    ],
    [
      "takes the Task API inside Nomad",
      { NOMAD_SECRETS_DIR: "/secrets", NOMAD_TOKEN: "jwt" },
      { address: "unix:///secrets/api.sock", secrets: ["jwt", undefined, undefined] }
    ],
    [
      "takes an address over the Task API",
      { NOMAD_SECRETS_DIR: "/secrets", NOMAD_TOKEN: "jwt", NOMAD_ADDR: "http://nomad:4646" },
      { address: "http://nomad:4646/", secrets: ["jwt", undefined, undefined] }
    ],
    [
      "takes the identity from the file where it is not in the environment",
      { NOMAD_SECRETS_DIR: "/identity" },
      { address: "unix:///identity/api.sock", tokenFile: "/identity/nomad_token" }
    ],
    [
      "takes the environment's over the file that nobody named",
      { NOMAD_SECRETS_DIR: "/identity", NOMAD_TOKEN: "other" },
      { address: "unix:///identity/api.sock", secrets: ["other", undefined, undefined] }
    ],
    [
      "takes a named file over everything: a named identity is renewed there",
      {
        NOMAD_SECRETS_DIR: "/identity",
        NOMAD_TOKEN: "other",
        NOMAD_TOKEN_FILE: "/renewed/nomad_api.jwt"
      },
      { address: "unix:///identity/api.sock", tokenFile: "/renewed/nomad_api.jwt" }
    ]
  ] as const)("%s", ([, environment, expected]) =>
    nomad(environment).pipe(
      Effect.map((config) => assert.deepStrictEqual<unknown>(plain(config.nomad), { ...usual, ...expected }))
    )
  )

  it.effect.each([
    ["/nowhere", 'NOMAD_TOKEN_FILE: expected a file that can be read, got "/nowhere", no such file'],
    ["/empty", 'NOMAD_TOKEN_FILE: expected a file with a token, got "/empty", empty']
  ] as const)("refuses %s as the file of a token", ([path, expected]) =>
    Effect.map(Effect.flip(nomad({ NOMAD_TOKEN_FILE: path })), ({ message }) =>
      assert.include(message, expected)
    )
  )

  it.effect("takes a client certificate with its key", () =>
    nomad({ NOMAD_CLIENT_CERT: "/tls/a.pem", NOMAD_CLIENT_KEY: "/key.pem" }).pipe(
      Effect.map(({ nomad: { clientCertificate } }) => {
        assert.strictEqual(clientCertificate?.cert, pem("CERTIFICATE"))
        assert.strictEqual(Redacted.value(clientCertificate?.key ?? Redacted.make("")), pem("PRIVATE KEY"))
      })
    )
  )

  it.effect("X16: says that Nomad's certificate is not verified", () =>
    nomad({ NOMAD_SKIP_VERIFY: "1" }).pipe(
      Effect.map(({ warnings }) =>
        assert.deepStrictEqual(warnings, ["NOMAD_SKIP_VERIFY: the certificate of Nomad is not verified"])
      )
    )
  )

  it.effect("names what a task of Nomad's lacks for the Task API", () =>
    nomad({ NOMAD_SECRETS_DIR: "/secrets", DATABASE_URL: "postgres://db/x", NOMAD_ALLOC_ID: "f0" }).pipe(
      Effect.map(({ nomad, warnings }) => {
        assert.strictEqual(nomad.address.href, "http://127.0.0.1:4646/")
        assert.deepStrictEqual(warnings, [
          "NOMAD_TOKEN: not set: the Task API of this task needs `identity { env = true }` or `identity { file = true }`, or set NOMAD_ADDR"
        ])
      })
    )
  )

  it.effect("is the region and namespace of a repository that names none", () =>
    load(
      'watched_repositories = ["a"]\n[registry_map.r]\nregistry_domain = "ghcr.io"\n[repo_map.a]\nregistry_name = "r"\nnomad_job_name = "j"',
      { NOMAD_REGION: "eu", NOMAD_NAMESPACE: "prod" }
    ).pipe(
      Effect.map(({ watched: [one] }) =>
        assert.deepStrictEqual(one?.mapping.job, { region: "eu", namespace: "prod", job: "j" })
      )
    )
  )
})
