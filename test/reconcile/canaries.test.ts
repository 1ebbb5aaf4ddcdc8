import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import type { RolloutOrder } from "../../src/domain/Attempt.ts"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { follow } from "../../src/reconcile/follow.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { acceptedAttempt, newFence } from "../store/rows.ts"
import { watch, watchedAs } from "./loop.ts"
import { pass, Story, story } from "./story.ts"

const api = "api" as RepositoryName
const healthy: Partial<Watched> = { canary: "healthy", canarySoak: Duration.seconds(60) }
const canaries = (update: Record<string, number | boolean> = {}) => ({
  count: 2,
  update: { Canary: 1, ...update }
})
const sql = Effect.map(Database, ({ pool }) => pool)
/** By Postgres's clock, which does not pass here. */
const soaked = Effect.flatMap(
  sql,
  (sql) => sql`update attempt set canaries_since = canaries_since - interval '60 seconds'`
)
const lost = Effect.flatMap(
  sql,
  (sql) => sql`update attempt set order_sent_at = order_sent_at - interval '45 seconds'`
)
const states = (story: Story) =>
  Effect.map(story.attempts, (all) => all.map(({ toTag, state, phase }) => `${toTag} ${phase ?? state}`))
const audited = Effect.flatMap(StateStore, (store) => store.audit(api, 100)).pipe(
  Effect.map((entries) => entries.map(({ who, action }) => `${who}: ${action}`).toReversed())
)
/** Promotions and failings that reached Nomad, in their order. */
const steered = Effect.flatMap(NomadSimulator, ({ requests }) => requests).pipe(
  Effect.map((all) =>
    all.flatMap(({ path, status }) => {
      const verb = /^\/v1\/deployment\/(promote|fail)\//.exec(path)?.[1]
      return verb === undefined ? [] : [`${verb} ${status}`]
    })
  )
)
/** The person's word, and what comes of it at once; whether it could be taken. */
const order = (story: Story, order: RolloutOrder, why?: string) =>
  Effect.gen(function* () {
    const store = yield* StateStore
    const attempt = (yield* story.attempts).at(-1)
    assert.isDefined(attempt)
    const { ordered } = yield* store.orderRollout({
      repository: api,
      attempt: attempt.id,
      order,
      ...(why === undefined ? {} : { why }),
      by: "ann",
      from: ""
    })
    yield* pass("10 seconds")
    return ordered
  })
/** v1.1.0 has its canaries healthy. */
const waiting = Effect.fnUntraced(function* (
  change: Partial<Watched> = {},
  job: Partial<Parameters<typeof sampleJob>[0]> = canaries()
) {
  const story = yield* Story.begin(["v1.0.0"], change, job)
  const digest = yield* story.push("v1.1.0")
  yield* story.check
  yield* pass("10 seconds")
  return { story, digest, first: yield* story.push("v1.0.0") }
})

