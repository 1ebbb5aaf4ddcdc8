import { Cause, Effect, Stream } from "effect"
import { Deployer } from "../deployer/Deployer.ts"
import type { Hint, Untold } from "../deployer/Hint.ts"
import type { JobWatch } from "./JobWatch.ts"
import { countUnreadEvents, showStream } from "./metrics.ts"
import type { Scope } from "./Scope.ts"

/**
 * Wakes the watches of a namespace's jobs by what Nomad tells of them, until interrupted. Nothing waits here, so that
 * nothing piles up; what is lost or refused is found by the listing, once an interval (L3).
 */
export const listen = Effect.fnUntraced(
  function* (scope: Scope, jobs: ReadonlyArray<JobWatch>) {
    const deployer = yield* Deployer
    const own = new Map(jobs.filter(({ job }) => scope.has(job)).map((watch) => [watch.job.job, watch]))
    let untold: Untold | null = null

    const heed = Effect.fnUntraced(function* (hint: Hint) {
      switch (hint._tag) {
        case "Open":
          yield* showStream(scope, "open")
          if (untold !== null) yield* Effect.logInfo("Nomad tells of changes again")
          untold = null
          return scope.stale()
        case "Missed":
          yield* countUnreadEvents(scope, 1)
          return scope.stale()
        case "Closed": {
          const { why, words } = hint
          yield* showStream(scope, why)
          // A stream also ends with its server, and falls silent when its identity is renewed; another begins soon.
          const log = why === "refused" ? Effect.logWarning : Effect.logInfo
          if (untold !== why)
            yield* log("Nomad tells of no changes: its jobs are listed once an interval").pipe(
              Effect.annotateLogs({ why, words })
            )
          untold = why
          return
        }
        case "Written":
        case "Moved": {
          const watch = own.get(hint.job)
          if (watch === undefined) return
          const isFollowed = scope.follower.isFollowing(watch.job)
          if (isFollowed) scope.follower.hurry()
          // Of a rollout of ours the follower tells the end; a write in it is news all the same.
          if (hint._tag === "Written" || !isFollowed) watch.hint(hint.index)
        }
      }
    })

    const { region, namespace } = scope
    yield* countUnreadEvents(scope, 0)
    yield* Stream.runForEach(deployer.changes({ region, namespace, jobs: [...own.keys()] }), heed)
  },
  (listening, scope) =>
    listening.pipe(
      // A defect of ours ends this and nothing else (S25).
      Effect.catchCause((cause) =>
        Cause.hasInterruptsOnly(cause)
          ? Effect.failCause(cause)
          : Effect.logError("Nomad's events are heeded no more until the next leader", cause)
      ),
      Effect.ensuring(showStream(scope, null)),
      Effect.annotateLogs({ namespace: scope.namespace, region: scope.region })
    )
)
