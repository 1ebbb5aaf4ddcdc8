import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestConsole } from "effect/testing"
import { plan } from "../../src/cli/plan.ts"
import type { Config } from "../../src/config/Config.ts"
import { Tag } from "../../src/domain/Tag.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { watchedAs } from "../reconcile/loop.ts"
import { pass, story } from "../reconcile/story.ts"

/** Jobs of these names run v1.0.0; the registry has the tags. */
const begin = Effect.fnUntraced(function* (repositories: Readonly<Record<string, ReadonlyArray<string>>>) {
  const nomad = yield* NomadSimulator
  const registry = yield* RegistrySimulator
  const { host } = registry.origin
  const names = Object.keys(repositories)
  for (const name of names) {
    for (const tag of repositories[name] ?? []) yield* registry.push(name, tag)
    yield* nomad.register(sampleJob({ id: name, image: `${host}/${name}:v1.0.0` }))
  }
  yield* pass("15 seconds")
  const watched = names.map((name) => watchedAs(name, host, { mode: "plan" }))
  yield* (yield* StateStore).adopt(watched)
  return { nomad, registry, watched, config: { watched } as unknown as Config }
})

/** Repository → reason and what would be deployed, without its digest. */
const planned = Effect.fnUntraced(function* (config: Config) {
  const before = (yield* TestConsole.logLines).length
  const refused = yield* Effect.match(plan(config, true), {
    onSuccess: () => null,
    onFailure: (error) => ("message" in error ? error.message : String(error))
  })
  const printed = (yield* TestConsole.logLines).slice(before).join("\n")
  const lines = JSON.parse(printed) as ReadonlyArray<Record<"repository" | "reason" | "deploys", string>>
  return {
    refused,
    lines: Object.fromEntries(
      lines.map(({ repository, reason, deploys }) => [
        repository,
        deploys === null ? reason : `${reason} ${deploys.replace(/@sha256:[0-9a-f]{64}$/, "@")}`
      ])
    )
  }
})

describe("plan", () => {
  story(
    "S10: tells what would be deployed, by the manifest that is there, and registers nothing",
    Effect.gen(function* () {
      const { nomad, registry, config } = yield* begin({
        higher: ["v1.0.0", "v1.1.0"],
        same: ["v1.0.0"],
        chart: ["v1.0.0", "v1.1.0"]
      })
      yield* registry.pushManifest("chart", "v1.2.0", "application/vnd.cncf.helm.config.v1+json", "{}")
      const { lines, refused } = yield* planned(config)
      assert.deepStrictEqual(lines, {
        higher: "new_version v1.1.0@",
        same: "in_sync",
        chart: "new_version v1.1.0@"
      })
      assert.isNull(refused)
      assert.lengthOf(yield* nomad.registers, 0)
    })
  )

  story(
    "S9: from a listing that lost tags nothing is foretold, and what is silent is said to be untold",
    Effect.gen(function* () {
      const { registry, config } = yield* begin({
        lost: ["v1.0.0", "v0.9.0"],
        silent: ["v1.0.0", "v1.1.0"]
      })
      const store = yield* StateStore
      const [lost] = config.watched
      assert.isDefined(lost)
      const tags = ["v1.0.0", "v0.9.0"].map((tag) => Tag.make(tag))
      yield* store.saveListing(lost.name, { tags, suspect: null, fingerprint: lost.fingerprint })
      yield* registry.deleteTag("lost", "v1.0.0")
      yield* registry.fault({ image: "silent", status: 503 })
      const { lines, refused } = yield* planned(config)
      assert.deepStrictEqual(lines, { lost: "in_sync", silent: "registry_unreachable" })
      assert.strictEqual(refused, "1 of 2 could not be told")
    })
  )

  story(
    "tells what an open redeploy names, though nobody looked at that tag before",
    Effect.gen(function* () {
      const { config } = yield* begin({ api: ["v1.0.0", "v1.1.0", "v0.9.0"], gone: ["v1.0.0"] })
      // Written as it stands there, for no watch takes the notification.
      const { pool: sql } = yield* Database
      yield* sql`update repository set requested_generation = generation, request_kind = 'redeploy',
        request_tag = 'v0.9.0', requested_by = 'ann'`
      const { lines } = yield* planned(config)
      assert.deepStrictEqual(lines, { api: "requested v0.9.0@", gone: "tag_missing" })
    })
  )

  story(
    "a pin below what runs is no higher version",
    Effect.gen(function* () {
      const { config } = yield* begin({ pinned: ["v0.9.0", "v1.0.0"] })
      const [pinned] = config.watched
      assert.isDefined(pinned)
      const pin = { repository: pinned.name, pinnedTag: Tag.make("v0.9.0"), by: "ann", from: "" }
      yield* (yield* StateStore).change(pin)
      yield* plan(config, false)
      const printed = (yield* TestConsole.logLines).map(String).at(-1) ?? ""
      assert.match(printed, /^pinned +v1\.0\.0 +v0\.9\.0@sha256:[0-9a-f]{12} +it is pinned$/)
    })
  )
})
