import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { load, pem, sound } from "./load.ts"

const files = {
  "/etc/hosts": "127.0.0.1 localhost\n",
  "/etc/cert.pem": pem("CERTIFICATE"),
  "/etc/key.pem": pem("PRIVATE KEY")
}
const duration = 'expected a duration with its unit, from 1s to 24h, such as "59s" or "1m30s"'
const postgres = 'expected a postgresql://user:password@host:5432/database URL, or "embedded"'
const hidden = "(not shown: it may be a secret)"
const nomad =
  "expected http://HOST:PORT, https://HOST:PORT or unix:///PATH, the login apart in NOMAD_HTTP_AUTH"

/** What is wrong; the environment; every problem of it, as it is printed. */
const variables: ReadonlyArray<
  readonly [what: string, environment: Record<string, string>, printed: string]
> = [
  [
    "an interval without unit",
    { REGISTRYWATCHER_POLL_INTERVAL: "59" },
    `REGISTRYWATCHER_POLL_INTERVAL: poll_interval: ${duration}, got "59"`
  ],
  [
    "a number that is none",
    { REGISTRYWATCHER_MAX_ACTIVE_ROLLOUTS: "many" },
    'REGISTRYWATCHER_MAX_ACTIVE_ROLLOUTS: max_active_rollouts: expected a whole number, 1 or more, without quotes, got "many"'
  ],
  [
    "a switch that is none",
    { REGISTRYWATCHER_CREATE_DATABASE_SCHEMA: "yes" },
    'REGISTRYWATCHER_CREATE_DATABASE_SCHEMA: create_database_schema: expected true or false, without quotes, got "yes"'
  ],
  [
    "a repository without table",
    { REGISTRYWATCHER_WATCHED_REPOSITORIES: "api, cron" },
    'REGISTRYWATCHER_WATCHED_REPOSITORIES: watched_repositories[1]: expected a repository that has a [repo_map.cron], got "cron"'
  ],
  [
    "a database that is no URL",
    { DATABASE_URL: "host=db" },
    `DATABASE_URL: database_url: ${postgres}, got a text ${hidden}`
  ],
  [
    "the embedded database inside Nomad",
    { NOMAD_ALLOC_ID: "f0", REGISTRYWATCHER_DATABASE_URL: "embedded" },
    "REGISTRYWATCHER_DATABASE_URL: database_url: expected a postgresql:// URL, here or in DATABASE_URL, where NOMAD_ALLOC_ID is set, got the embedded database"
  ],
  [
    "an address of Nomad without scheme",
    { NOMAD_ADDR: "127.0.0.1:4646" },
    `NOMAD_ADDR: ${nomad}, got "127.0.0.1:4646"`
  ],
  [
    "an address of Nomad with a path",
    { NOMAD_ADDR: "http://nomad/v1" },
    `NOMAD_ADDR: ${nomad}, got "http://nomad/v1"`
  ],
  [
    "an address of Nomad with more than that",
    { NOMAD_ADDR: "http://nomad:4646/#x" },
    `NOMAD_ADDR: ${nomad}, got "http://nomad:4646/#x"`
  ],
  ["a socket without path", { NOMAD_ADDR: "unix://" }, `NOMAD_ADDR: ${nomad}, got "unix://"`],
  [
    "a login in Nomad's address",
    { NOMAD_ADDR: "http://user:hunter2@nomad:4646" },
    `NOMAD_ADDR: ${nomad}, got "http://…@nomad:4646"`
  ],
  [
    "a login of Nomad that is none",
    { NOMAD_HTTP_AUTH: "hunter2" },
    `NOMAD_HTTP_AUTH: expected user:password, got a text ${hidden}`
  ],
  [
    "a switch of Nomad that is none",
    { NOMAD_SKIP_VERIFY: "yes" },
    'NOMAD_SKIP_VERIFY: expected true or false, got "yes"'
  ],
  [
    "Nomad's CA file that there is not",
    { NOMAD_CACERT: "ca.pem" },
    'NOMAD_CACERT: expected a file that can be read, got "ca.pem", no such file'
  ],
  [
    "Nomad's client certificate without key",
    { NOMAD_CLIENT_CERT: "/etc/cert.pem" },
    "NOMAD_CLIENT_CERT: expected NOMAD_CLIENT_KEY beside it, got nothing"
  ],
  [
    "Nomad's client key without certificate",
    { NOMAD_CLIENT_KEY: "/etc/key.pem" },
    "NOMAD_CLIENT_KEY: expected NOMAD_CLIENT_CERT beside it, got nothing"
  ],
  [
    "a file among Nomad's authorities that is none",
    { NOMAD_CAPATH: "/etc" },
    'NOMAD_CAPATH: expected a PEM file with a CERTIFICATE, got "/etc/hosts" without one'
  ]
]

describe("badinput: the environment", () => {
  it.effect.each(variables)("refuses %s, by the variable's name", ([, environment, printed]) =>
    load(sound, environment, files).pipe(
      Effect.flip,
      Effect.map((error) => assert.include(error.message.split("\n"), printed))
    )
  )

  it.effect("refuses the embedded database inside Nomad where nothing names one", () =>
    load("watched_repositories = []", { NOMAD_ALLOC_ID: "f0" }).pipe(
      Effect.flip,
      Effect.map(({ message }) => assert.match(message, /^config\/x\.toml:1: database_url: .*NOMAD_ALLOC_ID/))
    )
  )
})
