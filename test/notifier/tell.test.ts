import { assert, it } from "@effect/vitest"
import { Duration, Effect, Fiber } from "effect"
import { TestClock } from "effect/testing"
import { randomUUID } from "node:crypto"
import type { RepositoryName } from "../../src/domain/RepositoryName.ts"
import { Notifier } from "../../src/notifier/Notifier.ts"
import { defaultLimits } from "../../src/notifier/postWebhook.ts"
import { NomadSimulator, sampleJob } from "../../src/sim/NomadSimulator.ts"
import { RegistrySimulator } from "../../src/sim/RegistrySimulator.ts"
import { Database } from "../../src/store/Database.ts"
import { StateStore } from "../../src/store/StateStore.ts"
import { noPostgres } from "../real/postgres.ts"
import { layerLoop, watch, watchedAs } from "../reconcile/loop.ts"
import { awhile, inFlight, pass, Story } from "../reconcile/story.ts"
import { person } from "../store/rows.ts"
import { type Receiver, receiver } from "./Receiver.ts"

/** The whole core on virtual time, with a receiver of its messages; `deadlineMs` is real time. */
const told = <E, R>(
  sentence: string,
  body: (slack: Receiver) => Effect.Effect<void, E, R>,
  deadlineMs = 10_000
) =>
  it.effect.skipIf(noPostgres)(
    sentence,
    () =>
      Effect.gen(function* () {
        const slack = yield* receiver()
        const notifier = Notifier.layer(slack.url, { ...defaultLimits, deadlineMs })
        yield* body(slack).pipe(Effect.provide(layerLoop(inFlight, notifier)))
      }).pipe(Effect.scoped) as Effect.Effect<void, E>,
    60_000
  )

/** Repositories without jobs, whose switches are what is told; nobody need lead to hear of them. */
const switched = Effect.fnUntraced(function* (...names: ReadonlyArray<string>) {
  const store = yield* StateStore
  const { pool } = yield* Database
  yield* store.adopt(names.map((name) => watchedAs(name, "registry.test")))
  for (const name of names) yield* pool`update repository set auto_deploy = false where name = ${name}`
})
const turnedOff = (name: string) => `Turned off auto deployment for repo \`${name}\``

const waiting = Effect.gen(function* () {
  const { pool } = yield* Database
  const [row] = yield* pool<{ readonly count: number }>`
    select count(*)::int as count from outbox where sent_at is null`
  return row?.count
})

told("a push is told as it is deployed and as it succeeded, as the predecessor told it", (slack) =>
  Effect.gen(function* () {
    const story = yield* Story.begin(["v1.0.0"])
    yield* awhile
    assert.deepEqual(slack.received, [])
    yield* story.push("v1.1.0")
    yield* awhile
    yield* pass("30 seconds")
    const { pool } = yield* Database
    const times = yield* pool<{ readonly ts: number }>`
      select floor(extract(epoch from created_at))::float8 as ts from outbox order by id`
    assert.lengthOf(times, 2)
    assert.deepEqual(
      slack.received.map(({ body }) => JSON.stringify(body)),
      [
        `{"attachments":[{"color":"#FFA500","text":"Update: deploying job \`api\` to tag \`v1.1.0\`","ts":${times[0]?.ts}}]}`,
        `{"attachments":[{"color":"#00FF00","text":"Success: Nomad deployment for job \`api\` succeeded for tag \`v1.1.0\`","ts":${times[1]?.ts}}]}`
      ]
    )
    assert.strictEqual(yield* waiting, 0)
  })
)

told("a pinned tag that was pushed over is told by its SHA first", (slack) =>
  Effect.gen(function* () {
    const story = yield* Story.begin(["stable"])
    yield* story.change({ pinnedTag: "stable" as never, request: "pin" })
    yield* awhile
    slack.received.length = 0
    yield* story.push("stable", randomUUID())
    yield* awhile
    yield* pass("30 seconds")
    assert.deepEqual(slack.texts, [
      "Update: the SHA of tag `stable` in `api` changed. Auto deployment will happen shortly.",
      "Update: deploying job `api` to tag `stable`",
      "Success: Nomad deployment for job `api` succeeded for tag `stable`"
    ])
  })
)

