import { assert, describe } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import { LostRegisterLife } from "../../src/reconcile/settle.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { awhile, pass, Story, story } from "./story.ts"
import { tag } from "../decide/situations.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

describe("the loop", () => {
  story(
    "S2: S7: a push is one attempt, one register, by digest; and then quiet",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      assert.strictEqual(yield* story.decision, "InSync")
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.strictEqual(yield* story.running, story.at("v1.1.0", digest))
      const [attempt] = yield* story.attempts
      assert.deepInclude(attempt, {
        state: "succeeded",
        reason: "new_version",
        fromTag: tag("v1.0.0"),
        toDigest: digest
      })
      assert.strictEqual((yield* story.desired).highWaterMark, "v1.1.0")
      assert.strictEqual(yield* story.decision, "InSync")
      yield* intervals(3)
      assert.strictEqual((yield* story.registered).length, 1)
    })
  )

  story(
    "S16: of several pushes within an interval only the last is deployed",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.push("v1.1.0")
      yield* story.push("v1.2.0")
      const last = yield* story.push("v1.10.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.10.0", last)])
    })
  )

  story(
    "S13: what is pushed while auto_deploy is off waits, and is deployed once it is on",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      yield* story.change({ autoDeploy: false })
      const digest = yield* story.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Wait auto_deploy_off")
      assert.deepStrictEqual(yield* story.registered, [])
      yield* story.change({ autoDeploy: true })
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "a pin goes back at once, holds, follows its digest, and a reset follows versions again",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0"])
      const old = yield* story.push("v1.0.0", "one")
      yield* story.change({ pinnedTag: tag("v1.0.0"), request: "pin" })
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.0.0", old)])
      assert.strictEqual((yield* story.desired).requestedGeneration, null)
      const higher = yield* story.push("v1.2.0")
      const overwritten = yield* story.push("v1.0.0", "two")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [
        story.at("v1.0.0", old),
        story.at("v1.0.0", overwritten)
      ])
      yield* story.change({ pinnedTag: "", autoDeploy: true, request: "reset" })
      yield* awhile
      assert.strictEqual(yield* story.running, story.at("v1.2.0", higher))
      assert.strictEqual((yield* story.registered).length, 3)
    })
  )

  story(
    "a double click is one deployment",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const digest = yield* story.push("stable")
      const store = yield* StateStore
      const click = {
        repository: "api" as never,
        by: "ann",
        from: "",
        pinnedTag: tag("stable"),
        request: "pin" as const
      }
      yield* Effect.all([store.change(click), store.change(click), store.change(click)], { concurrency: 3 })
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
      assert.strictEqual((yield* story.desired).requestedGeneration, null)
    })
  )

  story(
    "S8: S9: no listing, however wrong, goes back; a version above what ran is still taken",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0", "v1.0.0", "v0.9.0"])
      const registry = yield* RegistrySimulator
      const wrong = [
        { body: JSON.stringify({ name: "api", tags: [] }) },
        { body: JSON.stringify({ name: "api", tags: null }) },
        { status: 404, body: "404 page not found" },
        { body: JSON.stringify({ name: "api", tags: ["v1.0.0"] }) },
        { body: JSON.stringify({ name: "other", tags: ["v9.0.0"] }) },
        { truncate: true },
        { status: 500 },
        { drop: true }
      ]
      for (const fault of wrong) {
        yield* registry.fault({ image: "api", on: "tags", ...fault })
        yield* intervals(2)
        yield* registry.clearFaults
      }
      assert.deepStrictEqual(yield* story.registered, [])
      const digest = yield* story.push("v1.2.0")
      yield* registry.fault({
        image: "api",
        on: "tags",
        body: JSON.stringify({ name: "api", tags: ["v1.2.0"] })
      })
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.2.0", digest)])
    })
  )

  story(
    "L7: a registry that is down is asked less often, and found again within a back-off",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* registry.fault({ image: "api", status: 503 })
      yield* registry.clearRequests
      yield* intervals(10)
      // One to six seconds apart at first, then the 59 of the interval.
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 22)
      yield* registry.clearFaults
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "L7: Retry-After is honoured",
    Effect.gen(function* () {
      yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* registry.fault({ image: "api", status: 429, headers: { "retry-after": "240" }, times: 1 })
      yield* intervals(1.5)
      yield* registry.clearRequests
      yield* intervals(2)
      assert.strictEqual((yield* registry.requestCounts).get("api") ?? 0, 0)
    })
  )

  story(
    "S11: what Nomad reverts is not tried again, until its tag has another digest",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const bad = yield* story.push("v1.1.0-bad", "no")
      yield* story.change({ pinnedTag: tag("v1.1.0-bad"), request: "pin" })
      yield* intervals(3)
      assert.deepInclude((yield* story.attempts)[0], { state: "reverted", toDigest: bad })
      assert.strictEqual(yield* story.running, `${story.image}:v1.0.0`)
      assert.strictEqual(yield* story.decision, "Wait nothing_elected")
      yield* intervals(10)
      assert.strictEqual((yield* story.registered).length, 1)
      const mended = yield* story.push("v1.1.0-bad", "another")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [
        story.at("v1.1.0-bad", bad),
        story.at("v1.1.0-bad", mended)
      ])
    })
  )

  story(
    "S11: S20: where nothing reverts it, the failed rollout stalls and is told",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, { autoRevert: false })
      yield* story.push("crash")
      yield* story.change({ pinnedTag: tag("crash"), request: "pin" })
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Stall rollout_failed")
      assert.deepInclude((yield* story.attempts)[0], {
        state: "failed",
        words:
          "task api: exited 1; last line of stderr: panic: no database (Nomad: Failed due to unhealthy allocations)"
      })
      assert.strictEqual((yield* story.registered).length, 1)
    })
  )

  story(
    "S6: a register whose answer is lost is found by its marker",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/job", when: "after", times: 1 })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.deepStrictEqual(yield* story.states, ["succeeded"])
    })
  )

  story(
    "S6: a register that never arrived is not sent again while it could still arrive",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/job", when: "before", times: 1 })
      yield* story.push("v1.1.0")
      // The 45 seconds are Postgres's, which do not pass here.
      yield* intervals(5)
      assert.deepStrictEqual(yield* story.registered, [])
      assert.strictEqual(yield* story.decision, "Settle")
      assert.deepStrictEqual(yield* story.states, ["unknown"])
    })
  )

  story(
    "S6: and is sent as a new attempt once it can not",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/job", when: "before", times: 1 })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.deepStrictEqual(yield* story.states, ["aborted", "succeeded"])
    }).pipe(Effect.provideService(LostRegisterLife, Duration.zero))
  )

  story(
    "S3: somebody else's write between read and register is a conflict, decided anew",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const deployer = yield* Deployer
      let wrote = false
      const intervened = Deployer.of({
        ...deployer,
        edit: (...args) =>
          Effect.tap(deployer.edit(...args), ({ imageSent }) => {
            if (wrote) return Effect.void
            wrote = true
            const image = imageSent.replace(/:v1\.1\.0@.*/, ":v1.0.0")
            return Effect.orDie(nomad.register(sampleJob({ id: "api", image, count: 2 })))
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        assert.deepStrictEqual(yield* story.states, ["conflict", "succeeded"])
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        const job = (yield* nomad.job("default", "api")) as unknown as {
          readonly TaskGroups: ReadonlyArray<{ readonly Count: number }>
        }
        assert.strictEqual(job.TaskGroups[0]?.Count, 2)
      }).pipe(Effect.provideService(Deployer, intervened))
    })
  )

  story(
    "L7: who keeps writing the job is met with ever fewer attempts, and not with one at each write",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      const body = "Enforcing job modify index 7: job exists with conflicting job modify index: 9"
      yield* nomad.inject({ _tag: "Answer", method: "POST", path: "/v1/job", status: 500, body })
      yield* story.push("v1.1.0")
      yield* story.check
      yield* pass("60 seconds")
      const { length } = yield* story.attempts
      assert.isAtLeast(length, 4)
      assert.isAtMost(length, 9)
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual((yield* story.attempts).at(-1)?.state, "succeeded")
    })
  )

  story(
    "rule 16: what Nomad refuses is told in its words and not sent again and again",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      const words = "1 error occurred:\n\t* Missing job datacenters\n\n"
      yield* nomad.inject({ _tag: "Answer", method: "POST", path: "/v1/job", status: 500, body: words })
      yield* story.push("v1.1.0")
      yield* intervals(5)
      assert.strictEqual(yield* story.decision, "Stall rejected")
      assert.deepStrictEqual(yield* story.states, ["rejected"])
    })
  )

  story(
    "Nomad without a leader is waited for, and nothing is lost",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "NoLeader", hold: 0 })
      const digest = yield* story.push("v1.1.0")
      yield* intervals(4)
      assert.strictEqual(yield* story.decision, "Wait nomad_unreachable")
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "S12: rule 14: somebody's change is held against, told, and left behind by the next version",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.1.0", "v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* awhile
      assert.strictEqual(yield* story.decision, "Stall drift")
      assert.deepStrictEqual(yield* story.registered, [])
      const digest = yield* story.push("v1.2.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.2.0", digest)])
    })
  )

  story(
    "S21: a stopped job is not started",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* Effect.promise(() => fetch(`${nomad.url}/v1/job/api`, { method: "DELETE" }))
      yield* story.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Stall job_stopped")
      assert.deepStrictEqual(yield* story.registered, [])
    })
  )

  story(
    "S19: what ends by time ends by Postgres's clock, whatever ours says",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const { pool: sql } = yield* Database
      // Our own clock is the test's, in 1970: by it this hold would stand.
      const hold = { by: "ann", why: "freeze", until: new Date("2001-01-01"), resume: "manual", left: null }
      yield* sql`update repository set hold = ${sql.json(hold)}`
      const digest = yield* story.push("v1.1.0")
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "a job without deployments is followed by its allocations",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, { update: { MaxParallel: 0 } })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.deepInclude((yield* story.attempts)[0], { state: "succeeded", deploymentId: null })
    })
  )

  story(
    "mode plan registers nothing and says what it would",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], { mode: "plan" })
      yield* story.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Wait plan_mode")
      assert.deepStrictEqual(yield* story.registered, [])
    })
  )
})
