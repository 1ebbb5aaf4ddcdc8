import { assert, describe } from "@effect/vitest"
import { Duration, Effect, Fiber, Logger, Metric, Queue, Stream } from "effect"
import { Deployer } from "../../src/deployer/Deployer.ts"
import type { Hint } from "../../src/deployer/Hint.ts"
import { type Fault, NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { awhile, pass, Story, story } from "./story.ts"

const intervals = (count: number) => pass(Duration.seconds(60 * count))

/** Until the namespace was listed: the next time is most of a minute away. */
const listing = Effect.gen(function* () {
  const nomad = yield* NomadSimulator
  const listings = Effect.map(
    nomad.requests,
    (all) => all.filter(({ path }) => path.startsWith("/v1/jobs?")).length
  )
  const before = yield* listings
  while ((yield* listings) === before) yield* pass("500 millis")
})

/** v1.1.0 is ours, in sync and remembered. */
const ours = Effect.gen(function* () {
  const led = yield* Story.led(["v1.0.0"])
  const digest = yield* led.story.push("v1.1.0")
  yield* intervals(3)
  yield* listing
  assert.strictEqual(yield* led.story.decision, "InSync")
  return { ...led, at: led.story.at("v1.1.0", digest) }
})

/** Somebody else sets the image. */
const write = (story: Story, version: string, id = "api") =>
  Effect.flatMap(NomadSimulator, (nomad) =>
    nomad.register(sampleJob({ id, image: `${story.image}:${version}` }))
  )

/** Somebody's rollout is followed; a second after its end its image is held against them. */
const isHeldAgainst = Effect.fnUntraced(function* (story: Story) {
  assert.strictEqual(yield* story.decision, "Follow")
  const nomad = yield* NomadSimulator
  while ((yield* nomad.job("default", "api"))?.["Stable"] !== true) yield* pass("500 millis")
  yield* pass("1 second")
  assert.strictEqual(yield* story.decision, "Stall drift")
})

const stream = { path: "/v1/event/stream" } as const
const streams = Effect.flatMap(NomadSimulator, ({ requests }) =>
  Effect.map(requests, (all) => all.filter(({ path }) => path.startsWith(stream.path)).length)
)

/** How often a job was read: once a pass. */
const counting = Effect.map(Deployer, (deployer) => {
  const count = { reads: 0, listings: 0 }
  return {
    count,
    deployer: Deployer.of({
      ...deployer,
      observe: (mapping) =>
        Effect.suspend(() => {
          count.reads += 1
          return deployer.observe(mapping)
        }),
      indexes: (scope) =>
        Effect.suspend(() => {
          count.listings += 1
          return deployer.indexes(scope)
        })
    })
  }
})

const defective = () => Stream.die("a defect")

const said = (lines: Array<string>) =>
  Effect.provide(Logger.layer([Logger.make(({ message }) => void lines.push(String(message)))]))
const untold = "Nomad tells of no changes: its jobs are listed once an interval"

/** How often the job is read from the push on until its rollout is over and remembered. */
const readsOfARollout = (fault: Fault | null) =>
  Effect.gen(function* () {
    const nomad = yield* NomadSimulator
    const { count, deployer } = yield* counting
    if (fault !== null) yield* nomad.inject(fault)
    yield* Effect.gen(function* () {
      const { story } = yield* ours
      count.reads = 0
      yield* story.push("v1.2.0")
      yield* story.check
      yield* pass("40 seconds")
      assert.strictEqual(yield* story.decision, "InSync")
    }).pipe(Effect.provideService(Deployer, deployer))
    return count.reads
  })

describe("what Nomad tells of its jobs", () => {
  story(
    "rule 14: an image that somebody changes in Nomad is decided on within a second",
    Effect.gen(function* () {
      const { story, at } = yield* ours
      yield* write(story, "v1.0.0")
      yield* pass("1 second")
      yield* isHeldAgainst(story)
      assert.deepStrictEqual(yield* story.registered, [at])
      assert.strictEqual(yield* streams, 1)
    })
  )

  const hours = 3_600_000
  const faults: ReadonlyArray<readonly [string, Fault]> = [
    ["refused", { _tag: "Answer", ...stream, status: 403, body: "Permission denied" }],
    ["silent", { _tag: "Delay", ...stream, millis: 24 * hours }],
    ["cut each time", { _tag: "Drop", ...stream, when: "before" }],
    ["not there", { _tag: "Answer", ...stream, status: 404, body: "Invalid path" }]
  ]
  for (const [what, fault] of faults) {
    story(
      `L3: with the stream ${what} the same is decided within an interval, and the log says so once`,
      Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        const lines: Array<string> = []
        yield* nomad.inject(fault)
        yield* Effect.gen(function* () {
          const { story, at } = yield* ours
          yield* write(story, "v1.0.0")
          yield* pass("1 second")
          assert.strictEqual(yield* story.decision, "InSync")
          yield* awhile
          assert.strictEqual(yield* story.decision, "Stall drift")
          assert.deepStrictEqual(yield* story.registered, [at])
        }).pipe(said(lines))
        assert.lengthOf(
          lines.filter((line) => line === untold),
          1
        )
      })
    )
  }

  story(
    "a right that is given later is found, and then changes are told of",
    Effect.gen(function* () {
      const nomad = yield* NomadSimulator
      yield* nomad.inject({ _tag: "Answer", ...stream, status: 403, body: "Permission denied" })
      const { story } = yield* ours
      yield* nomad.clearFaults
      yield* intervals(1)
      yield* listing
      yield* write(story, "v1.0.0")
      yield* pass("1 second")
      yield* isHeldAgainst(story)
    })
  )

  story(
    "L8: a storm of events of one job is two passes a second, and its last word is seen",
    Effect.gen(function* () {
      const { count, deployer } = yield* counting
      yield* Effect.gen(function* () {
        const { story } = yield* ours
        count.reads = 0
        // 20 writes a second, for five seconds.
        for (let n = 0; n < 100; n++) {
          yield* write(story, n === 99 ? "v1.0.0" : `v1.0.${n + 1}`)
          yield* pass("50 millis")
        }
        const during = count.reads
        assert.isAtMost(during, 12)
        assert.isAtLeast(during, 8)
        yield* pass("1 second")
        yield* isHeldAgainst(story)
        assert.match(yield* story.words, /api:v1\.0\.0 where/)
      }).pipe(Effect.provideService(Deployer, deployer))
    })
  )

  story(
    "S25: L3: a defect of ours in listening ends nothing else",
    Effect.gen(function* () {
      const deployer = yield* Deployer
      yield* Effect.gen(function* () {
        const { story } = yield* Story.led(["v1.0.0"])
        const digest = yield* story.push("v1.1.0")
        yield* intervals(2)
        assert.deepStrictEqual(yield* story.registered, [story.at("v1.1.0", digest)])
      }).pipe(Effect.provideService(Deployer, Deployer.of({ ...deployer, changes: defective })))
    })
  )

  story(
    "events of jobs that nobody watches cost nothing",
    Effect.gen(function* () {
      const { count, deployer } = yield* counting
      yield* Effect.gen(function* () {
        const { story } = yield* ours
        Object.assign(count, { reads: 0, listings: 0 })
        for (let n = 0; n < 20; n++) {
          yield* write(story, "v1.0.0", `other-${n}`)
          yield* pass("100 millis")
        }
        assert.deepStrictEqual(count, { reads: 0, listings: 0 })
      }).pipe(Effect.provideService(Deployer, deployer))
    })
  )

  let alone = Number.POSITIVE_INFINITY
  story(
    "what a rollout of ours costs where nothing is told",
    Effect.gen(function* () {
      alone = yield* readsOfARollout({ _tag: "Answer", ...stream, status: 403, body: "Permission denied" })
      assert.isAtMost(alone, 5)
    })
  )
  story(
    "L8: our own register, told of, is one pass more at most",
    Effect.gen(function* () {
      const told = yield* readsOfARollout(null)
      assert.isAtMost(told, alone + 1)
    })
  )
})

