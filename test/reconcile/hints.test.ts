import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Queue, Stream } from "effect"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { StoreError, StoreUnavailable } from "../../src/store/StoreError.ts"
import { tag } from "../decide/situations.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName

/** Somebody pins `stable`, and the notification is lost. */
const pinUnheard = Effect.fnUntraced(function* (story: Story) {
  const store = yield* StateStore
  const digest = yield* story.push("stable")
  yield* store.change({ repository: api, by: "ann", from: "", pinnedTag: tag("stable"), request: "pin" })
  yield* inFlight.unheard
  return digest
})

describe("what is asked when", () => {
  story(
    "L9: a person's request asks a registry at once that the polls back off from",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"])
      const registry = yield* RegistrySimulator
      const old = yield* story.push("v1.0.0")
      yield* registry.fault({ image: "api", status: 503 })
      yield* intervals(10)
      yield* registry.clearRequests
      // Just after it was asked in vain: it backs off for longer than the second below.
      while (!(yield* registry.requestCounts).has("api")) yield* pass("500 millis")
      yield* registry.clearFaults
      yield* registry.clearRequests
      yield* pass("1 second")
      // Nobody asks it yet.
      assert.strictEqual((yield* registry.requestCounts).get("api") ?? 0, 0)
      yield* story.change({ pinnedTag: tag("v1.0.0"), request: "pin" })
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.0.0", old)])
    })
  )

  story(
    "S11: a version in quarantine is looked at with each poll, and deployed once it is another",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const { pool: sql } = yield* Database
      const bad = yield* story.push("v1.1.0", "bad")
      yield* sql`insert into quarantine (repository, digest, why) values (${api}, ${bad}, 'it failed')`
      yield* intervals(3)
      assert.deepStrictEqual(yield* story.registered, [])
      const mended = yield* story.push("v1.1.0", "mended")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", mended)])
    })
  )

  story(
    "L3: a token that may not list jobs reads each of them, once an interval",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      yield* nomad.inject({
        _tag: "Answer",
        method: "GET",
        path: "/v1/jobs",
        status: 403,
        body: "Permission denied"
      })
      const story = yield* Story.begin(["v1.1.0", "v1.0.0"])
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "InSync")
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* awhile
      assert.strictEqual(yield* story.decision, "Stall drift")
      const digest = yield* story.push("v1.2.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.2.0", digest)])
    })
  )

  story(
    "L7: a pass that fails is not begun again by its poll before its back-off is over",
    Effect.gen(function* () {
      const store = yield* StateStore
      let calls = 0
      const failing = StateStore.of({
        ...store,
        remembered: () =>
          Effect.suspend(() => {
            calls += 1
            const reason = new StoreUnavailable({ cause: new Error("no answer") })
            return Effect.fail(new StoreError({ call: "StateStore.remembered", reason }))
          })
      })
      yield* Story.begin(["v1.0.0"]).pipe(
        Effect.andThen(intervals(5)),
        Effect.provideService(StateStore, failing)
      )
      // 1, 2, 4 … 59 seconds, half of each by chance.
      assert.isAtMost(calls, 22)
      assert.isAtLeast(calls, 8)
    })
  )

  story(
    "L3: after a lost connection only those are read again whose desired state changed",
    Effect.gen(function* () {
      const store = yield* StateStore
      const told = yield* Queue.unbounded<null>()
      let reads = 0
      const reconnecting = StateStore.of({
        ...store,
        changes: Stream.fromQueue(told),
        remembered: (...args) =>
          Effect.suspend(() => {
            reads += 1
            return store.remembered(...args)
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* intervals(2)
        reads = 0
        yield* Queue.offer(told, null)
        yield* pass("1 second")
        assert.strictEqual(reads, 0)
        const digest = yield* pinUnheard(story)
        yield* Queue.offer(told, null)
        yield* pass("2 seconds")
        assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
      }).pipe(Effect.provideService(StateStore, reconnecting))
    })
  )

  story(
    "L3: with every notification lost a change is still found within an interval",
    Effect.gen(function* () {
      const store = yield* StateStore
      const deaf = StateStore.of({ ...store, changes: Stream.never })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        // Two polls in sync: from now on the passes remember.
        yield* intervals(2)
        const digest = yield* pinUnheard(story)
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
      }).pipe(Effect.provideService(StateStore, deaf))
    })
  )

  story(
    "L7: while Nomad cannot be listed, its jobs are not asked",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "NoLeader", hold: 0 })
      yield* intervals(2)
      const asked = (yield* nomad.requests).length
      for (let n = 0; n < 8; n++) yield* story.change({ autoDeploy: n % 2 === 1 })
      const requests = (yield* nomad.requests).slice(asked)
      assert.deepStrictEqual([...new Set(requests.map(({ path }) => path.split("?")[0]))], ["/v1/jobs"])
    })
  )
})