describe("canaries", () => {
  story(
    "wait for a person, who promotes them once: the rest follows, and it succeeds",
    Effect.gen(function* () {
      const { story, digest } = yield* waiting()
      assert.strictEqual(yield* story.decision, "Follow")
      assert.match(
        yield* story.words,
        /^1 of 1 canary of v1\.1\.0 healthy since .*Z; a person promotes or fails attempt .{36}$/
      )
      yield* pass("10 minutes")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 awaiting_promotion"])
      assert.deepStrictEqual(yield* steered, [])
      assert.isTrue(yield* order(story, "promote"))
      yield* pass("20 seconds")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 succeeded"])
      assert.deepStrictEqual(yield* steered, ["promote 200"])
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.includeMembers(yield* audited, ["ann: promotion ordered", "registrywatcher: promotion sent"])
    })
  )

  story(
    "are promoted once all have been healthy for the soak, and not before",
    Effect.gen(function* () {
      const { story } = yield* waiting(healthy)
      assert.match(
        yield* story.words,
        /^1 of 1 canary of v1\.1\.0 healthy since .*; promoted at .*Z if they stay so$/
      )
      yield* pass("2 minutes")
      assert.deepStrictEqual(yield* steered, [])
      yield* soaked
      yield* pass("90 seconds")
      assert.deepStrictEqual(yield* steered, ["promote 200"])
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 succeeded"])
    })
  )

  story(
    "of which one is restarted begin their soak anew",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const outcome = { _tag: "Exits", code: 1, runs: 30_000 } as const
      yield* nomad.setOutcome({ image: "v1.1.0", outcome, times: 1 })
      const { story } = yield* waiting(healthy, { ...canaries(), restarts: 5 })
      const before = (yield* story.attempts)[0]?.canariesSince
      yield* soaked
      yield* pass("70 seconds")
      const [attempt] = yield* story.attempts
      assert.deepStrictEqual(yield* steered, [])
      assert.isAbove(attempt?.canariesSince?.getTime() ?? 0, before?.getTime() ?? Infinity)
      yield* soaked
      yield* pass("70 seconds")
      assert.deepStrictEqual(yield* steered, ["promote 200"])
    })
  )

  story(
    "of which one ended after it was healthy are promoted by nobody: Nomad replaces none, and a person is asked",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      yield* nomad.setOutcome({ image: "v1.1.0", outcome: { _tag: "Exits", code: 1, runs: 20_000 } })
      const { story } = yield* waiting(healthy)
      yield* pass("20 seconds")
      yield* soaked
      yield* pass("3 minutes")
      assert.match(
        yield* story.words,
        /^0 of 1 canary of v1\.1\.0 healthy: 1 ended after it was healthy, and Nomad replaces none: a person fails attempt .{36}$/
      )
      assert.isFalse(yield* order(story, "promote"))
      assert.deepStrictEqual(yield* steered, [])
      assert.isTrue(yield* order(story, "fail"))
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 reverted"])
    })
  )

  for (const [sentence, update, decision] of [
    ["that Nomad promotes itself are left to it", { AutoPromote: true }, "InSync"],
    ["that there are none of are not waited for", { Canary: 0 }, "InSync"]
  ] as const) {
    story(
      sentence,
      Effect.gen(function* () {
        const { story } = yield* waiting(healthy, canaries(update))
        yield* pass("20 seconds")
        assert.deepStrictEqual(yield* states(story), ["v1.1.0 succeeded"])
        assert.deepStrictEqual(yield* steered, [])
        assert.strictEqual(yield* story.decision, decision)
      })
    )
  }

  story(
    "S13: wait for a person while auto_deploy is off, and go on when it is on again",
    Effect.gen(function* () {
      const { story } = yield* waiting(healthy)
      yield* story.change({ autoDeploy: false })
      yield* soaked
      yield* pass("2 minutes")
      assert.deepStrictEqual(yield* steered, [])
      assert.include(yield* story.words, "auto_deploy is off: a person promotes or fails attempt")
      yield* story.change({ autoDeploy: true })
      assert.deepStrictEqual(yield* steered, ["promote 200"])
    })
  )

  story(
    "S16: rule 6: a newer version takes the place of those that wait, and its own are waited for",
    Effect.gen(function* () {
      const { story } = yield* waiting(healthy)
      yield* story.push("v1.2.0")
      yield* story.check
      yield* soaked
      yield* pass("10 seconds")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 superseded", "v1.2.0 awaiting_promotion"])
      assert.deepStrictEqual(yield* steered, [])
      yield* soaked
      yield* pass("70 seconds")
      assert.deepStrictEqual(yield* steered, ["promote 200"])
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 superseded", "v1.2.0 succeeded"])
    })
  )

  story(
    "S24: that could not be read in this pass are not promoted by what they were in one before, whatever the pass turned to",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      // What is not told of the deployment is not known before the job is read anew.
      yield* nomad.inject({
        _tag: "Answer",
        status: 403,
        body: "Permission denied",
        path: "/v1/event/stream"
      })
      const { story } = yield* waiting(healthy)
      const id = (yield* story.attempts)[0]?.deploymentId ?? assert.fail("no deployment")
      yield* nomad.inject({ _tag: "Answer", status: 500, body: "rpc error", path: `/v1/deployment/${id}` })
      yield* soaked
      yield* Effect.promise(() =>
        fetch(`${nomad.url}/v1/deployment/pause/${id}`, {
          method: "POST",
          body: JSON.stringify({ DeploymentID: id, Pause: true })
        })
      )
      yield* story.push("v1.2.0")
      // A newer version is to be deployed, and is not, as the deployment is found to be paused.
      yield* story.check
      assert.strictEqual(yield* story.decision, "Follow")
      assert.deepStrictEqual(yield* story.registered, [
        story.at("v1.1.0", (yield* story.attempts)[0]?.toDigest ?? "")
      ])
      assert.deepStrictEqual(yield* steered, [])
    })
  )

  for (const [when, sends] of [
    ["after", ["promote null"]],
    ["before", ["promote null", "promote 200"]]
  ] satisfies ReadonlyArray<readonly ["before" | "after", Array<string>]>) {
    story(
      `S6: L4: a promotion whose answer is lost ${when} Nomad had it, and its leader with it, is settled by reading: promoted once`,
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        const registry = yield* RegistrySimulator
        const story = new Story("api", registry.origin.host)
        yield* story.push("v1.0.0")
        yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, ...canaries() }))
        yield* pass("10 seconds")
        const begin = watch([watchedAs("api", story.host, healthy)])
        const leader = yield* begin
        yield* pass("2 seconds")
        yield* story.push("v1.1.0")
        yield* story.check
        yield* pass("10 seconds")
        yield* nomad.inject({ _tag: "Drop", path: "/v1/deployment/promote", when, times: 1 })
        yield* soaked
        yield* pass("60 seconds")
        yield* Fiber.interrupt(leader)
        yield* begin
        yield* pass("40 seconds")
        assert.deepStrictEqual(yield* steered, sends.slice(0, 1))
        yield* lost
        yield* pass("75 seconds")
        assert.deepStrictEqual(yield* steered, sends)
        assert.deepStrictEqual(yield* states(story), ["v1.1.0 succeeded"])
      })
    )
  }

  story(
    "of two people who promote at once one has the word, and it is sent once",
    Effect.gen(function* () {
      const { story } = yield* waiting()
      const store = yield* StateStore
      const [attempt] = yield* story.attempts
      assert.isDefined(attempt)
      const asked = { repository: api, attempt: attempt.id, order: "promote", from: "" } as const
      const answers = yield* Effect.all(
        ["ann", "bob"].map((by) => store.orderRollout({ ...asked, by })),
        { concurrency: "unbounded" }
      )
      assert.sameMembers(
        answers.map(({ ordered }) => ordered),
        [false, true]
      )
      yield* pass("30 seconds")
      assert.deepStrictEqual(yield* steered, ["promote 200"])
    })
  )

  story(
    "L7: that a person changes something about at each try are tried ever less often",
    Effect.gen(function* () {
      const store = yield* StateStore
      let tries = 0
      const busy = StateStore.of({ ...store, sendOrder: () => Effect.sync(() => ++tries < 0) })
      yield* Effect.gen(function* () {
        const { story } = yield* waiting()
        assert.isTrue(yield* order(story, "promote"))
        yield* pass("50 seconds")
        assert.isAtLeast(tries, 4)
        assert.isAtMost(tries, 12)
      }).pipe(Effect.provideService(StateStore, busy))
    })
  )

  story(
    "that our token may not promote say which right is missing, and are promoted once it is there",
    Effect.gen(function* () {
      const { story } = yield* waiting()
      const nomad = yield* NomadSimulator
      const answer = { _tag: "Answer", status: 403, body: "Permission denied" } as const
      yield* nomad.inject({ ...answer, path: "/v1/deployment/promote" })
      assert.isTrue(yield* order(story, "promote"))
      assert.strictEqual(yield* story.decision, "Wait forbidden")
      assert.include(yield* story.words, "promote-deployment (submit-job before Nomad 1.11.2)")
      const store = yield* StateStore
      const told = yield* store.decisions(api, 100)
      yield* pass("2 minutes")
      assert.isAbove((yield* steered).length, 2)
      assert.deepStrictEqual(yield* store.decisions(api, 100), told)
      yield* nomad.clearFaults
      yield* pass("75 seconds")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 succeeded"])
      assert.deepStrictEqual(
        (yield* audited).filter((entry) => entry.includes("promotion")),
        [
          "ann: promotion ordered",
          "registrywatcher: promotion sent",
          "registrywatcher: promotion not taken by Nomad",
          "registrywatcher: promotion taken by Nomad"
        ]
      )
    })
  )

  story(
    "that Nomad does not find healthy drop the order: it is asked for again",
    Effect.gen(function* () {
      const { story } = yield* waiting()
      const nomad = yield* NomadSimulator
      const words = '1 error occurred:\n\t* Task group "api" has 0/1 healthy allocations\n\n'
      const path = "/v1/deployment/promote"
      yield* nomad.inject({ _tag: "Answer", status: 500, body: words, path, times: 1 })
      assert.isTrue(yield* order(story, "promote"))
      yield* pass("2 minutes")
      assert.deepStrictEqual(yield* steered, ["promote 500"])
      assert.include(yield* audited, "registrywatcher: promote refused by Nomad")
      assert.isTrue(yield* order(story, "promote"))
      assert.deepStrictEqual(yield* steered, ["promote 500", "promote 200"])
    })
  )

  story(
    "that Nomad refuses to promote are not sent again and again where they need no soak",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const answer = { _tag: "Answer", status: 404, body: "deployment not found" } as const
      yield* nomad.inject({ ...answer, path: "/v1/deployment/promote" })
      yield* waiting({ ...healthy, canarySoak: Duration.zero })
      yield* pass("3 minutes")
      const { length } = yield* steered
      assert.isAtLeast(length, 3)
      assert.isAtMost(length, 7)
    })
  )
})

