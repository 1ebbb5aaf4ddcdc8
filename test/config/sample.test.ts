import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { readFileSync } from "node:fs"
import { parse } from "smol-toml"
import { brakeKeys, registryKeys, repositoryKeys, topKeys } from "../../src/config/keys.ts"
import { load } from "./load.ts"

const sample = readFileSync("config/sample.toml", "utf8")
/** With each key that it only shows written out. */
const whole = sample.replaceAll(/^# (?=[a-z_]+ = )/gm, "")
const pem = "-----BEGIN CERTIFICATE-----\n-----BEGIN PRIVATE KEY-----\n"
const files = { "config/registry-ca.pem": pem, "config/client.pem": pem, "config/client-key.pem": pem }

const keysAt = (...path: ReadonlyArray<string>): ReadonlyArray<string> => {
  let value: unknown = parse(whole)
  for (const part of path) value = (value as Record<string, unknown>)[part]
  return Object.keys(value as Record<string, unknown>).toSorted()
}

describe("config/sample.toml", () => {
  it.effect("is a configuration, without a warning", () =>
    load(sample).pipe(
      Effect.map(({ watched, warnings }) => {
        assert.strictEqual(watched.length, 1)
        assert.deepStrictEqual(warnings, [])
      })
    )
  )

  it.effect("is one with every key that it shows, too", () =>
    load(whole, {}, files).pipe(Effect.map(({ warnings }) => assert.deepStrictEqual(warnings, [])))
  )

  it("shows every key", () => {
    assert.deepStrictEqual(
      keysAt(),
      [...Object.keys(topKeys), "brake", "registry_map", "repo_map"].toSorted()
    )
    assert.deepStrictEqual(keysAt("brake"), Object.keys(brakeKeys).toSorted())
    assert.deepStrictEqual(keysAt("registry_map", "hub"), Object.keys(registryKeys).toSorted())
    assert.deepStrictEqual(keysAt("repo_map", "api"), Object.keys(repositoryKeys).toSorted())
  })

  it.effect("shows the defaults as they are", () =>
    Effect.gen(function* () {
      // What has no default has an example, and is left out of the comparison.
      const examples =
        /^(?:webhook_url|max_active_rollouts|leader_database_url|ca_file|client_\w+|proxy|nomad_\w+|image_name) = .*\n/gm
      const written = whole.replaceAll(examples, (line) => (line.startsWith("nomad_job_name") ? line : ""))
      const left = yield* load(sample)
      const right = yield* load(written)
      assert.deepStrictEqual({ ...right, places: left.places }, left)
    })
  )
})
