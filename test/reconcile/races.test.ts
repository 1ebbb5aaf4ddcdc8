import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber, Logger, Redacted, Stream } from "effect"
import { type Edit, Deployer } from "../../src/deployer/Deployer.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { LostRegisterLife } from "../../src/reconcile/settle.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Leader } from "../../src/store/Leader.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))
const api = "api" as RepositoryName

/** As `Story.begin`, with the leader in hand, so that it can be lost. */
const led = Effect.fnUntraced(function* (first: string, change: Partial<Watched> = {}) {
  const nomad = yield* NomadSimulator
  const registry = yield* RegistrySimulator
  const { host } = registry.origin
  const story = new Story("api", host)
  yield* registry.push("api", first)
  yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:${first}` }))
  yield* pass("10 seconds")
  const begin = watch([watchedAs("api", host, change)])
  const leader = yield* begin
  yield* pass("2 seconds")
  return { story, leader, begin, host }
})

/** Real time, enough for a notification. */
const untilTold = Effect.promise(() => new Promise((told) => setTimeout(told, 200)))

/** Real time in which what runs side by side would meet. */
const aMoment = Effect.promise(() => new Promise((over) => setTimeout(over, 5)))

const foreignWrites = Effect.gen(function* () {
  const store = yield* StateStore
  const history = yield* store.history(api, { region: "", namespace: "default", job: "api" }, [])
  return history.foreignWritesLastHour
})

/** Reads of the job are answered so, until it is told otherwise. */
const answersOld = (body: string, headers: Readonly<Record<string, string>> = {}) =>
  Effect.flatMap(NomadSimulator, (nomad) =>
    nomad.inject({ _tag: "Answer", method: "GET", path: "/v1/job/api?", status: 200, body, headers })
  )

describe("what happens in between", () => {
  story(
    "S10: a chart at the highest tag is passed over for the next version that is an image",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      const chart = {
        schemaVersion: 2,
        mediaType: "application/vnd.oci.image.manifest.v1+json",
        config: {
          mediaType: "application/vnd.cncf.helm.config.v1+json",
          digest: `sha256:${"a".repeat(64)}`,
          size: 2
        },
        layers: []
      }
      yield* registry.pushManifest("api", "v1.2.0", chart.mediaType, JSON.stringify(chart))
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      yield* registry.clearRequests
      yield* intervals(10)
      // One listing each and an hourly look: the chart is not asked for again and again.
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 12)
      const image = yield* story.push("v1.2.0")
      yield* intervals(62)
      assert.strictEqual(yield* story.running, story.at("v1.2.0", image))
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
        assert.deepStrictEqual(
          (yield* story.attempts).map(({ state }) => state),
          ["submitted"]
        )
      }).pipe(Effect.provideService(Leader, failing))
    })
  )

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
    "S4: with a Nomad that takes both, a register that comes late makes no second version",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const nomad = yield* NomadSimulator
      const late: Array<Edit> = []
      const slow = Deployer.of({
        ...deployer,
        register: (edit) => {
          if (late.length > 0) return deployer.register(edit)
          late.push(edit)
          return Effect.succeed({ _tag: "Unknown", words: "no answer within 10 seconds" })
        }
      })
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
        assert.deepStrictEqual(
          (yield* story.attempts).map(({ state }) => state),
          ["succeeded"]
        )
      }).pipe(Effect.provideService(Deployer, slow))
    })
  )

  story(
    "S4: S2: with check-and-set intact and the lock lost, a register that comes after its successor is refused",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const late: Array<Edit> = []
      const slow = Deployer.of({
        ...deployer,
        register: (edit) => {
          if (late.length > 0) return deployer.register(edit)
          late.push(edit)
          return Effect.succeed({ _tag: "Unknown", words: "no answer within 10 seconds" })
        }
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        yield* intervals(3)
        assert.deepStrictEqual(
          (yield* story.attempts).map(({ state }) => state),
          ["aborted", "succeeded"]
        )
        const [first] = late
        assert.isDefined(first)
        assert.strictEqual((yield* deployer.register(first))._tag, "Conflict")
        yield* intervals(2)
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        assert.strictEqual((yield* story.attempts).length, 2)
      }).pipe(Effect.provideService(Deployer, slow), Effect.provideService(LostRegisterLife, Duration.zero))
    })
  )

  for (const [sentence, headers] of [
    ["of a server that fell behind", {}],
    ["of a server that knows no leader", { "X-Nomad-KnownLeader": "false" }]
  ] as const) {
    story(
      `S24: nothing is decided on an old read, ${sentence}`,
      Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const nomad = yield* NomadSimulator
        const read = Effect.promise(() =>
          fetch(`${nomad.url}/v1/job/api?namespace=default`).then((answer) => answer.text())
        )
        const before = yield* read
        const digest = yield* story.push("v1.1.0")
        yield* awhile
        // Newer than what was seen, so that only the leader it does not know speaks against it.
        const ahead = before.replace(/"ModifyIndex":\d+/g, '"ModifyIndex":9000')
        yield* answersOld("X-Nomad-KnownLeader" in headers ? ahead : before, headers)
        // What it says would be somebody's change back, over which v1.2.0 goes.
        yield* story.push("v1.2.0")
        yield* intervals(1)
        assert.strictEqual(yield* story.decision, "Wait nomad_unreachable")
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
        yield* nomad.clearFaults
        yield* intervals(2)
        assert.strictEqual(yield* story.decision, "InSync")
        assert.deepStrictEqual(
          (yield* story.attempts).map(({ toTag, state }) => `${toTag} ${state}`),
          ["v1.1.0 succeeded", "v1.2.0 succeeded"]
        )
      })
    )
  }

  story(
    "S10: a tag that moves between look and manifest is deployed as the manifest is",
    Effect.gen(function* () {
      const client = yield* RegistryClient
      const registry = yield* RegistrySimulator
      let moved: string | null = null
      const moving = RegistryClient.of({
        ...client,
        resolve: (image, name) =>
          Effect.tap(client.resolve(image, name), () =>
            moved === null && name === "stable"
              ? Effect.map(registry.push("api", "stable", "two"), (digest) => (moved = digest))
              : Effect.void
          )
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        yield* story.push("stable", "one")
        yield* story.change({ pinnedTag: tag("stable"), request: "pin" })
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("stable", moved ?? "")])
      }).pipe(Effect.provideService(RegistryClient, moving))
    })
  )

  story(
    "S16: two repositories of one job are passed over one after another",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      let [now, most] = [0, 0]
      const slow = Deployer.of({
        ...deployer,
        observe: (mapping) =>
          Effect.acquireUseRelease(
            Effect.sync(() => (most = Math.max(most, ++now))),
            () => Effect.andThen(inFlight.countedEffect(aMoment), deployer.observe(mapping)),
            () => Effect.sync(() => now--)
          )
      })
      const { host } = registry.origin
      const names = ["api", "worker"]
      for (const name of names) yield* registry.push(name, "v1.0.0")
      yield* nomad.register(
        sampleJob({
          id: "api",
          image: `${host}/api:v1.0.0`,
          others: [{ task: "worker", image: `${host}/worker:v1.0.0` }]
        })
      )
      yield* pass("10 seconds")
      yield* Effect.gen(function* () {
        const { mapping } = watchedAs("api", host)
        yield* watch(
          names.map((name) => ({
            ...watchedAs(name, host),
            mapping: { ...mapping, tasks: [name], imageNames: [`${host}/${name}`] }
          }))
        )
        yield* pass("2 seconds")
        for (const name of names) yield* registry.push(name, "v1.1.0")
        yield* intervals(4)
        assert.strictEqual((yield* nomad.registers).length, 2)
        const store = yield* StateStore
        for (const name of names) {
          const attempts = yield* store.attempts(name as RepositoryName, 10)
          assert.deepStrictEqual(
            attempts.map(({ state }) => state),
            ["succeeded"]
          )
        }
        assert.strictEqual(most, 1)
      }).pipe(Effect.provideService(Deployer, slow))
    })
  )

  story(
    "S20: what somebody changed while nobody led is their change, not first sight",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* led("v1.1.0")
      const nomad = yield* NomadSimulator
      yield* story.push("v1.0.0")
      yield* Fiber.interrupt(leader)
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* pass("10 seconds")
      yield* begin
      yield* intervals(2)
      assert.strictEqual(yield* story.decision, "Stall drift")
      assert.deepStrictEqual(yield* story.registered, [])
      assert.strictEqual(yield* foreignWrites, 1)
    })
  )

  story(
    "S20: a repository that is mapped to another job takes what that one runs for no drift",
    Effect.gen(function* () {
      const { story, leader, host } = yield* led("v1.1.0")
      const nomad = yield* NomadSimulator
      yield* story.push("v1.0.0")
      yield* nomad.register(sampleJob({ id: "other", image: `${story.image}:v1.0.0`, task: "api" }))
      yield* Fiber.interrupt(leader)
      const mapped = watchedAs("api", host)
      yield* watch([
        { ...mapped, mapping: { ...mapped.mapping, job: { ...mapped.mapping.job, job: "other" } } }
      ])
      yield* awhile
      assert.strictEqual(yield* story.decision, "InSync")
      assert.strictEqual((yield* story.registered).length, 1)
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
        const digest = yield* story.push("stable")
        yield* store.change({
          repository: api,
          by: "ann",
          from: "",
          pinnedTag: tag("stable"),
          request: "pin"
        })
        // Nobody listens: the change is not under way any more.
        yield* inFlight.unheard
        yield* awhile
        assert.deepStrictEqual(yield* story.registered, [story.at("stable", digest)])
      }).pipe(Effect.provideService(StateStore, deaf))
    })
  )

  story(
    "S11: what Nomad rolled back while nobody led is not sent again, nor taken for somebody's write",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* led("v1.0.0", { drift: "restore" })
      yield* story.push("v1.1.0-bad")
      yield* story.change({ pinnedTag: tag("v1.1.0-bad"), request: "pin" })
      assert.strictEqual((yield* story.registered).length, 1)
      yield* Fiber.interrupt(leader)
      yield* pass("60 seconds")
      assert.strictEqual(yield* story.running, `${story.image}:v1.0.0`)
      yield* begin
      yield* intervals(3)
      assert.strictEqual((yield* story.registered).length, 1)
      assert.strictEqual((yield* story.attempts)[0]?.state, "reverted")
      assert.strictEqual(yield* foreignWrites, 0)
    })
  )

  story(
    "S12: one write of somebody else counts once, though our register over it was lost",
    Effect.gen(function* () {
      const { story } = yield* led("v1.1.0", { drift: "restore" })
      const nomad = yield* NomadSimulator
      yield* story.push("v1.0.0")
      yield* nomad.inject({ _tag: "Drop", method: "POST", path: "/v1/job", when: "before", times: 1 })
      yield* nomad.register(sampleJob({ id: "api", image: `${story.image}:v1.0.0` }))
      yield* intervals(3)
      assert.deepStrictEqual(
        (yield* story.attempts).map(({ state }) => state),
        ["aborted", "succeeded"]
      )
      assert.strictEqual(yield* foreignWrites, 1)
    }).pipe(Effect.provideService(LostRegisterLife, Duration.zero))
  )

  story(
    "S14: a person's change is not lost to a pass that is reading just then",
    Effect.gen(function* () {
      const store = yield* StateStore
      let isArmed = false
      const click = store.change({
        repository: api,
        by: "ann",
        from: "",
        pinnedTag: tag("old"),
        request: "pin"
      })
      // The change commits, and is told, between the reads of desired state and of history.
      const slow = StateStore.of({
        ...store,
        history: (...args) =>
          isArmed
            ? Effect.suspend(() => {
                isArmed = false
                return click.pipe(
                  Effect.catchTag("StaleGeneration", Effect.die),
                  Effect.andThen(inFlight.countedEffect(untilTold)),
                  Effect.andThen(store.history(...args))
                )
              })
            : store.history(...args)
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"])
        const digest = yield* story.push("old")
        isArmed = true
        yield* store.change({ repository: api, by: "ann", from: "", autoDeploy: false })
        yield* pass("5 seconds")
        assert.deepStrictEqual(yield* story.registered, [story.at("old", digest)])
      }).pipe(Effect.provideService(StateStore, slow))
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

  story(
    "L13: a job whose source cannot be read is waited for by name",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", path: "/submission", status: 500, body: "broken" })
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.strictEqual(yield* story.decision, "Wait nomad_unreachable")
      assert.deepStrictEqual(yield* story.attempts, [])
      yield* nomad.clearFaults
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
    })
  )

  story(
    "a rollout is told when it moves, not at every look",
    Effect.gen(function* () {
      let told = 0
      const counting = Logger.layer([
        Logger.make(({ message }) => {
          if (String(message) === "rollout") told++
        })
      ])
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"], {}, { minHealthyTime: 20_000 })
        yield* story.push("v1.1.0")
        yield* intervals(2)
        assert.deepInclude((yield* story.attempts)[0], { state: "succeeded" })
        assert.isAtLeast(told, 1)
        assert.isAtMost(told, 2)
      }).pipe(Effect.provide(counting))
    })
  )

  story(
    "a request that a new leader finds is answered by what the registry has now",
    Effect.gen(function* () {
      const { story, leader, begin } = yield* led("v1.1.0")
      const old = yield* story.push("v1.0.0")
      yield* story.change({ pinnedTag: tag("v1.0.0"), request: "pin" })
      yield* awhile
      yield* Fiber.interrupt(leader)
      yield* pass("2 seconds")
      const store = yield* StateStore
      const digest = yield* story.push("v1.2.0")
      yield* store.change({ repository: api, by: "ann", from: "", pinnedTag: "", request: "reset" })
      // Nobody listens for it.
      yield* inFlight.unheard
      yield* begin
      yield* awhile
      assert.deepStrictEqual(yield* story.registered, [story.at("v1.0.0", old), story.at("v1.2.0", digest)])
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
      assert.deepStrictEqual(
        (yield* story.attempts).map(({ state }) => state),
        ["succeeded"]
      )
    })
  )

  story(
    "S11: a digest in quarantine is not tried under another tag, and its manifest is asked for once",
    Effect.gen(function* () {
      const story = yield* Story.begin(["v1.0.0"])
      const registry = yield* RegistrySimulator
      yield* story.push("bad", "same")
      yield* story.change({ pinnedTag: tag("bad"), request: "pin" })
      yield* intervals(2)
      yield* story.change({ pinnedTag: "", request: "reset" })
      yield* story.push("v1.1.0", "same")
      yield* intervals(2)
      assert.strictEqual((yield* story.registered).length, 1)
      assert.strictEqual(yield* story.decision, "InSync")
      const digest = yield* story.push("v1.2.0")
      yield* registry.clearRequests
      yield* awhile
      assert.strictEqual((yield* story.registered).at(-1), story.at("v1.2.0", digest))
      // A listing or two, and one manifest.
      assert.isAtMost((yield* registry.requestCounts).get("api") ?? 0, 4)
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
      assert.deepStrictEqual(
        (yield* story.attempts).map(({ state }) => state),
        ["lost", "succeeded"]
      )
    })
  )

  story(
    "S18: the rollout of a repository that is watched in another job now is followed no more",
    Effect.gen(function* () {
      const { story, leader, host } = yield* led("v1.0.0")
      yield* story.push("v1.1.0-slow")
      yield* story.change({ pinnedTag: tag("v1.1.0-slow"), request: "pin" })
      assert.strictEqual((yield* story.attempts)[0]?.state, "accepted")
      yield* Fiber.interrupt(leader)
      const { mapping } = watchedAs("api", host)
      yield* watch([
        watchedAs("api", host, { mapping: { ...mapping, job: { ...mapping.job, job: "next" } } })
      ])
      yield* pass("2 seconds")
      assert.strictEqual((yield* story.attempts)[0]?.state, "superseded")
    })
  )

  story(
    "L9: a leader that begins reads its jobs one after another, not all at once",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const registry = yield* RegistrySimulator
      const names = Array.from({ length: 100 }, (_, n) => `repo-${n}`)
      for (const name of names) {
        yield* registry.push(name, "v1.0.0")
        yield* nomad.register(sampleJob({ id: name, image: `${registry.origin.host}/${name}:v1.0.0` }))
      }
      yield* pass("10 seconds")
      yield* watch(names.map((name) => watchedAs(name, registry.origin.host)))
      yield* pass("1 second")
      // Two reads a job, spread over five seconds.
      assert.isAtMost((yield* nomad.requests).length, 90)
      yield* pass("6 seconds")
      assert.isAtLeast((yield* nomad.requests).length, 200)
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
