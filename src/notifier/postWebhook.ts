import { Clock, Effect, Redacted, type Scope } from "effect"
import { Agent } from "undici"
import { NotifierError, Refused, Unavailable } from "./NotifierError.ts"

/** What one message may cost, at most. */
export interface WebhookLimits {
  /** Milliseconds from the first byte to the end of the answer. */
  readonly deadlineMs: number
  /** Of the answer, which nobody reads. */
  readonly answerBytes: number
}

export const defaultLimits: WebhookLimits = { deadlineMs: 10_000, answerBytes: 64 * 1024 }

/** A receiver that asks for more gets this: the end of its trouble is to be found within it. */
const longestPauseMs = 3_600_000

/** Posts a body with its key. Ends within the deadline. */
export type PostWebhook = (body: string, key: string) => Effect.Effect<void, NotifierError>

/**
 * One address and one connection to it. Redirects are not followed, so nothing is sent to another host (X5); the path is
 * the secret (X6), so of what goes wrong only codes are kept.
 */
export const makePostWebhook = (
  url: Redacted.Redacted,
  { deadlineMs, answerBytes }: WebhookLimits
): Effect.Effect<PostWebhook, never, Scope.Scope> =>
  Effect.gen(function* () {
    const agent = yield* Effect.acquireRelease(
      Effect.sync(() => new Agent({ connections: 1, pipelining: 1, connect: { timeout: deadlineMs } })),
      (held) => Effect.promise(() => held.destroy())
    )
    const { origin, pathname, search } = new URL(Redacted.value(url))

    const post = async (body: string, key: string, interrupted: AbortSignal): Promise<Answer> => {
      // The network lives in real time, whatever clock a test gives the program.
      const signal = AbortSignal.any([interrupted, AbortSignal.timeout(deadlineMs)])
      const {
        statusCode,
        headers,
        body: answer
      } = await agent.request({
        origin,
        path: `${pathname}${search}`,
        method: "POST",
        headers: {
          "content-type": "application/json",
          "user-agent": "registrywatcher",
          "idempotency-key": key
        },
        body,
        signal
      })
      // The status is the answer; a body that breaks off or never ends changes nothing of it.
      await answer.dump({ limit: answerBytes, signal }).catch(() => {})
      return { status: statusCode, retryAfter: headers["retry-after"], date: headers["date"] }
    }

    return Effect.fnUntraced(function* (body, key) {
      const answer = yield* Effect.tryPromise({
        try: (signal) => post(body, key, signal),
        catch: (cause) => unavailable(codeOf(cause), null)
      })
      if (answer.status >= 200 && answer.status < 300) return
      if (answer.status === 408 || answer.status === 429 || answer.status >= 500) {
        const retryAfter = retryAfterMs(answer, yield* Clock.currentTimeMillis)
        return yield* unavailable(`it answered ${answer.status}`, retryAfter)
      }
      return yield* new NotifierError({ reason: new Refused({ status: answer.status }) })
    })
  })

interface Answer {
  readonly status: number
  readonly retryAfter: unknown
  readonly date: unknown
}

const unavailable = (words: string, retryAfter: number | null) =>
  new NotifierError({ reason: new Unavailable({ words, retryAfter }) })

const codeOf = (cause: unknown): string => {
  if (!(cause instanceof Error)) return "no answer"
  if (cause.name === "TimeoutError" || cause.name === "AbortError") return "no answer within the deadline"
  return "code" in cause && typeof cause.code === "string" ? cause.code : cause.name
}

/** `Retry-After` in seconds or as a date (RFC 9110 §10.2.3), measured from the answer's own `Date`. */
const retryAfterMs = ({ retryAfter, date }: Answer, now: number): number | null => {
  if (typeof retryAfter !== "string") return null
  const value = retryAfter.trim()
  const from = typeof date === "string" ? Date.parse(date) : now
  const asked = /^\d+$/.test(value)
    ? Number(value) * 1000
    : Date.parse(value) - (Number.isNaN(from) ? now : from)
  return asked >= 1 ? Math.min(Math.ceil(asked), longestPauseMs) : null
}
