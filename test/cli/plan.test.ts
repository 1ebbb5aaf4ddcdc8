import { assert, describe } from "@effect/vitest"
import { Effect } from "effect"
import { TestConsole } from "effect/testing"
import { plan, type PlanOptions } from "../../src/cli/plan.ts"
import { Tag } from "../../src/domain/Tag.ts"
import type { Fleet } from "../../src/foresee/weighAmongAll.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { interval, watchedAs } from "../reconcile/loop.ts"
import { pass, story } from "../reconcile/story.ts"

const plain: PlanOptions = { diff: false, json: false, columns: 0 }

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
  return {
    nomad,
    registry,
    watched,
    config: { watched, brake: { share: 0.2, count: 5 }, pollInterval: interval }
  }
})

/** Those of these names; all where there are none. */
const only = ({ watched }: Fleet, named: ReadonlyArray<string>) =>
  watched.filter(({ name }) => named.length === 0 || named.includes(name))

/** Repository → reason and what would be deployed, without its digest. */
const planned = Effect.fnUntraced(function* (config: Fleet, named: ReadonlyArray<string> = []) {
  const before = (yield* TestConsole.logLines).length
  const noted = (yield* TestConsole.errorLines).length
  const refused = yield* Effect.match(plan(config, only(config, named), { ...plain, json: true }), {
    onSuccess: () => null,
    onFailure: (error) => ("message" in error ? error.message : String(error))
  })
  const printed = (yield* TestConsole.logLines).slice(before).join("\n")
  const lines = JSON.parse(printed) as ReadonlyArray<
    Record<"repository" | "reason" | "deploys" | "waits" | "words", string>
  >
  const notes = (yield* TestConsole.errorLines).slice(noted).join("\n")
  return {
    refused,
    notes,
    words: lines.map(({ words }) => words),
    waits: lines.map(({ waits }) => waits),
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
    "a registry that is silent leaves what was listed last, which is said, and the repository untold",
    Effect.gen(function* () {
      const tags = ["v1.0.0", "v1.1.0"]
      const { registry, config } = yield* begin({ same: tags, silent: tags })
      const store = yield* StateStore
      for (const [at, { name, fingerprint }] of config.watched.entries()) {
        const listed = tags.slice(0, at + 1).map((tag) => Tag.make(tag))
        yield* store.saveListing(name, { tags: listed, suspect: null, fingerprint })
      }
      yield* registry.fault({ status: 503 })
      const { lines, refused, words } = yield* planned(config)
      assert.deepStrictEqual(lines, { same: "in_sync", silent: "registry_unreachable" })
      assert.match(
        words[0] ?? "",
        /^in sync, by the listing of \d{4}-\d\d-\d\dT[\d:]{8}Z: registry sim, same: .*503/
      )
      assert.match(words[1] ?? "", /^registry sim, silent: .*503.*; v1\.1\.0 waits$/)
      assert.notInclude(words[1], "by the listing")
      assert.strictEqual(refused, "2 of 2 could not be told")
    })
  )

  story(
    "names what waits once",
    Effect.gen(function* () {
      const { config } = yield* begin({ api: ["v1.0.0", "v1.1.0"] })
      const { pool: sql } = yield* Database
      yield* sql`update repository set auto_deploy = false`
      const { words } = yield* planned(config)
      assert.deepStrictEqual(words, ["auto_deploy is off; on, it would deploy v1.1.0"])
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
    "S17: foretells the brake, and lets go what a push explains",
    Effect.gen(function* () {
      const names = ["a", "b", "c", "d", "e", "f"]
      const { registry, watched, config } = yield* begin(
        Object.fromEntries(names.map((name) => [name, ["v1.0.0", "v1.1.0"]]))
      )
      const store = yield* StateStore
      const [pushed] = watched
      assert.isDefined(pushed)
      const tags = ["v1.0.0", "v1.1.0"].map((tag) => Tag.make(tag))
      yield* store.saveListing(pushed.name, { tags, suspect: null, fingerprint: pushed.fingerprint })
      yield* registry.push("a", "v1.2.0")
      const { lines } = yield* planned(config)
      assert.deepStrictEqual(lines, {
        a: "new_version v1.2.0@",
        ...Object.fromEntries(names.slice(1).map((name) => [name, "brake"]))
      })
      const four = { ...config, watched: watched.slice(0, 5) }
      const { lines: fewer } = yield* planned(four)
      assert.deepStrictEqual(Object.values(fewer), [
        "new_version v1.2.0@",
        ...Array.from({ length: 4 }, () => "new_version v1.1.0@")
      ])
    })
  )

  story(
    "S17: of one that is named the brake is foretold by all, and on what is said aside",
    Effect.gen(function* () {
      const names = ["a", "b", "c", "d", "e", "f"]
      const { config } = yield* begin(Object.fromEntries(names.map((name) => [name, ["v1.0.0", "v1.1.0"]])))
      const { lines, notes, waits } = yield* planned(config, ["a"])
      assert.deepStrictEqual(lines, { a: "brake" })
      assert.match(waits[0] ?? "", /^v1\.1\.0@sha256:[0-9a-f]{64}$/)
      assert.strictEqual(
        notes,
        "the brake is weighed over all that are watched; the others: 5 that no controller decided lately, looked at now"
      )
    })
  )

  story(
    "tells of the named ones alone, with Nomad's diff of what is deployed and of what waits",
    Effect.gen(function* () {
      const { config, nomad } = yield* begin({
        api: ["v1.0.0", "v1.1.0"],
        web: ["v1.0.0", "v1.1.0"],
        same: ["v1.0.0"],
        other: ["v1.0.0", "v1.1.0"]
      })
      const { pool: sql } = yield* Database
      yield* sql`update repository set auto_deploy = false where name = 'web'`
      const before = yield* nomad.job("default", "api")
      yield* plan(config, only(config, ["api", "web", "same"]), { ...plain, diff: true })
      const printed = (yield* TestConsole.logLines).map(String).join("\n")
      assert.notMatch(printed, /other/)
      const told = (name: string) => new RegExp(`^${name}: (.*\n(?:  .*\n?)+)`, "m").exec(printed)?.[1] ?? ""
      assert.strictEqual(
        told("api")
          .replaceAll(/sha256:[0-9a-f]{64}/g, "…")
          .replaceAll(/127[.\d]+:\d+/g, "host")
          .trimEnd(),
        [
          "v1.1.0",
          '  group "api": 1 create/destroy update',
          '  + group "api", task "api", Meta[registrywatcher_attempt]: a new marker',
          '  ~ group "api", task "api", Config.image: "host/api:v1.0.0" => "host/api:v1.1.0@…"',
          "  every allocation can be placed"
        ].join("\n")
      )
      assert.match(told("web"), /^v1\.1\.0\n/)
      assert.strictEqual(told("same"), "")
      assert.deepStrictEqual(yield* nomad.job("default", "api"), before)
    })
  )

  story(
    "a right that is missing is named, and leaves the repository untold",
    Effect.gen(function* () {
      const { config, nomad } = yield* begin({ api: ["v1.0.0", "v1.1.0"] })
      yield* nomad.inject({
        _tag: "Answer",
        method: "POST",
        path: "/plan",
        status: 403,
        body: "Permission denied"
      })
      const refused = yield* Effect.flip(plan(config, config.watched, { ...plain, diff: true }))
      assert.strictEqual("message" in refused ? refused.message : "", "1 of 1 could not be told")
      const printed = (yield* TestConsole.logLines).map(String).join("\n")
      assert.match(printed, /^ {2}not told: .*the token needs plan-job/m)
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
      yield* plan(config, config.watched, plain)
      const printed = (yield* TestConsole.logLines).map(String).at(-1) ?? ""
      assert.match(printed, /^pinned +v1\.0\.0 +v0\.9\.0@sha256:[0-9a-f]{12} +it is pinned$/)
    })
  )
})
