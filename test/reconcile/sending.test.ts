import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Redacted } from "effect"
import { Deployer, type Edit } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { LostRegisterLife } from "../../src/reconcile/settle.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName

/** A Nomad whose first register is not sent, and nobody knows; it can come later. */
const firstLate = Effect.map(Deployer, (deployer) => {
  const late: Array<Edit> = []
  const slow = Deployer.of({
    ...deployer,
    register: (edit) => {
      if (late.length > 0) return deployer.register(edit)
      late.push(edit)
      return Effect.succeed({ _tag: "Unknown", words: "no answer within 10 seconds" })
    }
  })
  return { late, slow }
})

describe("what is sent to Nomad", () => {
  story(
    "S7: the attempt is committed as submitted before the first byte of its register is sent",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const store = yield* StateStore
      const found: Array<string | undefined> = []
      const looking = Deployer.of({
        ...deployer,
        register: (edit) =>
          store.attempts(api, 1).pipe(
            Effect.orDie,
            Effect.tap(([attempt]) => Effect.sync(() => found.push(attempt?.state))),
            Effect.andThen(deployer.register(edit))
          )
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* story.push("v1.1.0")
        yield* awhile
        assert.deepStrictEqual(found, ["submitted"])
      }).pipe(Effect.provideService(Deployer, looking))
    })
  )

  story(
    "S15: a lease that cannot be proven any more sends nothing, and its attempt stays for the next holder",
    Effect.gen(function* () {
      const leader = yield* Leader
      let proofs = 0
      // The first proof of an attempt is for its row, the second for the register.
      const failing = Leader.of({
        ...leader,
        guard: (effect) => (++proofs % 2 === 0 ? Effect.fail({ _tag: "NotLeading" }) : leader.guard(effect))
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* story.push("v1.1.0")
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [])
        assert.deepStrictEqual(yield* story.states, ["submitted"])
      }).pipe(Effect.provideService(Leader, failing))
    })
  )

  story(
    "S4: with a Nomad that takes both, a register that comes late makes no second version",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const { late, slow } = yield* firstLate
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        // Two registers with one index both pass on servers before 2.0.1: check-and-set is not the lock.
        const { body } = late[0] as unknown as { readonly body: Redacted.Redacted }
        const passes = Redacted.value(body).replace('"EnforceIndex":true', '"EnforceIndex":false')
        yield* inFlight.countedEffect(
          Effect.promise(() => fetch(`${nomad.url}/v1/jobs`, { method: "POST", body: passes }))
        )
        yield* intervals(3)
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        assert.deepStrictEqual(yield* story.states, ["succeeded"])
      }).pipe(Effect.provideService(Deployer, slow))
    })
  )

  story(
    "S4: S2: with check-and-set intact and the lock lost, a register that comes after its successor is refused",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const { late, slow } = yield* firstLate
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        yield* intervals(3)
        assert.deepStrictEqual(yield* story.states, ["aborted", "succeeded"])
        const [first] = late
        assert.isDefined(first)
        assert.strictEqual((yield* deployer.register(first))._tag, "Conflict")
        yield* intervals(2)
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        assert.strictEqual((yield* story.attempts).length, 2)
      }).pipe(Effect.provideService(Deployer, slow), Effect.provideService(LostRegisterLife, Duration.zero))
    })
  )

  story(
    "S3: what acts is decided on a read of its own pass",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      const digest = yield* story.push("old")
      // Scaled since the last listing.
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, count: 2 }))
      yield* story.change({ pinnedTag: tag("old"), request: "pin" })
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("old", digest)])
      assert.deepStrictEqual(yield* story.states, ["succeeded"])
    })
  )

  story(
    "S6: an outcome that nobody can tell stalls, until a person asks",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/job", when: "before", times: 1 })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      for (let count = 2; count < 12; count++) {
        yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, count }))
      }
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Stall unknown_outcome")
      assert.deepStrictEqual(yield* story.registered, [])
      yield* story.change({ request: "redeploy" })
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.deepStrictEqual(yield* story.states, ["lost", "succeeded"])
    })
  )

  story(
    "L13: a register that may not be sent is shown as forbidden, and sent once it may",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      const words = "Permission denied"
      yield* nomad.inject({ _tag: "Answer", method: "POST", path: "/v1/job", status: 403, body: words })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.strictEqual(yield* story.decision, "Wait forbidden")
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )
})
