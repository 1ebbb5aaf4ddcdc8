import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName
/** v1.9.0, which runs, down to v1.0.0. */
const ten = Array.from({ length: 10 }, (_, n) => `v1.${9 - n}.0`) as [string, ...ReadonlyArray<string>]

/** What the registry answers instead of its listing, until the faults are cleared. */
const lists = (fault: { readonly tags?: ReadonlyArray<string>; readonly status?: number }) =>
  Effect.gen(function* () {
    const registry = yield* RegistrySimulator
    const body = fault.tags === undefined ? "404" : JSON.stringify({ name: "api", tags: fault.tags })
    const status = fault.status === undefined ? {} : { status: fault.status }
    yield* registry.clearFaults
    yield* registry.fault({ image: "api", on: "tags", body, ...status })
  })
const view = Effect.flatMap(StateStore, (store) => store.view(api))
const aDayLater = Effect.gen(function* () {
  const { pool } = yield* Database
  yield* pool`update repository_view set suspect_since = suspect_since - interval '24 hours'`
})
const halves = { gone: ten.slice(1, 6), left: ten.filter((name) => !ten.slice(1, 6).includes(name)) }

describe("a view that is suspect", () => {
  for (const [what, fault, facts] of [
    ["an empty list", { tags: [] }, { suspicion: "empty", listed: 0, lost: 10, running: [tag("v1.9.0")] }],
    ["404", { status: 404 }, { suspicion: "not_found", listed: 0, lost: 10, running: [tag("v1.9.0")] }],
    [
      "half the tags gone",
      { tags: halves.left },
      { suspicion: "many_tags_gone", listed: 5, lost: 5, running: [], sample: halves.gone.map(tag) }
    ],
    [
      "the tag that runs gone",
      { tags: ten.slice(1) },
      { suspicion: "running_tag_gone", listed: 9, lost: 1, running: [tag("v1.9.0")] }
    ]
  ] as const) {
    story(
      `S9: ${what} moves nothing, is told with its facts, and ends by itself`,
      Effect.gen(function* () {
        const story = yield* Story.begin(ten)
        yield* lists(fault)
        yield* intervals(3)
        assert.deepStrictEqual(yield* story.registered, [])
        const doubted = yield* view
        assert.deepInclude(doubted?.doubt, facts)
        assert.lengthOf(doubted?.tags ?? [], 10)
        const registry = yield* RegistrySimulator
        yield* registry.clearFaults
        yield* awhile
        assert.deepInclude(yield* view, { suspect: null, doubt: null })
        assert.strictEqual(yield* story.decision, "InSync")
        const digest = yield* story.push("v1.10.0")
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.10.0", digest)])
      })
    )
  }

  story(
    "S9: X4: a listing whose last page fails, or goes on at another host, is rejected whole",
    Effect.gen(function* () {
      const story = yield* Story.begin(ten)
      const registry = yield* RegistrySimulator
      yield* story.push("v2.0.0")
      const before = yield* view
      const first = {
        image: "api",
        on: "tags",
        page: 1,
        body: JSON.stringify({ name: "api", tags: ["v2.0.0"] })
      } as const
      for (const link of [
        "/v2/api/tags/list?last=v2.0.0&n=1",
        "http://elsewhere.test/v2/api/tags/list?last=a&n=1"
      ]) {
        yield* registry.fault({ image: "api", on: "tags", status: 500 })
        yield* registry.fault({ ...first, headers: { link: `<${link}>; rel="next"` } })
        yield* intervals(3)
        yield* registry.clearFaults
        const after = yield* view
        assert.deepStrictEqual([after?.tags, after?.suspect], [before?.tags, null])
        assert.deepStrictEqual(yield* story.registered, [])
      }
      yield* awhile
      assert.include(yield* story.running, "v2.0.0")
    })
  )

  story(
    "S9: S10: only a version above all that ran is taken from it, once its own manifest is there",
    Effect.gen(function* () {
      const story = yield* Story.begin(ten)
      yield* lists({ tags: ["v9.0.0"] })
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.registered, [])
      assert.deepInclude((yield* view)?.doubt, { running: [tag("v1.9.0")] })
      const digest = yield* story.push("v2.0.0")
      yield* lists({ tags: ["v9.0.0", "v2.0.0"] })
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.registered, [story.at("v2.0.0", digest)])
    })
  )

  story(
    "S9: S8: what would go back waits, and says what is missing since when",
    Effect.gen(function* () {
      const story = yield* Story.begin(ten)
      const nomad = yield* NomadSimulator
      yield* lists({ tags: ten.slice(6) })
      // Somebody sets it back, to where a version of the listing is higher, and below what ran once.
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.1.0` }))
      const registry = yield* RegistrySimulator
      for (const name of ten.slice(0, 6)) yield* registry.deleteTag("api", name)
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.registered, [])
      assert.strictEqual(yield* story.decision, "Wait suspect_view")
      const store = yield* StateStore
      const [status] = yield* store.statuses([api])
      const words = status?.decision?._tag === "Wait" ? status.decision.words : ""
      assert.match(
        words,
        /since \d{4}-.*Z the registry lists 4 tags; 6 of the last good view are missing: v1\.9\.0, /
      )
    })
  )

  story(
    "S9: S19: a day of the same listing makes it the last good one, over leaders, by Postgres's clock",
    Effect.gen(function* () {
      const registry = yield* RegistrySimulator
      const nomad = yield* NomadSimulator
      const story = new Story("api", registry.origin.host)
      for (const name of ten) yield* story.push(name)
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.9.0` }))
      yield* pass("10 seconds")
      const begin = watch([watchedAs("api", story.host)])
      const leader = yield* begin
      yield* pass("2 seconds")
      yield* lists({ tags: ten.slice(1) })
      yield* awhile
      yield* aDayLater
      // Another listing in between begins a day of its own.
      yield* lists({ tags: ten.slice(2) })
      yield* awhile
      yield* lists({ tags: ten.slice(1) })
      yield* awhile
      assert.strictEqual((yield* view)?.suspect, "running_tag_gone")
      yield* Fiber.interrupt(leader)
      yield* aDayLater
      yield* begin
      yield* awhile
      assert.deepInclude(yield* view, { suspect: null, doubt: null })
      assert.sameMembers([...((yield* view)?.tags ?? [])], ten.slice(1).map(tag))
      // Believed, and still never backwards by itself.
      assert.deepStrictEqual(yield* story.registered, [])
      assert.strictEqual(yield* story.decision, "Stall below_what_runs")
    })
  )

  story(
    "S9: a person accepts it, and what is listed then is taken for good, if it is the same",
    Effect.gen(function* () {
      const story = yield* Story.begin(ten)
      const store = yield* StateStore
      const accept = store.acceptView({ repository: api, by: "ann", from: "" })
      assert.isNull(yield* accept)
      yield* lists({ tags: halves.left })
      yield* awhile
      yield* lists({ tags: [] })
      assert.deepInclude(yield* accept, { suspicion: "many_tags_gone" })
      yield* pass("5 seconds")
      assert.strictEqual((yield* view)?.suspect, "empty")
      yield* lists({ tags: halves.left })
      yield* awhile
      assert.strictEqual((yield* view)?.suspect, "many_tags_gone")
      yield* accept
      yield* pass("5 seconds")
      assert.deepInclude(yield* view, { suspect: null })
      assert.lengthOf((yield* view)?.tags ?? [], 5)
      assert.deepStrictEqual(yield* story.registered, [])
    })
  )

  story(
    "S9: a reset whose message said what is missing goes by what is listed",
    Effect.gen(function* () {
      const story = yield* Story.begin(ten)
      yield* lists({ tags: ten.slice(1) })
      yield* awhile
      const reset = { pinnedTag: "", autoDeploy: true, request: "reset" } as const
      // It was not told: nothing goes back.
      yield* story.change(reset)
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [])
      const { since } = (yield* view)?.doubt ?? { since: new Date(0) }
      yield* story.change({ ...reset, trust: new Date(since.getTime() - 1000) })
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [])
      assert.strictEqual((yield* view)?.suspect, "running_tag_gone")
      yield* story.change({ ...reset, trust: since })
      yield* awhile
      assert.include(yield* story.running, "v1.8.0")
      assert.strictEqual((yield* story.desired).requestedGeneration, null)
      assert.deepInclude(yield* view, { suspect: null })
    })
  )

  story(
    "S9: no reset accepts a listing in which nothing is elected",
    Effect.gen(function* () {
      const story = yield* Story.begin(ten)
      yield* lists({ tags: [] })
      yield* awhile
      const trust = (yield* view)?.doubt?.since ?? new Date(0)
      yield* story.change({ pinnedTag: "", autoDeploy: true, request: "reset", trust })
      yield* intervals(2)
      assert.strictEqual((yield* view)?.suspect, "empty")
      assert.lengthOf((yield* view)?.tags ?? [], 10)
      assert.deepStrictEqual(yield* story.registered, [])
    })
  )
})