/** A stream in the test's hands. */
const inHand = Effect.gen(function* () {
  const { count, deployer } = yield* counting
  const hints = yield* Queue.unbounded<Hint>()
  const ended = { count: 0 }
  return {
    count,
    hints,
    ended,
    deployer: Deployer.of({
      ...deployer,
      changes: () => Stream.fromQueue(hints).pipe(Stream.ensuring(Effect.sync(() => void ended.count++)))
    })
  }
})

const shown = Effect.map(Metric.snapshot, (all) =>
  all.flatMap((metric) =>
    metric.id === "registrywatcher_nomad_events" && metric.type === "Gauge" && metric.state.value === 1
      ? [metric.attributes?.["state"]]
      : []
  )
)

describe("a stream that ends and begins", () => {
  for (const hint of [{ _tag: "Open" }, { _tag: "Missed" }] satisfies ReadonlyArray<Hint>) {
    story(
      `L3: what was lost is listed: ${hint._tag}`,
      Effect.gen(function* () {
        const { hints, deployer, count } = yield* inHand
        yield* Effect.gen(function* () {
          const { story } = yield* ours
          count.listings = 0
          // Nobody tells of it.
          yield* write(story, "v1.0.0")
          yield* pass("1 second")
          assert.strictEqual(yield* story.decision, "InSync")
          for (let n = 0; n < 10; n++) yield* Queue.offer(hints, hint)
          yield* pass("1 second")
          assert.strictEqual(yield* story.decision, "Follow")
          assert.isAtMost(count.listings, 2)
          // However often it is said.
          for (let n = 0; n < 40; n++) {
            yield* Queue.offer(hints, hint)
            yield* pass("250 millis")
          }
          assert.isAtMost(count.listings, 13)
        }).pipe(Effect.provideService(Deployer, deployer))
      })
    )
  }

  story(
    "L8: what tells of a change that was read already, as of our own register, is no reason to look",
    Effect.gen(function* () {
      const { hints, deployer, count } = yield* inHand
      yield* Effect.gen(function* () {
        const nomad = yield* NomadSimulator
        const { story } = yield* ours
        const index = Number((yield* nomad.job("default", "api"))?.["ModifyIndex"])
        Object.assign(count, { reads: 0, listings: 0 })
        yield* Queue.offer(hints, { _tag: "Written", job: story.name, index })
        yield* pass("1 second")
        assert.deepStrictEqual(count, { reads: 0, listings: 0 })
        yield* Queue.offer(hints, { _tag: "Moved", job: story.name, index: index + 1 })
        yield* pass("1 second")
        assert.deepStrictEqual(count, { reads: 1, listings: 0 })
      }).pipe(Effect.provideService(Deployer, deployer))
    })
  )

  story(
    "shows the state it is in, and none once another instance leads",
    Effect.gen(function* () {
      const { hints, deployer, ended } = yield* inHand
      yield* Effect.gen(function* () {
        const { leader } = yield* ours
        assert.deepStrictEqual(yield* shown, [])
        yield* Queue.offer(hints, { _tag: "Open" })
        yield* pass("1 second")
        assert.deepStrictEqual(yield* shown, ["open"])
        for (const why of ["refused", "silent", "unreachable"] as const) {
          yield* Queue.offer(hints, { _tag: "Closed", why, words: "" })
          yield* pass("1 second")
          assert.deepStrictEqual(yield* shown, [why])
        }
        assert.strictEqual(ended.count, 0)
        yield* Fiber.interrupt(leader)
        assert.deepStrictEqual([yield* shown, ended.count], [[], 1])
      }).pipe(Effect.provideService(Deployer, deployer))
    })
  )

  story(
    "a rollout's end is looked for sooner where Nomad tells of it, and once a second at most",
    Effect.gen(function* () {
      const { hints, deployer } = yield* inHand
      let looks = 0
      const looking = Deployer.of({
        ...deployer,
        progress: (attempts) =>
          Effect.suspend(() => {
            looks += 1
            return deployer.progress(attempts)
          })
      })
      yield* Effect.gen(function* () {
        const story = yield* Story.begin(["v1.0.0"], {}, { minHealthyTime: 20_000 })
        yield* pass("30 seconds")
        yield* story.push("v1.1.0")
        yield* story.check
        looks = 0
        for (let n = 0; n < 20; n++) {
          yield* Queue.offer(hints, { _tag: "Moved", job: "api", index: 1_000_000 })
          yield* pass("250 millis")
        }
        assert.isAtMost(looks, 6)
        assert.isAtLeast(looks, 4)
      }).pipe(Effect.provideService(Deployer, looking))
    })
  )
})
