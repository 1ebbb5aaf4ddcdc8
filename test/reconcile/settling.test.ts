import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { Deployer, type Edit } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { LostRegisterLife } from "../../src/reconcile/settle.ts"
import { Fault, NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
/** The 45 seconds are Postgres's, which do not pass here. */
const atOnce = Effect.provideService(LostRegisterLife, Duration.zero)

const onRegister = { method: "POST", path: "/v1/job" } as const
const answer = (status: number, body: string) =>
  Fault.cases.Answer.make({ ...onRegister, status, body, times: 1 })
const retaken = "intended submitted intended accepted succeeded"
const anew = "intended submitted accepted succeeded"

describe("S6: what an answer to a register proves", () => {
  const answers: ReadonlyArray<readonly [sentence: string, fault: Fault, ways: ReadonlyArray<string>]> = [
    ["400: Nomad refuses the job", answer(400, "Job must be specified"), ["intended submitted rejected"]],
    [
      "a validator's text",
      answer(500, "1 error occurred:\n\t* Missing job datacenters"),
      ["intended submitted rejected"]
    ],
    [
      "the check-and-set text",
      answer(500, "Enforcing job modify index 7: job exists with conflicting job modify index: 9"),
      ["intended submitted conflict", anew]
    ],
    ["403: nothing was applied", answer(403, "Permission denied"), [retaken]],
    ["429: nothing was applied", Fault.cases.TooManyConnections.make({ ...onRegister, times: 1 }), [retaken]],
    ["no leader: nothing was applied", answer(500, "rpc error: No cluster leader"), [retaken]],
    [
      "leadership lost: it may have been",
      answer(500, "leadership lost while committing log"),
      ["intended submitted unknown intended aborted", anew]
    ],
    [
      "a proxy's 502: it may have been",
      answer(502, "bad gateway"),
      ["intended submitted unknown intended aborted", anew]
    ],
    [
      "a reset before it arrived",
      Fault.cases.Drop.make({ ...onRegister, when: "before", times: 1 }),
      ["intended submitted unknown intended aborted", anew]
    ],
    [
      "a reset after it was taken",
      Fault.cases.Drop.make({ ...onRegister, when: "after", times: 1 }),
      ["intended submitted unknown accepted succeeded"]
    ]
  ]
  for (const [sentence, fault, ways] of answers) {
    story(
      `S6: ${sentence}`,
      Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const nomad = yield* NomadSimulator
        yield* nomad.inject(fault)
        const digest = yield* story.push("v1.1.0")
        yield* intervals(3)
        assert.deepStrictEqual(yield* story.ways, ways)
        const registered = ways.at(-1)?.endsWith("rejected") === true ? [] : [story.at("v1.1.0", digest)]
        assert.deepStrictEqual(yield* story.registered, registered)
      }).pipe(atOnce)
    )
  }

  story(
    "16: what Nomad refused is sent again under another config, and not by a restart",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* Story.led(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject(answer(400, "Job must be specified"))
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      yield* Fiber.interrupt(leader)
      const again = yield* begin
      yield* awhile
      assert.strictEqual(yield* story.decision, "Stall rejected")
      assert.deepStrictEqual(yield* story.registered, [])
      yield* Fiber.interrupt(again)
      yield* watch([watchedAs("api", story.host, { fingerprint: "another" })])
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "S6: a register that arrives after its time-out is found, and not sent again",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const late: Array<Edit> = []
      const register = (edit: Edit) => {
        if (late.push(edit) > 1) return deployer.register(edit)
        return Effect.succeed({ _tag: "Unknown" as const, words: "no answer within 10 seconds" })
      }
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        assert.deepStrictEqual(yield* story.ways, ["intended submitted unknown"])
        for (const edit of late) yield* deployer.register(edit)
        yield* intervals(2)
        assert.deepStrictEqual(yield* story.ways, ["intended submitted unknown accepted succeeded"])
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      }).pipe(Effect.provideService(Deployer, { ...deployer, register }))
    })
  )
})

/** Done, and never told of. */
const stuck = <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.andThen(effect, Effect.never)

