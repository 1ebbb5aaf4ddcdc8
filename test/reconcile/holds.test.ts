import { assert, describe } from "@effect/vitest"
import { Clock, Duration, Effect } from "effect"
import { NomadSimulator } from "../../src/sim/NomadSimulator.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const freeze = { by: "ann", why: "freeze", until: null, resume: "manual", left: null } as const
const ended = Effect.flatMap(StateStore, (store) => store.audit("api" as RepositoryName, 100)).pipe(
  Effect.map((entries) => entries.filter(({ action }) => action === "hold ended"))
)

/** A rollback from v1.1.0 to v1.0.0, held until something newer comes. */
const rolledBack = Effect.gen(function* () {
  const story = yield* Story.begin(["v1.0.0"])
  const first = yield* story.push("v1.0.0")
  const second = yield* story.push("v1.1.0")
  yield* awhile
  yield* story.change({
    request: "rollback",
    requestTag: tag("v1.0.0"),
    requestDigest: first,
    hold: { ...freeze, resume: "next_version", left: { tag: tag("v1.1.0"), digest: second } }
  })
  yield* awhile
  return { story, first, second }
})

describe("a hold", () => {
  story(
    "stops automatic moves through switches, says what it would deploy, and ends when it is lifted",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.change({ hold: freeze })
      const digest = yield* story.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Wait held")
      assert.strictEqual(yield* story.words, "held by ann: freeze; it would deploy v1.1.0")
      yield* story.change({ autoDeploy: false })
      yield* story.change({ autoDeploy: true })
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.registered, [])
      yield* story.change({ hold: null })
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "is passed by a request, and stands",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.change({ hold: freeze })
      const digest = yield* story.push("stable")
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
      yield* story.push("stable", "another")
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Wait held")
      assert.strictEqual((yield* story.registered).length, 1)
      assert.deepStrictEqual((yield* story.desired).hold, freeze)
    })
  )

  story(
    "S13: that is set while an attempt is on its way to be sent stops it",
    Effect.gen(function* () {
      const store = yield* StateStore
      let isArmed = true
      const held = StateStore.of({
        ...store,
        intend: (fence, intent) =>
          Effect.gen(function* () {
            const did = yield* store.intend(fence, intent)
            if (!isArmed) return did
            isArmed = false
            yield* store.change({ repository: intent.repository, by: "ann", from: "", hold: freeze })
            return did
          }).pipe(Effect.catchTag("StaleGeneration", Effect.die))
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* story.push("v1.1.0")
        yield* intervals(3)
        assert.deepStrictEqual(yield* story.registered, [])
        assert.strictEqual((yield* story.attempts)[0]?.state, "aborted")
        assert.strictEqual(yield* story.decision, "Wait held")
      }).pipe(Effect.provideService(StateStore, held))
    })
  )

  story(
    "S19: with an end wakes its job then, by Postgres's clock, and is dropped with a line in the audit",
    Effect.gen(function* () {
      const store = yield* StateStore
      // Postgres's clock as far as decisions know it, at the pace of the test's.
      const start = new Date("2026-01-01T12:00:00Z")
      const paced = StateStore.of({
        ...store,
        remembered: (...args) =>
          Effect.gen(function* () {
            const { desired, history } = yield* store.remembered(...args)
            const millis = yield* Clock.currentTimeMillis
            return { desired, history: { ...history, readAt: new Date(start.getTime() + millis) } }
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const now = yield* Clock.currentTimeMillis
        const until = new Date(start.getTime() + now + 90_000)
        yield* story.change({ hold: { ...freeze, until } })
        const { generation } = yield* story.desired
        const digest = yield* story.push("v1.1.0")
        // The last poll before the end is over by then, and the next one far away.
        yield* pass("84 seconds")
        assert.strictEqual(yield* story.decision, "Wait held")
        assert.include(yield* story.words, `until ${until.toISOString()}`)
        assert.lengthOf(yield* ended, 0)
        yield* pass("4 seconds")
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        yield* awhile
        assert.deepInclude(yield* story.desired, { hold: null, generation })
        assert.deepInclude((yield* ended)[0], { who: "registrywatcher", attempt: null })
      }).pipe(Effect.provideService(StateStore, paced))
    })
  )

  story(
    "after a rollback ends with the next version that runs, and not before",
    Effect.gen(function* () {
      const { story, first, second } = yield* rolledBack
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Wait held")
      const third = yield* story.push("v1.2.0")
      yield* awhile
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [
        story.at("v1.1.0", second),
        story.at("v1.0.0", first),
        story.at("v1.2.0", third)
      ])
      assert.isNull((yield* story.desired).hold)
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.2.0")
      assert.lengthOf(yield* ended, 1)
    })
  )

  story(
    "S11: after a rollback still stops what was left where the next version fails",
    Effect.gen(function* () {
      const { story, first } = yield* rolledBack
      const nomad = yield* NomadSimulator
      yield* nomad.setOutcome({ image: "v1.2.0", outcome: { _tag: "Exits", code: 1 } })
      yield* story.push("v1.2.0")
      yield* intervals(4)
      assert.strictEqual((yield* story.attempts).at(-1)?.state, "reverted")
      assert.strictEqual(yield* story.running, story.at("v1.0.0", first))
      assert.strictEqual(yield* story.decision, "Wait held")
      assert.strictEqual((yield* story.registered).length, 3)
    })
  )

  story(
    "under a pin after a rollback ends with the next digest of it",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const good = yield* story.push("stable", "good")
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      yield* awhile
      const poor = yield* story.push("stable", "poor")
      yield* awhile
      yield* story.change({
        request: "rollback",
        requestTag: tag("stable"),
        requestDigest: good,
        hold: { ...freeze, resume: "next_version", left: { tag: tag("stable"), digest: poor } }
      })
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Wait held")
      const better = yield* story.push("stable", "better")
      yield* awhile
      assert.deepStrictEqual(
        yield* story.registered,
        [good, poor, good, better].map((digest) => story.at("stable", digest))
      )
      yield* awhile
      assert.isNull((yield* story.desired).hold)
      assert.strictEqual(yield* story.decision, "InSync")
    })
  )
})
