import { Clock, Duration, Effect, Random, Stream } from "effect"
import type { Unread } from "../../domain/Observed.ts"
import type { Deployer } from "../Deployer.ts"
import type { Hint } from "../Hint.ts"
import { BoundedLines } from "./BoundedLines.ts"
import { readAnswer, unreachable } from "./makeRead.ts"
import type { NomadReads } from "./NomadReads.ts"
import { NoAnswer, type OpenNomadStream } from "./NomadHttp.ts"
import { readHints } from "./readHints.ts"

/** Nomad begins with a sign of life, unless it refuses: since 1.11.2 it does so by saying nothing (T13). */
const untilFirst = Duration.seconds(10)
/** Then there is a sign of life every 30 seconds; one that lost us, or whose token is gone, falls silent. */
const untilNext = Duration.seconds(35)
/** A job is far below it. */
const maxLineBytes = 8 * 1024 * 1024
/** Later than every index: what was before is listed, and not told again. */
const fromNow = String(Number.MAX_SAFE_INTEGER)
/** Between two tries: a second, doubled each time; half of it by chance. In milliseconds. */
const longestDelay = 60_000
/** A stream that lasted so long ended by chance, and not because there is something wrong. */
const steady = 60_000
/** Names of jobs in the URL; where they are more, every job of the namespace is told of. */
const maxTopicsLength = 4_000

/** Nothing came, not even a sign of life. */
class Silence {
  readonly words: string
  constructor(waited: Duration.Duration) {
    this.words = `Nomad's event stream said nothing for ${Duration.format(waited)}`
  }
}

/** Fails once nothing came for too long; that a connection is made and answered counts among it. */
const guarded = <A, E>(stream: Stream.Stream<A, E>): Stream.Stream<A, E | Silence> =>
  Stream.transformPull(stream, (pull) =>
    Effect.sync(() => {
      let patience = untilFirst
      return Effect.suspend(() => {
        const duration = patience
        patience = untilNext
        return Effect.timeoutOrElse(pull, { duration, orElse: () => Effect.fail(new Silence(duration)) })
      })
    })
  )

const monotonic = Effect.map(Clock.monotonicTimeNanos, (nanos) => Number(nanos / 1_000_000n))

const topicsFor = (jobs: ReadonlyArray<string>): ReadonlyArray<string> => {
  const named = jobs.flatMap((job) => [`Job:${job}`, `Deployment:${job}`])
  const isTooLong = encodeURIComponent(named.join("&topic=")).length > maxTopicsLength
  // A colon in the name is one too many for Nomad.
  const isOdd = jobs.some((job) => job.includes(":"))
  return jobs.length === 0 || isTooLong || isOdd ? ["Job", "Deployment"] : named
}

const closed = ({ reason, words }: Unread): Hint => ({
  _tag: "Closed",
  why: reason === "forbidden" ? "refused" : "unreachable",
  words
})

/** `changes` over Nomad's event stream. */
export const makeChanges =
  (openStream: OpenNomadStream, reads: NomadReads): Deployer["Service"]["changes"] =>
  (scope) => {
    /** One connection: `Open`, then hints, until it fails. */
    const connection = Stream.unwrap(
      Effect.gen(function* () {
        const { region, namespace } = reads.scopeQuery(scope)
        const query = { region, namespace, index: fromNow, topic: topicsFor(scope.jobs) }
        const { status, body } = yield* openStream({ method: "GET", path: "/v1/event/stream", query })
        if (status !== 200) return Stream.fromEffect(refusal(status, body, namespace))
        const lines = new BoundedLines(maxLineBytes)
        let isOpen = false
        return body.pipe(
          Stream.map((chunk): ReadonlyArray<Hint> => {
            const whole = lines.push(chunk)
            const hints = whole.flatMap(readHints)
            if (isOpen || whole.length === 0) return hints
            isOpen = true
            return [{ _tag: "Open" }, ...hints]
          }),
          Stream.concat(Stream.fail(new NoAnswer({ reached: true, words: "Nomad ended its event stream" })))
        )
      })
    ).pipe(guarded, Stream.flattenIterable)

    /** Why it ended: silence is the answer to a token without the right, so that another call has to tell. */
    const explain = (ended: NoAnswer | Silence | Unread): Effect.Effect<Hint> => {
      if (ended instanceof NoAnswer) return Effect.succeed(closed(unreachable(ended.words)))
      if (!(ended instanceof Silence)) return Effect.succeed(closed(ended))
      return Effect.match(reads.tryReadJob(scope), {
        onFailure: closed,
        onSuccess: (): Hint => ({ _tag: "Closed", why: "silent", words: ended.words })
      })
    }

    return Stream.suspend(() => {
      let failures = 0
      const untilItEnds = Effect.map(monotonic, (began) => {
        const pause = Effect.gen(function* () {
          if ((yield* monotonic) - began >= steady) failures = 0
          const delay = Math.min(longestDelay, 1000 * 2 ** Math.min(failures, 10))
          failures += 1
          yield* Effect.sleep((delay / 2) * (1 + (yield* Random.next)))
        })
        return connection.pipe(
          Stream.catch((ended) => Stream.fromEffect(explain(ended))),
          Stream.concat(Stream.fromEffectDrain(pause))
        )
      })
      return Stream.forever(Stream.unwrap(untilItEnds))
    })
  }

/** What a server said that answers a refusal: one before 1.11.2, or the Task API. */
const refusal = Effect.fnUntraced(function* (
  status: number,
  body: Stream.Stream<Uint8Array, NoAnswer>,
  namespace: string
) {
  const chunks = yield* body.pipe(Stream.take(1), Stream.runCollect)
  const text = Buffer.concat(chunks).toString("utf8")
  yield* readAnswer({ status, headers: new Map(), text }, "read-job", namespace)
  return yield* Effect.fail(unreachable(`Nomad has no event stream: it answered ${status}`))
})