describe("S7: a holder that is gone in the middle of an attempt", () => {
  type Services = { readonly store: StateStore["Service"]; readonly deployer: Deployer["Service"] }
  const points: ReadonlyArray<
    readonly [sentence: string, die: (of: Services) => Partial<Services>, ways: ReadonlyArray<string>]
  > = [
    [
      "before submitted",
      ({ store }) => ({ store: { ...store, submit: () => Effect.never } }),
      ["intended aborted", anew]
    ],
    [
      "before the bytes leave",
      ({ deployer }) => ({ deployer: { ...deployer, register: () => Effect.never } }),
      ["intended submitted intended aborted", anew]
    ],
    [
      "after Nomad took it",
      ({ deployer }) => ({ deployer: { ...deployer, register: (edit) => stuck(deployer.register(edit)) } }),
      [anew]
    ],
    [
      "after accepted",
      ({ store }) => ({ store: { ...store, accept: (...args) => stuck(store.accept(...args)) } }),
      [anew]
    ],
    ["before its end is written", ({ store }) => ({ store: { ...store, end: () => Effect.never } }), [anew]],
    [
      "after its end",
      ({ store }) => ({ store: { ...store, end: (...args) => stuck(store.end(...args)) } }),
      [anew]
    ]
  ]
  for (const [sentence, die, ways] of points) {
    story(
      `S2: S7: ${sentence}: one version, and the attempts say what happened`,
      Effect.gen(function* () {
        const [store, deployer] = [yield* StateStore, yield* Deployer]
        const dying = die({ store, deployer })
        const { story, leader, begin } = yield* Story.led(["v1.0.0"]).pipe(
          Effect.provideService(StateStore, dying.store ?? store),
          Effect.provideService(Deployer, dying.deployer ?? deployer)
        )
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        yield* Fiber.interrupt(leader)
        yield* begin
        yield* intervals(3)
        assert.deepStrictEqual(yield* story.ways, ways)
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        assert.strictEqual(yield* story.decision, "InSync")
        assert.deepInclude(yield* story.desired, { highWaterMark: tag("v1.1.0"), baselineTag: tag("v1.1.0") })
      }).pipe(atOnce)
    )
  }

  /** The holder dies with a register of v1.1.0 under way: taken, or lost. */
  const lostHolder = Effect.fnUntraced(function* (taken: boolean) {
    const deployer = yield* Deployer
    const register: (typeof deployer)["register"] = (edit) =>
      taken ? stuck(deployer.register(edit)) : Effect.never
    const led = yield* Story.led(["v1.0.0"]).pipe(Effect.provideService(Deployer, { ...deployer, register }))
    yield* led.story.push("v1.1.0")
    yield* awhile
    yield* Fiber.interrupt(led.leader)
    return led
  })

  story(
    "S6: submitted → conflict: somebody wrote the job meanwhile, which is decided on anew",
    Effect.gen(function* () {
      const { story, begin } = yield* lostHolder(false)
      const nomad = yield* NomadSimulator
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, count: 2 }))
      yield* begin
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.ways, ["intended submitted conflict", anew])
    })
  )

  story(
    "S6: submitted → unknown → lost: what cannot be told stalls, until a person gives it up",
    Effect.gen(function* () {
      const { story, begin } = yield* lostHolder(false)
      const nomad = yield* NomadSimulator
      for (let count = 2; count < 12; count++) {
        yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, count }))
      }
      yield* begin
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Stall unknown_outcome")
      assert.deepStrictEqual(yield* story.ways, ["intended submitted unknown"])
      const { pool: sql } = yield* Database
      // Whoever is to give it up reads its id there.
      const names = sql`select position((select id::text from attempt) in decision->>'words') > 0 as yes from decision`
      assert.deepStrictEqual(yield* names, [{ yes: true }])
      yield* sql`update repository set abandoned = (select id from attempt)`
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.ways, ["intended submitted unknown lost", anew])
      assert.isNull((yield* story.desired).abandoned)
    })
  )

  story(
    "S2: S6: the request that the lost attempt answers gives it up not, the next one does",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Drop", ...onRegister, when: "before", times: 1 })
      yield* story.push("stable")
      yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
      for (let count = 2; count < 12; count++) {
        yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, count }))
      }
      yield* intervals(3)
      assert.strictEqual(yield* story.decision, "Stall unknown_outcome")
      yield* story.change({ request: "redeploy" })
      yield* awhile
      assert.deepStrictEqual(yield* story.ways, ["intended submitted unknown lost", anew])
    })
  )

  story(
    "S18: an attempt on a job that nobody watches any more is settled all the same",
    Effect.gen(function* () {
      const { story } = yield* lostHolder(true)
      yield* watch([])
      yield* awhile
      assert.deepStrictEqual(yield* story.ways, ["intended submitted accepted superseded"])
    })
  )

  story(
    "S18: and once Nomad can be asked",
    Effect.gen(function* () {
      const { story } = yield* lostHolder(false)
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "NoLeader", hold: 0 })
      yield* watch([])
      yield* awhile
      assert.deepStrictEqual(yield* story.ways, ["intended submitted"])
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual(yield* story.ways, ["intended submitted intended aborted"])
    }).pipe(atOnce)
  )

  story(
    "S20: the job that a repository left says nothing of the one that it is mapped to now",
    Effect.gen(function* () {
      const { story } = yield* lostHolder(true)
      const nomad = yield* NomadSimulator
      yield* nomad.register(sampleJob({ id: "other", image: `${story.image}:v1.0.0`, task: "api" }))
      const { mapping, ...rest } = watchedAs("api", story.host)
      const other = { ...mapping, job: { ...mapping.job, job: "other" } }
      const store = yield* StateStore
      yield* store.change({ repository: "api" as RepositoryName, autoDeploy: false, by: "ann", from: "" })
      // Nobody listens for it.
      yield* inFlight.unheard
      yield* watch([{ ...rest, mapping: other }])
      yield* awhile
      assert.deepStrictEqual(yield* story.ways, ["intended submitted accepted superseded"])
      assert.strictEqual((yield* story.desired).baselineTag, "v1.0.0")
      assert.strictEqual(yield* story.decision, "Wait auto_deploy_off")
    })
  )

  story(
    "S18: a repository that is watched no more is not followed because another one shares its job",
    Effect.gen(function* () {
      const { story, leader } = yield* Story.led(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* story.push("v1.1.0-slow")
      yield* story.change({ pinnedTag: tag("v1.1.0-slow"), request: "pin" })
      yield* Fiber.interrupt(leader)
      yield* registry.push("worker", "v1.0.0")
      yield* watch([{ ...watchedAs("api", story.host), name: "worker" as RepositoryName, image: "worker" }])
      yield* pass("2 seconds")
      assert.deepStrictEqual(yield* story.ways, ["intended submitted accepted superseded"])
    })
  )
})