describe("a rollout that a person fails", () => {
  story(
    "S11: is rolled back by Nomad, and is not tried again by itself; what is newer is",
    Effect.gen(function* () {
      const { story, first } = yield* waiting()
      assert.isTrue(yield* order(story, "fail", "errors in the canary"))
      yield* pass("10 minutes")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 reverted"])
      assert.match(
        (yield* story.attempts)[0]?.words ?? "",
        /^failed by ann: errors in the canary \(Deployment marked as failed - rolling back to job version 0\)$/
      )
      assert.strictEqual(yield* story.running, `${story.image}:v1.0.0`)
      assert.isString(first)
      assert.deepStrictEqual(yield* steered, ["fail 200"])
      yield* story.push("v1.2.0")
      yield* story.check
      assert.deepStrictEqual((yield* states(story)).slice(1), ["v1.2.0 awaiting_promotion"])
    })
  )

  story(
    "S11: without auto_revert stays in the job as failed: its canaries end, and a person is asked",
    Effect.gen(function* () {
      const { story } = yield* waiting({}, { ...canaries(), autoRevert: false })
      assert.isTrue(yield* order(story, "fail"))
      yield* pass("10 minutes")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 failed"])
      assert.strictEqual(yield* story.decision, "Stall rollout_failed")
      assert.include(yield* story.words, "failed by ann (Deployment marked as failed)")
      assert.deepStrictEqual(yield* steered, ["fail 200"])
    })
  )

  story(
    "S11: T16: ends before what is newer comes, and needs no canaries",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"], {}, { minHealthyTime: 20_000, count: 2 })
      const nomad = yield* NomadSimulator
      yield* pass("60 seconds")
      yield* story.push("v1.1.0")
      yield* story.check
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 rolling"])
      yield* nomad.inject({ _tag: "Answer", status: 429, path: "/v1/deployment/fail" })
      yield* story.push("v1.2.0")
      assert.isTrue(yield* order(story, "fail"))
      yield* story.check
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 rolling"])
      yield* nomad.clearFaults
      yield* pass("75 seconds")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 reverted", "v1.2.0 succeeded"])
    })
  )

  story(
    "S11: that Nomad refuses to fail says so, is promoted by nobody else, and may be failed again",
    Effect.gen(function* () {
      const { story } = yield* waiting(healthy)
      const nomad = yield* NomadSimulator
      const body = "deployment not found"
      yield* nomad.inject({ _tag: "Answer", status: 404, body, path: "/v1/deployment/fail", times: 1 })
      assert.isTrue(yield* order(story, "fail"))
      assert.match(
        yield* story.words,
        /; a person promotes or fails attempt .{36}; Nomad refused to fail it, as ann ordered: deployment not found$/
      )
      yield* soaked
      yield* pass("2 minutes")
      assert.deepStrictEqual(yield* steered, ["fail 404"])
      assert.isTrue(yield* order(story, "fail"))
      assert.deepStrictEqual(yield* steered, ["fail 404", "fail 200"])
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 reverted"])
    })
  )

  for (const [what, status, nomadsWords] of [
    ["Nomad hears of it", 429, ""],
    ["it can fail", 404, " (gone)"]
  ] as const) {
    story(
      `S11: that succeeds before ${what} says so, and stays unwanted once it is left`,
      Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"], {}, { minHealthyTime: 20_000 })
        const nomad = yield* NomadSimulator
        yield* pass("60 seconds")
        const digest = yield* story.push("v1.1.0")
        yield* story.check
        yield* nomad.inject({ _tag: "Answer", status, body: "gone", path: "/v1/deployment/fail" })
        assert.isTrue(yield* order(story, "fail", "errors"))
        yield* pass("60 seconds")
        const [attempt] = yield* story.attempts
        assert.strictEqual(attempt?.state, "succeeded")
        assert.isTrue(
          attempt?.words?.endsWith(`; ann ordered too late that it fails${nomadsWords}`),
          attempt?.words ?? ""
        )
        assert.strictEqual(yield* story.decision, "InSync")
        const kept = (yield* Effect.flatMap(StateStore, (store) => store.elections([api]))).get(
          api
        )?.quarantine
        assert.deepStrictEqual(
          kept?.map(({ digest, why }) => [digest, why]),
          [[digest, "failed by ann: errors"]]
        )
      })
    )
  }

  story(
    "S11: whose place a person's order takes before it failed is not tried again by itself either",
    Effect.gen(function* () {
      const { story } = yield* waiting()
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", status: 429, path: "/v1/deployment/fail" })
      assert.isTrue(yield* order(story, "fail"))
      yield* story.change({ request: "redeploy", requestTag: tag("v1.0.0") })
      yield* pass("1 minute")
      yield* order(story, "promote")
      yield* nomad.clearFaults
      yield* pass("10 minutes")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 superseded", "v1.0.0 succeeded"])
    })
  )

  story(
    "S14: may be one that is being promoted; the promotion is not sent any more",
    Effect.gen(function* () {
      const { story } = yield* waiting()
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", status: 429, path: "/v1/deployment/promote" })
      assert.isTrue(yield* order(story, "promote"))
      assert.isTrue(yield* order(story, "fail"))
      assert.isFalse(yield* order(story, "promote"))
      yield* nomad.clearFaults
      yield* pass("2 minutes")
      assert.deepStrictEqual(yield* states(story), ["v1.1.0 reverted"])
      assert.notInclude(yield* steered, "promote 200")
    })
  )

  story(
    "is told in their words, also when it was ordered while the rollout was being read",
    Effect.gen(function* () {
      const store = yield* StateStore
      const deployer = yield* Deployer
      yield* store.adopt([watchedAs("api", "registry.test")])
      const fence = yield* newFence
      const { id } = yield* acceptedAttempt(fence, { repository: api })
      const rollout = { phase: "rolling", words: "", nomadVersion: 4, deploymentId: "d1" } as const
      yield* store.setPhase(fence, id, rollout)
      const attempts = yield* store.attempts(api, 1)
      const ended = {
        _tag: "Ended",
        outcome: "reverted",
        deploymentId: "d1",
        nomadVersion: 4,
        words: "rolling back",
        blame: "unknown",
        swallowed: false,
        revertedTo: []
      } as const
      const pool = yield* sql
      // Not by the store: nobody listens for what it would tell.
      const failed = pool`
        update attempt set ordered = 'fail', ordered_by = 'ann', ordered_why = 'slow', ordered_deployment = 'd1'
        where id = ${id}::uuid`
      const progress = () => failed.pipe(Effect.orDie, Effect.as(new Map([[id, ended]])))
      yield* follow(fence, attempts, () => undefined).pipe(
        Effect.provideService(Deployer, Deployer.of({ ...deployer, progress }))
      )
      assert.deepInclude(yield* store.attempt(id), {
        state: "reverted",
        words: "failed by ann: slow (rolling back)",
        blame: "image"
      })
    })
  )
})
