import { describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { stringify } from "smol-toml"
import { registryKeys, repositoryKeys, topKeys } from "../../src/config/keys.ts"
import { load } from "./load.ts"

/** Texts that one reader or another takes for nearly right, and what TOML has besides text. */
const hosts = ["", "a", "ghcr.io", "300.0.0.1", "[:::]", "0x7f.1", "u:%zz@h", ":%@h", "u:%e0%a4@h", "xn--a"]
const values: ReadonlyArray<unknown> = [
  ...hosts.flatMap((host) => [
    host,
    `${host}:0`,
    `${host}:65536`,
    `${host}/x`,
    `http://${host}`,
    `postgres://${host}`
  ]),
  "/////w==",
  "OnBhc3M=",
  "=",
  "$",
  "${",
  "{{",
  "59s59",
  "\u0000",
  "\u{1f600}",
  "a".repeat(300),
  0,
  -1,
  1.5,
  true,
  [],
  [[]],
  ["a", 1],
  ["\u0000"],
  {},
  { a: { b: 1 } },
  new Date(0)
]
const whole = {
  top: { watched_repositories: ["api"] },
  hub: { registry_domain: "ghcr.io" },
  api: { registry_name: "hub", nomad_job_name: "api" }
}
const tables = { top: topKeys, hub: registryKeys, api: repositoryKeys }
const keys = (["top", "hub", "api"] as const).flatMap((table) =>
  Object.keys(tables[table]).map((key) => [key, table] as const)
)

describe("S18: whatever stands at a key is taken or refused, and nothing breaks", () => {
  it.effect.each(keys)("%s of %s", ([key, table]) =>
    Effect.forEach(values, (value) => {
      // The rest is right, so that what comes after the first checks is reached.
      const at = (name: keyof typeof whole) =>
        name === table ? { ...whole[name], [key]: value } : whole[name]
      const toml = stringify({ ...at("top"), registry_map: { hub: at("hub") }, repo_map: { api: at("api") } })
      // A defect stays one, and fails the test.
      return load(toml).pipe(Effect.ignore)
    })
  )
})