describe("while Nomad does not take a register", () => {
  const rows = Effect.gen(function* () {
    const { pool: sql } = yield* Database
    const [counts] = yield* sql`select (select count(*)::int from attempt) as attempts,
      (select count(*)::int from decision_history) as decisions, (select count(*)::int from audit) as audited`
    return counts
  })

  story(
    "L2: S7: waiting adds no row, and what is sent in the end is the same attempt",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", ...onRegister, status: 403, body: "Permission denied" })
      const digest = yield* story.push("v1.1.0")
      yield* intervals(2)
      const before = yield* rows
      yield* intervals(10)
      assert.deepStrictEqual(yield* rows, before)
      assert.strictEqual(yield* story.decision, "Wait forbidden")
      yield* nomad.clearFaults
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.ways, [retaken])
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      assert.strictEqual((yield* story.attempts)[0]?.words?.includes("Permission"), false)
    })
  )

  story(
    "S13: what was not taken is not sent after a switch-off",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", ...onRegister, status: 403, body: "Permission denied" })
      yield* story.push("v1.1.0")
      yield* awhile
      yield* story.change({ autoDeploy: false })
      yield* nomad.clearFaults
      yield* intervals(2)
      assert.deepStrictEqual(yield* story.ways, ["intended submitted intended aborted"])
      assert.strictEqual(yield* story.decision, "Wait auto_deploy_off")
    })
  )

  const changes: ReadonlyArray<
    readonly [
      sentence: string,
      change: (
        story: Story
      ) => Effect.Effect<unknown, unknown, NomadSimulator | RegistrySimulator | StateStore>
    ]
  > = [
    ["S16: a newer target", (story) => story.push("v1.2.0")],
    ["S10: another digest", (story) => story.push("v1.1.0", "another")],
    [
      "S15: a person's change",
      (story) => Effect.andThen(story.change({ autoDeploy: false }), story.change({ autoDeploy: true }))
    ],
    [
      "S3: somebody's write",
      (story) =>
        Effect.flatMap(NomadSimulator, (nomad) =>
          nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0`, count: 2 }))
        )
    ]
  ]
  for (const [sentence, change] of changes) {
    story(
      `${sentence} makes another attempt of what was not taken`,
      Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const nomad = yield* NomadSimulator
        yield* nomad.inject({ _tag: "Answer", ...onRegister, status: 403, body: "Permission denied" })
        yield* story.push("v1.1.0")
        yield* awhile
        yield* Effect.orDie(change(story))
        yield* intervals(2)
        yield* nomad.clearFaults
        yield* intervals(2)
        const ways = yield* story.ways
        assert.deepStrictEqual([ways[0], ways.at(-1)], ["intended submitted intended aborted", retaken])
        assert.strictEqual((yield* story.registered).length, 1)
      })
    )
  }
})
