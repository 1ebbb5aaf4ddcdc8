import { Duration, Effect } from "effect"
import type { Message } from "../notifier/Message.ts"
import { Minute } from "../notifier/Minute.ts"
import { Notifier } from "../notifier/Notifier.ts"
import { Leader } from "../store/Leader.ts"
import { Outbox } from "../store/Outbox.ts"
import { countNotifications, setBacklog } from "./metrics.ts"
import { delayAfter } from "./Pace.ts"
import { monotonic } from "./Watching.ts"

/** Between two looks. What the first saw goes with what the second sees, so that those that move at once are told at once. */
const every = Duration.toMillis("2 seconds")
/** What Slack takes from a webhook without answering 429. */
const apart = Duration.seconds(1)
/** After so many refusals a message is given up, so that those behind it are sent. */
const mostRefusals = 3
const longestDelay = Duration.toMillis("5 minutes")
const pruneEvery = Duration.toMillis("1 hour")
/** Unsent messages that are kept; of more the oldest go. */
const kept = 1000

/** What is remembered between two looks, and may be lost with the lead. */
interface Memory {
  readonly minute: Minute
  /** The highest id of the look before. */
  seen: number
  /** Of the receiver, in a row. */
  failures: number
  nextPrune: number
}

/**
 * Tells people what the outbox has, for as long as we lead. There is one receiver, so one message is under way at a time,
 * and one that is not taken holds back all behind it: they would meet the same receiver, and would come out of order. A
 * message is sent first and recorded after (at least once). Never fails: whatever it meets delays no deploy (L12).
 */
export const tell = Effect.gen(function* () {
  const { isOn } = yield* Notifier
  const memory: Memory = { minute: new Minute(), seen: -1, failures: 0, nextPrune: 0 }
  const look = isOn ? lookAndTell(memory) : discard
  yield* look.pipe(
    Effect.catchTag("StoreError", (error) =>
      Effect.logWarning("outbox not read").pipe(
        Effect.annotateLogs({ error: error.message }),
        Effect.as(every)
      )
    ),
    Effect.flatMap(Effect.sleep),
    Effect.forever,
    Effect.ensuring(setBacklog(0))
  )
})

/** Nobody is told, and nothing accumulates. */
const discard = Effect.flatMap(Outbox, (outbox) => outbox.discard).pipe(
  Effect.as(Duration.toMillis("1 minute"))
)

/** Answers the milliseconds until the next look. */
const lookAndTell = Effect.fnUntraced(function* (memory: Memory) {
  const outbox = yield* Outbox
  const now = yield* monotonic
  if (now >= memory.nextPrune) {
    yield* outbox.prune
    memory.nextPrune = now + pruneEvery
  }
  const { untold, unreadable, dropped } = yield* outbox.backlog(kept)
  yield* setBacklog(untold.length)
  if (dropped > 0) {
    yield* countNotifications("dropped", dropped)
    yield* Effect.logWarning("notifications dropped: too many wait").pipe(Effect.annotateLogs({ dropped }))
  }
  if (unreadable.length > 0) {
    yield* outbox.drop(unreadable)
    yield* countNotifications("dropped", unreadable.length)
    yield* Effect.logWarning("notifications dropped: unreadable").pipe(
      Effect.annotateLogs({ ids: unreadable })
    )
  }
  const isGathered = untold.some(({ id }) => id <= memory.seen)
  memory.seen = untold.at(-1)?.id ?? memory.seen
  let waiting = untold.length
  for (const message of memory.minute.due(isGathered ? untold : [], now)) {
    const delay = yield* deliver(memory, message)
    if (delay !== null) return delay
    waiting -= message.length
    yield* setBacklog(waiting)
    yield* Effect.sleep(apart)
  }
  return every
})

/** Null: it is done with, and the next may go; else the milliseconds to wait before it is tried again. */
const deliver = Effect.fnUntraced(function* (memory: Memory, message: Message) {
  const notifier = yield* Notifier
  const outbox = yield* Outbox
  const leader = yield* Leader
  const ids = message.map(({ id }) => id)
  return yield* Effect.uninterruptibleMask((restore) =>
    restore(leader.guard(notifier.send(message))).pipe(
      // What was taken is recorded even if we are to end: it would be told twice.
      Effect.andThen(outbox.sent(ids)),
      Effect.andThen(countNotifications("sent", ids.length)),
      Effect.andThen(monotonic),
      Effect.map((now) => {
        memory.failures = 0
        memory.minute.told(message, now)
        return null
      })
    )
  ).pipe(
    Effect.catchTags({
      NotLeading: () => Effect.succeed(every),
      NotifierError: Effect.fnUntraced(function* (error) {
        const refusals = Math.max(...message.map(({ tries }) => tries)) + 1
        if (!error.isRetryable && refusals >= mostRefusals) {
          yield* outbox.drop(ids)
          yield* countNotifications("refused", ids.length)
          yield* Effect.logError("notification given up").pipe(Effect.annotateLogs(about(message, error)))
          return null
        }
        if (!error.isRetryable) yield* outbox.refused(ids)
        yield* countNotifications("failed", 1)
        const asked = error.reason._tag === "Unavailable" ? (error.reason.retryAfter ?? 0) : 0
        const delay = Math.max(yield* delayAfter(memory.failures, longestDelay), asked)
        memory.failures += 1
        yield* Effect.logWarning("notification not sent").pipe(
          Effect.annotateLogs({ ...about(message, error), nextTryMillis: delay })
        )
        return delay
      })
    })
  )
})

const about = ([first, ...others]: Message, error: Error) => ({
  kind: first.notice._tag,
  repository: first.notice.repository,
  notices: others.length + 1,
  error: error.message
})
