import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { inspect } from "node:util"
import { load, pem } from "./load.ts"

const canary = "Hunter2-canary"
const base64 = (text: string) => Buffer.from(text).toString("base64")
const forms = [canary, base64(`user:${canary}`), base64(canary), encodeURIComponent(canary)]

/** Everywhere a secret may stand, and is right to. */
const toml = `watched_repositories = ["api"]
webhook_url = "https://hooks.slack.com/services/${canary}"
database_url = "postgresql://user:${canary}@db/rw"
leader_database_url = "postgresql://user:${canary}@db/rw"
[registry_map.one]
registry_domain = "ghcr.io"
registry_auth = "${base64(`user:${canary}`)}"
client_cert_file = "cert.pem"
client_key_file = "key.pem"
proxy = "http://user:${canary}@proxy:3128"
[repo_map.api]
registry_name = "one"
nomad_job_name = "api"
`
const environment = {
  NOMAD_TOKEN: canary,
  NOMAD_HTTP_AUTH: `user:${canary}`,
  VAULT_TOKEN: canary,
  NOMAD_CLIENT_CERT: "/cert.pem",
  NOMAD_CLIENT_KEY: "/key.pem",
  REGISTRYWATCHER_PASSWORD: canary
}
const key = `${pem("PRIVATE KEY")}${canary}\n`
const files = {
  "config/cert.pem": pem("CERTIFICATE"),
  "config/key.pem": key,
  "/cert.pem": pem("CERTIFICATE"),
  "/key.pem": key
}

/** As any log, error or crash could print it. */
const everyPrint = (value: unknown): string =>
  [inspect(value, { depth: 20 }), JSON.stringify(value), String(value)].join("\n")

describe("X6: secrets", () => {
  it.effect("are in no print of the configuration", () =>
    load(toml, environment, files).pipe(
      Effect.map((config) => {
        const printed = everyPrint({ ...config, registries: [...config.registries] })
        assert.include(printed, "ghcr.io")
        for (const form of forms) assert.notInclude(printed, form)
      })
    )
  )

  it.effect.each([
    ["unterminated text", `webhook_url = "https://hooks.slack.com/${canary}\n`],
    ["an invalid value", `webhook_url = ${canary}\n`],
    ["a webhook without scheme", `webhook_url = "${canary}"\n`],
    ["a webhook in a list", `webhook_url = ["https://${canary}"]\n`],
    ["a database without scheme", `database_url = "${canary}"\n`],
    ["a database beside a placeholder", `database_url = "postgresql://$YOUR_USER:${canary}@db/rw"\n`],
    ["a login that is not encoded", `[registry_map.one]\nregistry_auth = "user:${canary}"\n`],
    ["a login without user", `[registry_map.one]\nregistry_auth = "${base64(`:${canary}`)}"\n`],
    ["a login under an unknown key", `[registry_map.one]\nregistry_atuh = "${base64(`user:${canary}`)}"\n`],
    ["a login for a table", `[registry_map]\none = "${base64(`user:${canary}`)}"\n`],
    ["a login for every table", `registry_map = "${base64(`user:${canary}`)}"\n`],
    ["a login in a domain", `[registry_map.one]\nregistry_domain = "user:${canary}@ghcr.io"\n`],
    ["a login in an image name", `[repo_map.api]\nimage_name = "user:${canary}@ghcr.io/api"\n`],
    ["a login in a realm", `[registry_map.one]\nauth_realms = ["https://user:${canary}@auth"]\n`],
    ["a proxy with a path", `[registry_map.one]\nproxy = "http://user:${canary}@proxy/x"\n`],
    ["a token for the predecessor", `dockerhub_secret = "${canary}"\nmode = "x"\n`]
  ] as const)("are in no error about %s", ([, wrong]) =>
    load(wrong, {}, files).pipe(
      Effect.flip,
      Effect.map((error) => {
        for (const form of forms) assert.notInclude(everyPrint(error), form)
      })
    )
  )

  it.effect.each([
    ["a login in the address", { NOMAD_ADDR: `http://user:${canary}@nomad:4646` }],
    ["a login without colon", { NOMAD_HTTP_AUTH: canary }],
    ["a database without scheme", { DATABASE_URL: canary }]
  ] as const)("are in no error about %s of the environment", ([, wrong]) =>
    load("watched_repositories = []", wrong).pipe(
      Effect.flip,
      Effect.map((error) => {
        for (const form of forms) assert.notInclude(everyPrint(error), form)
      })
    )
  )
})