told("seven jobs that move at once are one message, and so is their success", (slack) =>
  Effect.gen(function* () {
    const nomad = yield* NomadSimulator
    const registry = yield* RegistrySimulator
    const store = yield* StateStore
    const { host } = registry.origin
    const names = ["a", "b", "c", "d", "e", "f", "g"]
    for (const name of names) {
      yield* registry.push(name, "v1.0.0")
      // Not before their beginning was told.
      const image = `${host}/${name}:v1.0.0`
      yield* nomad.register(sampleJob({ id: name, image, minHealthyTime: 10_000 }))
    }
    yield* pass("20 seconds")
    yield* watch(names.map((name) => watchedAs(name, host)))
    yield* pass("5 seconds")
    for (const name of names) {
      yield* store.change({ repository: name as RepositoryName, request: "redeploy", ...person })
    }
    yield* awhile
    yield* pass("30 seconds")
    const inAnyOrder = slack.texts.map((text) =>
      text.replace(/: (`.*)$/, (_, list: string) => `: ${list.split(", ").toSorted().join(", ")}`)
    )
    assert.deepEqual(inAnyOrder, [
      `Update: deploying 7 jobs: ${names.map((name) => `\`${name}\` to \`v1.0.0\``).join(", ")}`,
      `Success: 7 Nomad deployments succeeded: ${names.map((name) => `\`${name}\` for \`v1.0.0\``).join(", ")}`
    ])
  })
)

told(
  "L12: a receiver that fails gets fewer and fewer tries and then everything, in order; no deploy waits for it",
  (slack) =>
    Effect.gen(function* () {
      slack.moods.push("hang", { status: 500 })
      slack.mood = { status: 503 }
      const story = yield* Story.begin(["v1.0.0"])
      yield* awhile
      const digest = yield* story.push("v1.1.0")
      yield* awhile
      assert.strictEqual(yield* story.running, story.at("v1.1.0", digest))
      yield* story.change({ autoDeploy: false })
      yield* pass("10 minutes")
      const tries = slack.received.length
      // 1 s doubled up to 5 minutes, half of it by chance: the sum of the shortest is reached by the eleventh.
      assert.isAtLeast(tries, 5)
      assert.isAtMost(tries, 12)
      assert.deepEqual([...new Set(slack.texts)], ["Update: deploying job `api` to tag `v1.1.0`"])
      assert.lengthOf([...new Set(slack.received.map(({ headers }) => headers["idempotency-key"]))], 1)
      assert.strictEqual(yield* waiting, 3)

      slack.mood = { status: 200 }
      yield* pass("5 minutes")
      assert.deepEqual(slack.texts.slice(tries), [
        "Update: deploying job `api` to tag `v1.1.0`",
        "Success: Nomad deployment for job `api` succeeded for tag `v1.1.0`",
        turnedOff("api")
      ])
      assert.strictEqual(yield* waiting, 0)
      // What was forgotten of the failures: the next failure waits a second again.
      slack.moods.push({ status: 500 })
      yield* story.change({ autoDeploy: true })
      yield* pass("10 seconds")
      assert.lengthOf(slack.texts.slice(tries + 3), 2)
    }),
  1500
)

told("those that move a second after the first are told with them", (slack) =>
  Effect.gen(function* () {
    const { pool } = yield* Database
    const names = ["a", "b", "c", "d", "e", "f"]
    yield* switched(...names)
    yield* pool`delete from outbox`
    yield* watch([])
    yield* pass("5 seconds")
    const write = (few: ReadonlyArray<string>) => pool`
      insert into outbox (repository, kind, content)
      select unnest(${few}::text[]), 'Switched', '{"on": true}'`
    yield* write(names.slice(0, 3))
    yield* pass("2 seconds")
    yield* write(names.slice(3))
    yield* pass("3 seconds")
    assert.deepEqual(slack.texts, ["Turned on auto deployment for 6 repos: `a`, `b`, `c`, `d`, `e`, `f`"])
  })
)

told("L12: what dies between sending and recording sends once more, with the same key", (slack) =>
  Effect.gen(function* () {
    slack.moods.push("hang")
    yield* switched("a", "b")
    const died = new Promise<void>((resolve) => {
      slack.onMessage = resolve
    })
    const first = yield* watch([])
    // Two looks, in steps that do not wait for what is under way.
    for (let step = 0; step < 20 && slack.received.length === 0; step++) {
      yield* TestClock.adjust("500 millis")
      yield* Effect.promise(() => new Promise((resolve) => setTimeout(resolve, 20)))
    }
    yield* Effect.promise(() => died)
    yield* Fiber.interrupt(first)
    assert.deepEqual(slack.texts, [turnedOff("a")])
    assert.strictEqual(yield* waiting, 2)

    yield* watch([])
    yield* pass("20 seconds")
    assert.deepEqual(slack.texts, [turnedOff("a"), turnedOff("a"), turnedOff("b")])
    const keys = slack.received.map(({ headers }) => headers["idempotency-key"])
    assert.strictEqual(keys[0], keys[1])
    assert.notStrictEqual(keys[1], keys[2])
    assert.strictEqual(yield* waiting, 0)
  })
)

told("L12: a receiver that says how long to wait is left alone for so long", (slack) =>
  Effect.gen(function* () {
    slack.moods.push({ status: 429, headers: { "retry-after": "90" } })
    yield* switched("a", "b")
    yield* watch([])
    yield* pass("90 seconds")
    assert.deepEqual(slack.texts, [turnedOff("a")])
    yield* pass("15 seconds")
    assert.deepEqual(slack.texts, [turnedOff("a"), turnedOff("a"), turnedOff("b")])
  })
)

told("L12: what is refused for good is tried three times, and stands in no other's way", (slack) =>
  Effect.gen(function* () {
    slack.moods.push({ status: 404 }, { status: 400 }, { status: 410 })
    yield* switched("a", "b")
    yield* watch([])
    yield* pass("20 seconds")
    assert.deepEqual(slack.texts, [turnedOff("a"), turnedOff("a"), turnedOff("a"), turnedOff("b")])
    assert.strictEqual(yield* waiting, 0)
  })
)

told("L12: of more than a thousand the oldest go, and the first that is sent says how many", (slack) =>
  Effect.gen(function* () {
    const { pool } = yield* Database
    yield* switched("a")
    yield* pool`
      insert into outbox (repository, kind, content)
      select 'a', 'Switched', '{"on": true}' from generate_series(1, 1003)`
    yield* watch([])
    yield* pass("5 seconds")
    assert.strictEqual(
      slack.texts[0],
      "Turned on auto deployment for repo `a`\n(4 older messages were dropped)"
    )
    assert.strictEqual(slack.texts[1], "Turned on auto deployment for repo `a`")
  })
)

told("L11: a row that nobody can read stands in no other's way", (slack) =>
  Effect.gen(function* () {
    const { pool } = yield* Database
    yield* pool`insert into outbox (kind, content) values ('Sung', '{}')`
    yield* switched("a")
    yield* watch([])
    yield* pass("10 seconds")
    assert.deepEqual(slack.texts, [turnedOff("a")])
    assert.strictEqual(yield* waiting, 0)
  })
)

told("what was sent is forgotten after a week", () =>
  Effect.gen(function* () {
    const { pool } = yield* Database
    yield* switched("a")
    yield* pool`update outbox set sent_at = now() - interval '8 days'`
    yield* watch([])
    yield* pass("5 seconds")
    assert.lengthOf(yield* pool`select from outbox`, 0)
  })
)

it.effect.skipIf(noPostgres)(
  "without a receiver nothing accumulates",
  () =>
    Effect.gen(function* () {
      yield* switched("a")
      yield* watch([])
      yield* pass("5 seconds")
      const { pool } = yield* Database
      assert.lengthOf(yield* pool`select from outbox`, 0)
      yield* pool`insert into outbox (repository, kind, content) values ('a', 'Switched', '{"on": true}')`
      yield* pass(Duration.seconds(60))
      assert.lengthOf(yield* pool`select from outbox`, 0)
    }).pipe(Effect.provide(layerLoop(inFlight)), Effect.scoped),
  60_000
)
