import { Effect } from "effect"
import { Ballot } from "../decide/Ballot.ts"
import { isFree } from "../decide/brake.ts"
import { decide } from "../decide/decide.ts"
import type { Seen } from "../decide/elect.ts"
import { digestAskedFor, judgeManifest, untoldManifest } from "../decide/manifest.ts"
import type { Situation } from "../decide/Situation.ts"
import { type Base, Deployer } from "../deployer/Deployer.ts"
import type { Decision, Deploy } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import { markersOf, type Observed } from "../domain/Observed.ts"
import { type View, withDigest } from "../domain/View.ts"
import type { Watched } from "../domain/Watched.ts"
import { aim } from "../reconcile/aim.ts"
import { askManifest } from "../registry/askManifest.ts"
import { StateStore } from "../store/StateStore.ts"
import { look } from "./look.ts"

/** What a repository is and what would become of it, were it acted on now. */
export interface Foreseen {
  readonly watched: Watched
  readonly desired: Desired
  readonly observed: Observed
  readonly decision: Decision
  /** The job as it was read; undefined where `observed` is not `Runs`. */
  readonly base: Base | undefined
  /** False for a move that no push explains, as far as is known: it counts for the brake (S17). */
  readonly isExplained: boolean
  /** Why the registry did not say what it has now: what is decided goes by the last good view. Null: it did. */
  readonly registryFault: string | null
  /** When that view was taken; null: there is none. */
  readonly viewedAt: Date | null
  /** By Postgres's clock. */
  readonly readAt: Date
}

/**
 * Reads the three states of a repository anew and decides as the leader would, in mode `act`; of what all repositories
 * together leave of that, `weighAmongAll` tells. Registers nothing and records nothing: what was read is forgotten again.
 */
export const foresee = Effect.fn("foresee")(function* (watched: Watched) {
  const store = yield* StateStore
  const deployer = yield* Deployer
  const { observed, base } = yield* deployer.observe(watched.mapping)
  const { desired, history } = yield* store.remembered(watched.name, watched.mapping.job, markersOf(observed))
  const before = yield* store.view(watched.name)
  // Where the job can not be acted on, nothing that the registry says makes a difference.
  const { seen, fault } =
    observed._tag === "Runs"
      ? yield* look({ watched, desired, runs: observed, history, before })
      : { seen: null, fault: null }
  const situation: Situation = {
    watched: { ...watched, mode: "act" },
    desired,
    seen,
    registryFault: fault,
    requestFault: null,
    observed,
    history,
    now: history.readAt
  }
  const { decision } = yield* aim(situation, decide(situation), fetch, (_, decision) =>
    Effect.succeed(decision)
  )
  return {
    watched,
    desired,
    observed,
    decision,
    base,
    isExplained: yield* explains(watched, desired, decision, before),
    registryFault: fault,
    viewedAt: before?.takenAt ?? null,
    readAt: history.readAt
  } satisfies Foreseen
})

const fetch = Effect.fnUntraced(function* (decision: Deploy, { watched, desired, seen, now }: Situation) {
  const { tag } = decision
  const byDigest = digestAskedFor(decision, desired)
  return yield* askManifest(watched, byDigest ?? tag).pipe(
    Effect.match({
      onFailure: ({ message }) => ({ fetched: untoldManifest(decision, message), seen }),
      onSuccess: (answer) => {
        const fetched = judgeManifest(decision, desired, answer)
        if (seen === null || byDigest !== null) return { fetched, seen }
        const notImages = new Set([...(seen.notImages ?? []), tag])
        const learnt: Seen =
          answer._tag !== "NotAnImage"
            ? learn(seen, withDigest(seen.view, tag, answer._tag === "Image" ? answer.digest : null, now))
            : fetched._tag === "Passed"
              ? { ...seen, notImages }
              : seen
        return { fetched, seen: learnt }
      }
    })
  )
})

const learn = (seen: Seen, view: View): Seen => ({
  ...seen,
  view,
  ballot: view.tags?.length === seen.view.tags?.length ? seen.ballot : new Ballot(view.tags ?? [])
})

/** Whether the brake would let this go, however many there are. */
const explains = Effect.fnUntraced(function* (
  { name, fingerprint }: Watched,
  { pinnedTag }: Desired,
  decision: Decision,
  before: View | null
) {
  if (decision._tag !== "Deploy" || decision.reason === "requested") return true
  const { tag, digest, reason } = decision
  const store = yield* StateStore
  const move = { repository: name, tag, digest }
  const isPinned = pinnedTag !== ""
  const known = before?.digests.get(tag)
  // Pushed since the leader looked last, or while none did.
  const isNews = isPinned
    ? known !== undefined && digest !== null && known !== digest
    : before?.tags?.includes(tag) === false
  return isFree(yield* store.weighMove(move, { fingerprint, isPinned, isNews }), reason)
})
