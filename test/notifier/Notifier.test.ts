import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Redacted } from "effect"
import { inspect } from "node:util"
import { Notifier } from "../../src/notifier/Notifier.ts"
import { defaultLimits } from "../../src/notifier/postWebhook.ts"
import { notice, untold } from "./notices.ts"
import { type Mood, receiver } from "./Receiver.ts"

const message = [untold(1, notice("Switched", { on: true }))] as const
/** For an answer that never comes; all others get the real deadline, however slow the machine is. */
const quick = { ...defaultLimits, deadlineMs: 300 }

/** What became of one message that was sent to a receiver in this mood. */
const sendTo = Effect.fnUntraced(function* (mood: Mood) {
  const slack = yield* receiver()
  slack.moods.push(mood)
  const error = yield* Effect.flatMap(Notifier, (notifier) => notifier.send(message)).pipe(
    Effect.provide(Notifier.layer(slack.url, mood === "hang" || mood === "drip" ? quick : defaultLimits)),
    Effect.as(null),
    Effect.catch((failed) => Effect.succeed(failed))
  )
  return { slack, error }
}, Effect.scoped)

describe("Notifier", () => {
  it.live("sends one POST with the body and the key", () =>
    Effect.gen(function* () {
      const { slack, error } = yield* sendTo({ status: 200 })
      assert.isNull(error)
      const [received, ...more] = slack.received
      assert.lengthOf(more, 0)
      assert.strictEqual(received?.path, "/services/T000/B000/canary-of-slack")
      assert.deepInclude(received?.headers, {
        "content-type": "application/json",
        "idempotency-key": message[0].message
      })
      assert.deepEqual(received?.body, {
        attachments: [
          { color: "#FFA500", text: "Turned on auto deployment for repo `api`", ts: 1_767_268_800 }
        ]
      })
    })
  )

  const later = new Date(Date.UTC(2026, 0, 1, 12, 0, 30)).toUTCString()
  const date = new Date(Date.UTC(2026, 0, 1, 12, 0, 0)).toUTCString()
  const answers: ReadonlyArray<{
    readonly mood: Mood
    readonly told: string | null
    readonly retryAfter?: number | null
  }> = [
    { mood: { status: 204 }, told: null },
    { mood: { status: 200, bytes: 1024 * 1024 }, told: null },
    { mood: "die", told: null },
    { mood: "drip", told: null },
    { mood: "hang", told: "the receiver did not take the message: no answer within the deadline" },
    { mood: { status: 408 }, told: "the receiver did not take the message: it answered 408" },
    { mood: { status: 500 }, told: "the receiver did not take the message: it answered 500" },
    {
      mood: { status: 429, headers: { "retry-after": "30" } },
      told: "the receiver did not take the message: it answered 429",
      retryAfter: 30_000
    },
    {
      mood: { status: 503, headers: { "retry-after": later, date } },
      told: "the receiver did not take the message: it answered 503",
      retryAfter: 30_000
    },
    {
      mood: { status: 429, headers: { "retry-after": "99999999" } },
      told: "the receiver did not take the message: it answered 429",
      retryAfter: 3_600_000
    },
    {
      mood: { status: 429, headers: { "retry-after": "soon" } },
      told: "the receiver did not take the message: it answered 429"
    },
    { mood: { status: 404 }, told: "the receiver refused the message with 404" },
    {
      mood: { status: 302, headers: { location: "http://127.0.0.1:1/" } },
      told: "the receiver refused the message with 302"
    }
  ]
  it.live.each(answers)("L12: $mood is $told", ({ mood, told, retryAfter = null }) =>
    Effect.gen(function* () {
      const { slack, error } = yield* sendTo(mood)
      assert.lengthOf(slack.received, 1)
      assert.strictEqual(error?.message ?? null, told)
      assert.strictEqual(error?.isRetryable ?? null, told === null ? null : !told.includes("refused"))
      if (error?.reason._tag === "Unavailable") assert.strictEqual(error.reason.retryAfter, retryAfter)
    })
  )

  it.live("X6: the address is in no error and no log line, whatever goes wrong", () => {
    const logged: Array<string> = []
    const record = (line: string) => void logged.push(line)
    return Effect.gen(function* () {
      const slack = yield* receiver()
      // Nobody listens there, no such host, no TLS, and every answer that is an error.
      const urls = [
        "http://127.0.0.1:1/canary-of-slack?key=canary-of-slack",
        "http://nowhere.invalid/canary-of-slack",
        Redacted.value(slack.url).replace("http:", "https:"),
        ...["hang", 404, 500, 302].map(() => Redacted.value(slack.url))
      ]
      slack.moods.push("hang", { status: 404 }, { status: 500 }, { status: 302 })
      for (const url of urls) {
        const layer = Notifier.layer(Redacted.make(url), quick)
        const exit = yield* Effect.flatMap(Notifier, (notifier) => notifier.send(message)).pipe(
          Effect.tapCause((cause) => Effect.logError("not sent", cause)),
          Effect.provide(layer),
          Effect.exit
        )
        const told = [inspect(exit, { depth: 20 }), JSON.stringify(exit), ...logged]
        assert.deepEqual(
          told.filter((text) => text.includes("canary")),
          []
        )
      }
      assert.isAtLeast(logged.length, urls.length)
    }).pipe(Effect.provide(Logger.layer([Logger.map(Logger.formatJson, record)])), Effect.scoped)
  })

  it.live("without an address nothing is on", () =>
    Effect.gen(function* () {
      assert.isFalse((yield* Notifier).isOn)
    }).pipe(Effect.provide(Notifier.layer(undefined)))
  )
})
