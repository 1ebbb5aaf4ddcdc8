import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber, Metric, Queue, Stream } from "effect"
import { TestClock } from "effect/testing"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Hint } from "../../src/deployer/Hint.ts"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import type { Watched } from "../../src/domain/Watched.ts"
import type { Watch } from "../../src/reconcile/Reconciler.ts"
import { RegistryClient } from "../../src/registry/RegistryClient.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { tag } from "../decide/situations.ts"
import { watch, watchedAs } from "./loop.ts"
import { awhile, inFlight, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

/** First polls are 50 ms apart: each ends before the next begins, as it would with a thousand. */
const oneByOne = TestClock.adjust("20 millis").pipe(
  Effect.andThen(inFlight.settled),
  Effect.repeat({ times: 80 })
)

/** Several repositories, each with its job of the same name. */
class Fleet {
  readonly stories: ReadonlyArray<Story>

  constructor(count: number, host: string) {
    this.stories = Array.from({ length: count }, (_, n) => new Story(`r${n}`, host))
  }

  /** The registry has all of these tags, and the jobs run the first of them; nobody watches yet. */
  static readonly make = Effect.fnUntraced(function* (
    count: number,
    tags: readonly [string, ...ReadonlyArray<string>],
    job: Partial<Parameters<typeof sampleJob>[0]> = {}
  ) {
    const nomad = yield* NomadSimulator
    const registry = yield* RegistrySimulator
    const fleet = new Fleet(count, registry.origin.host)
    for (const story of fleet.stories) {
      for (const one of tags) yield* story.push(one)
      yield* nomad.register(sampleJob({ id: story.name, image: `${story.image}:${tags[0]}`, ...job }))
    }
    yield* pass("10 seconds")
    return fleet
  })

  watched(change: (entry: Watched) => Partial<Watched> = () => ({})): ReadonlyArray<Watched> {
    return this.stories.map(({ name, host }) => {
      const entry = watchedAs(name, host)
      return { ...entry, ...change(entry) }
    })
  }

  watch(settings: Partial<Watch> = {}, change: (entry: Watched) => Partial<Watched> = () => ({})) {
    return Effect.tap(watch(this.watched(change), settings), () => Effect.andThen(oneByOne, awhile))
  }

  push(tags: string) {
    return Effect.forEach(this.stories, (story) => story.push(tags), { discard: true })
  }

  get decisions() {
    return Effect.map(
      Effect.forEach(this.stories, (story) => story.decision),
      (decisions) => [...new Set(decisions)]
    )
  }

  /** How many run this tag. */
  running(tagName: string) {
    return Effect.map(
      Effect.forEach(this.stories, (story) => story.running),
      (images) => images.filter((image) => image.includes(`:${tagName}`)).length
    )
  }

  /** A statement that somebody types, which changes all of the rows. */
  edit(statement: string) {
    return Effect.gen({ self: this }, function* () {
      const { pool } = yield* Database
      // Each is told by the trigger.
      yield* inFlight.tells(this.stories.length)
      yield* pool.unsafe(statement)
    })
  }
}

const registers = Effect.flatMap(NomadSimulator, (nomad) =>
  Effect.map(nomad.registers, ({ length }) => length)
)
const standing = Effect.flatMap(StateStore, (store) => store.brake)
const release = (repositories?: ReadonlyArray<string>) =>
  Effect.gen(function* () {
    const store = yield* StateStore
    const { id } = (yield* store.brake) ?? (yield* Effect.die("there was no brake"))
    const only =
      repositories === undefined ? {} : { repositories: repositories as ReadonlyArray<RepositoryName> }
    const moves = yield* store.releaseBrake({ brake: id, by: "ann", from: "", ...only })
    yield* awhile
    return moves
  })
const gauge = Effect.map(Metric.snapshot, (metrics) => {
  const found = metrics.find(({ id }) => id === "registrywatcher_brake")
  return found?.type === "Gauge" ? found.state.value : undefined
})

describe("the brake over all repositories", () => {
  story(
    "S17: what was there before anybody looked pauses when it is many, and a release lets exactly that go",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
      yield* fleet.watch()
      assert.strictEqual(yield* registers, 0)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      assert.lengthOf((yield* standing)?.stopped ?? [], 10)
      assert.strictEqual(yield* gauge, 1)
      yield* intervals(5)
      assert.strictEqual(yield* registers, 0)
      assert.lengthOf((yield* release()) ?? [], 10)
      assert.strictEqual(yield* registers, 10)
      assert.strictEqual(yield* fleet.running("v1.1.0"), 10)
      assert.strictEqual(yield* gauge, 0)
    })
  )

  story(
    "S17: three that are answered first wait for the others, and pause with them",
    Effect.gen(function* () {
      const client = yield* RegistryClient
      const atOnce = new Set(["r0", "r1", "r2"])
      const slow = RegistryClient.of({
        ...client,
        tags: (repository) =>
          Effect.andThen(
            atOnce.has(repository.image) ? Effect.void : Effect.sleep("10 seconds"),
            client.tags(repository)
          )
      })
      yield* Effect.gen(function* () {
        const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
        yield* fleet.watch()
        assert.strictEqual(yield* registers, 0)
        assert.lengthOf((yield* standing)?.stopped ?? [], 10)
      }).pipe(Effect.provideService(RegistryClient, slow))
    })
  )

  story(
    "S17: nothing waits for the brake where it is few",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(4, ["v1.0.0", "v1.1.0"])
      yield* fleet.watch()
      assert.strictEqual(yield* fleet.running("v1.1.0"), 4)
      assert.isNull(yield* standing)
    })
  )

  story(
    "S17: five of thirty are no fifth: they wait for the others to be looked at, and go",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(30, ["v1.0.0"])
      for (const story of fleet.stories.slice(0, 5)) yield* story.push("v1.1.0")
      yield* fleet.watch()
      assert.strictEqual(yield* fleet.running("v1.1.0"), 5)
      assert.isNull(yield* standing)
    })
  )

  story(
    "S17: a push explains any number, and the brake stops none of them",
    Effect.gen(function* () {
      const count = process.env["REQUIRE_REAL"] === "1" ? 300 : 40
      const fleet = yield* Fleet.make(count, ["v1.0.0"])
      yield* fleet.watch()
      yield* fleet.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* fleet.running("v1.1.0"), count)
      assert.isNull(yield* standing)
    })
  )

  story(
    "S17: many pins that somebody edits by SQL pause, each as the statement reaches it",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(10, ["v1.1.0", "v1.0.0"])
      yield* fleet.watch()
      yield* fleet.edit(`update repository set pinned_tag = 'v1.0.0'`)
      yield* pass("5 seconds")
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      yield* intervals(3)
      assert.strictEqual(yield* registers, 0)
      assert.lengthOf((yield* standing)?.stopped ?? [], 10)
    })
  )

  story(
    "S17: so do many switches, even of versions that were pushed meanwhile",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(10, ["v1.0.0"])
      yield* fleet.watch()
      yield* fleet.edit(`update repository set auto_deploy = false`)
      yield* pass("5 seconds")
      yield* fleet.push("v1.1.0")
      yield* intervals(2)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait auto_deploy_off"])
      yield* fleet.edit(`update repository set auto_deploy = true`)
      yield* intervals(2)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      assert.strictEqual(yield* registers, 0)
    })
  )

  story(
    "S17: a config that maps many to another job pauses them",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const fleet = yield* Fleet.make(10, ["v1.1.0"])
      const leader = yield* fleet.watch()
      yield* Fiber.interrupt(leader)
      for (const { name, image } of fleet.stories) {
        yield* nomad.register(sampleJob({ id: `${name}-b`, image: `${image}:v1.0.0`, task: name }))
      }
      yield* pass("10 seconds")
      yield* fleet.watch({}, ({ name, mapping }) => ({
        fingerprint: "another",
        mapping: { ...mapping, job: { ...mapping.job, job: `${name}-b` } }
      }))
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      assert.strictEqual(yield* registers, 0)
    })
  )

  story(
    "S17: a person's switches, and a registry that was away, stop nothing that was pushed meanwhile",
    Effect.gen(function* () {
      const store = yield* StateStore
      const registry = yield* RegistrySimulator
      const fleet = yield* Fleet.make(10, ["v1.0.0"])
      const toggle = (autoDeploy: boolean) =>
        Effect.forEach(fleet.stories, ({ name }) =>
          store.change({ repository: name as RepositoryName, autoDeploy, by: "ann", from: "" })
        ).pipe(Effect.andThen(pass("5 seconds")))
      yield* fleet.watch()
      yield* toggle(false)
      yield* fleet.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* registers, 0)
      yield* toggle(true)
      yield* awhile
      assert.strictEqual(yield* fleet.running("v1.1.0"), 10)
      yield* registry.fault({ status: 503 })
      yield* intervals(2)
      yield* fleet.push("v1.2.0")
      yield* intervals(2)
      yield* registry.clearFaults
      yield* intervals(3)
      assert.strictEqual(yield* fleet.running("v1.2.0"), 10)
      assert.isNull(yield* standing)
    })
  )

  for (const [what, status] of [
    ["was away", 503],
    ["let nobody in", 403]
  ] as const) {
    story(
      `S17: a registry that ${what} when the leader began lets nothing slip by one by one`,
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
        yield* registry.fault({ status })
        yield* fleet.watch()
        yield* intervals(2)
        yield* registry.clearFaults
        yield* Effect.forEach(fleet.stories, ({ check }) => check)
        yield* intervals(3)
        assert.strictEqual(yield* registers, 0)
        assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      })
    )
  }

  story(
    "S17: nor does Nomad",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
      yield* nomad.inject({ _tag: "NoLeader", hold: 0 })
      yield* fleet.watch()
      yield* intervals(2)
      yield* nomad.clearFaults
      yield* intervals(3)
      assert.strictEqual(yield* registers, 0)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
    })
  )

  for (const [sentence, first] of [
    ["somebody else is answered first", null],
    ["somebody else is refused first", 403]
  ] as const) {
    story(
      `S17: nor does a registry that comes back where ${sentence}`,
      Effect.gen(function* () {
        const registry = yield* RegistrySimulator
        const deployer = yield* Deployer
        const hints = yield* Queue.unbounded<Hint>()
        const slow = new Set<string>()
        const told = Deployer.of({
          ...deployer,
          changes: () => Stream.fromQueue(hints),
          observe: (mapping) =>
            Effect.delay(deployer.observe(mapping), slow.has(mapping.job.job) ? "60 seconds" : 0)
        })
        yield* Effect.gen(function* () {
          const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
          yield* registry.fault({ status: 503 })
          yield* fleet.watch()
          yield* intervals(1)
          // Who asked in vain is busy elsewhere when the registry comes back.
          for (const story of fleet.stories)
            if ((yield* story.decision) === "Wait registry_unreachable") slow.add(story.name)
          yield* registry.clearFaults
          if (first !== null) yield* registry.fault({ status: first, times: 1 })
          yield* Queue.offerAll(
            hints,
            [...slow].map((job) => ({ _tag: "Written", job, index: 1_000_000 }) as const)
          )
          yield* intervals(3)
          assert.strictEqual(yield* registers, 0)
          assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
        }).pipe(Effect.provideService(Deployer, told))
      })
    )
  }

  story(
    "S17: no push explains what drift = restore would set back in many jobs",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const fleet = yield* Fleet.make(10, ["v1.0.0"])
      yield* fleet.watch({}, () => ({ drift: "restore" }))
      yield* fleet.push("v1.1.0")
      yield* intervals(2)
      assert.strictEqual(yield* registers, 10)
      for (const { name, image } of fleet.stories) {
        yield* nomad.register(sampleJob({ id: name, image: `${image}:v1.0.0` }))
      }
      yield* intervals(3)
      assert.strictEqual(yield* registers, 10)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      yield* release()
      assert.strictEqual(yield* fleet.running("v1.1.0"), 10)
    })
  )

  story(
    "S17: what Nomad tells of many jobs at once is looked at before any of it moves",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      const deployer = yield* Deployer
      const hints = yield* Queue.unbounded<Hint>()
      let isSlow = false
      const told = Deployer.of({
        ...deployer,
        changes: () => Stream.fromQueue(hints),
        // One is read at once, the others after a while.
        observe: (mapping) =>
          Effect.delay(deployer.observe(mapping), isSlow && mapping.job.job !== "r0" ? "5 seconds" : 0)
      })
      yield* Effect.gen(function* () {
        const fleet = yield* Fleet.make(10, ["v1.0.0"])
        yield* fleet.watch({ interval: Duration.hours(1) }, () => ({ drift: "restore" }))
        yield* fleet.push("v1.1.0")
        yield* Effect.forEach(fleet.stories, ({ check }) => check)
        yield* awhile
        assert.strictEqual(yield* registers, 10)
        for (const { name, image } of fleet.stories)
          yield* nomad.register(sampleJob({ id: name, image: `${image}:v1.0.0` }))
        yield* awhile
        isSlow = true
        const written = fleet.stories.map(
          ({ name }) => ({ _tag: "Written", job: name, index: 1_000_000 }) as const
        )
        yield* Queue.offerAll(hints, written)
        yield* awhile
        assert.strictEqual(yield* registers, 10)
        assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      }).pipe(Effect.provideService(Deployer, told))
    })
  )

  story(
    "S17: S19: the next leader finds it on, and so does a release through another instance",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
      const leader = yield* fleet.watch()
      yield* Fiber.interrupt(leader)
      yield* fleet.watch()
      yield* intervals(2)
      assert.strictEqual(yield* registers, 0)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
      assert.strictEqual(yield* gauge, 1)
      yield* release()
      assert.strictEqual(yield* fleet.running("v1.1.0"), 10)
    })
  )

  story(
    "S17: requests, and what a push explains, go while it is on",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
      yield* fleet.watch()
      const [first, second, ...others] = fleet.stories
      yield* first?.change({ pinnedTag: tag("v1.1.0"), request: "pin" }) ?? Effect.die("no first")
      const digest = yield* second?.push("v1.2.0") ?? Effect.die("no second")
      yield* intervals(2)
      assert.strictEqual(yield* second?.running ?? Effect.void, second?.at("v1.2.0", digest))
      assert.include(yield* first?.running ?? Effect.succeed(""), "v1.1.0")
      assert.strictEqual(yield* registers, 2)
      for (const story of others) assert.strictEqual(yield* story.decision, "Wait brake")
    })
  )

  story(
    "S17: a release of some counts the others anew",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(10, ["v1.0.0", "v1.1.0"])
      yield* fleet.watch()
      assert.lengthOf((yield* release(["r0", "r1"])) ?? [], 2)
      assert.strictEqual(yield* registers, 2)
      assert.lengthOf((yield* standing)?.stopped ?? [], 8)
      // Of what is left then, four are few.
      yield* release(["r2", "r3", "r4", "r5"])
      assert.strictEqual(yield* fleet.running("v1.1.0"), 10)
      assert.isNotNull((yield* standing)?.releasedAt)
    })
  )

  story(
    "S17: [brake] says what is many",
    Effect.gen(function* () {
      const fleet = yield* Fleet.make(4, ["v1.0.0", "v1.1.0"])
      yield* fleet.watch({ brake: { share: 0.5, count: 3 } })
      assert.strictEqual(yield* registers, 0)
      assert.deepStrictEqual(yield* fleet.decisions, ["Wait brake"])
    })
  )

  story(
    "max_active_rollouts delays automatic moves and drops none; a request does not wait",
    Effect.gen(function* () {
      const second = 1e9
      const fleet = yield* Fleet.make(6, ["v1.0.0"], {
        update: { MinHealthyTime: 40 * second, HealthyDeadline: 60 * second, ProgressDeadline: 90 * second }
      })
      yield* fleet.watch({ maxActiveRollouts: 2 })
      yield* fleet.push("v1.1.0")
      const rolling = Effect.map(
        Effect.forEach(fleet.stories, (story) => story.attempts),
        (attempts) => attempts.flat().filter(({ state }) => state === "accepted").length
      )
      let most = 0
      let idle = 0
      let asked: Story | undefined
      for (let seconds = 0; seconds < 240; seconds++) {
        yield* pass("1 second")
        const active = yield* rolling
        most = Math.max(most, active)
        const decisions = yield* fleet.decisions
        if (active < 2 && decisions.includes("Wait too_many_rollouts")) idle += 1
        if (seconds !== 62) continue
        assert.strictEqual(most, 2)
        for (const story of fleet.stories) {
          if ((yield* story.decision) === "Wait too_many_rollouts") asked = story
        }
        yield* asked?.change({ pinnedTag: tag("v1.1.0"), request: "pin" }) ?? Effect.die("none waits")
        const [attempt] = yield* asked?.attempts ?? Effect.succeed([])
        assert.deepInclude(attempt, { state: "accepted", reason: "requested" })
      }
      assert.isAtMost(most, 3)
      // Each place is taken by the next at once: not at its poll, up to 59 seconds later.
      assert.isAtMost(idle, 6)
      assert.strictEqual(yield* fleet.running("v1.1.0"), 6)
      assert.strictEqual(yield* registers, 6)
    })
  )
})
