import { Effect } from "effect"
import { SecureRandom } from "effect/crypto"
import { highestTask, runningDigest } from "../decide/observedImage.ts"
import { type Base, Deployer, type Registered } from "../deployer/Deployer.ts"
import { type Attempt, AttemptId } from "../domain/Attempt.ts"
import type { Deploy } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import type { History } from "../domain/History.ts"
import type { Runs } from "../domain/Observed.ts"
import type { Watched } from "../domain/Watched.ts"
import { type Fence, Leader } from "../store/Leader.ts"
import { StateStore } from "../store/StateStore.ts"
import { countRegister } from "./metrics.ts"

/** What a decision was made of, and the very read that it was made on (S3). */
export interface Ground {
  readonly watched: Watched
  readonly desired: Desired
  readonly runs: Runs
  readonly base: Base
  readonly history: History
}

/** How the register ended; `Refused`: desired state, the fence or the job's open attempt stood against it (S1, S15). */
export type Deployed = Registered | { readonly _tag: "Refused" }

/**
 * The attempt that would be made again just as it is: Nomad did not take it (403, 429, no leader), and nothing that it
 * was decided on has changed since. It is sent again in its own row, however long Nomad has to be waited for.
 */
export const intendedBefore = (
  { tag, reason }: Deploy,
  digest: Digest,
  { desired, runs, history }: Ground
): Attempt | null => {
  const open = history.openAttempt
  return open !== null &&
    open.toTag === tag &&
    open.toDigest === digest &&
    open.reason === reason &&
    open.generation === desired.generation &&
    open.baseIndex === runs.jobModifyIndex
    ? open
    : null
}

/**
 * One attempt: its row before the first byte (S7), one register with check-and-set on the read that was decided on, and
 * what the answer proves. `digest` was fetched with its manifest in this pass (S10); `again` is what `intendedBefore`
 * found, any other intended attempt of the repository is aborted for this one.
 */
export const deploy = Effect.fn("deploy")(function* (
  fence: Fence,
  decision: Deploy,
  digest: Digest,
  { watched, desired, runs, base, history }: Ground,
  again: Attempt | null
) {
  const deployer = yield* Deployer
  const leader = yield* Leader
  const store = yield* StateStore
  const random = yield* SecureRandom.SecureRandom
  const id = again?.id ?? AttemptId.make(yield* random.uuidV7())
  const to = { tag: decision.tag, digest }
  const edit = yield* deployer.edit(base, to, id)
  const replaced = highestTask(runs)
  const intent = {
    id,
    repository: watched.name,
    job: watched.mapping.job,
    generation: desired.generation,
    reason: decision.reason,
    request: decision.reason === "requested" ? requestOf(desired) : null,
    from: { tag: replaced.tag, digest: runningDigest(replaced, desired, history) },
    to,
    imageSent: edit.imageSent,
    jobHash: edit.jobHash,
    fingerprint: watched.fingerprint,
    baseIndex: edit.baseIndex,
    baseVersion: edit.baseVersion
  }
  return yield* Effect.gen(function* () {
    const stale = again === null ? history.openAttempt : null
    if (stale !== null) yield* store.move(fence, stale.id, "aborted", stale.words ?? "never sent")
    const isIntended = again !== null || (yield* store.intend(fence, intent))
    if (!isIntended) return { _tag: "Refused" } satisfies Deployed
    if (!(yield* leader.guard(store.submit(fence, id)))) {
      yield* store.move(fence, id, "aborted", "desired state changed before it was sent")
      return { _tag: "Refused" } satisfies Deployed
    }
    yield* Effect.logInfo("registering").pipe(
      Effect.annotateLogs({ image: edit.imageSent, reason: decision.reason, from: replaced.image })
    )
    const registered = yield* leader.guard(deployer.register(edit))
    yield* record(fence, id, registered)
    return registered satisfies Deployed
  }).pipe(Effect.annotateLogs({ attempt: id, tag: to.tag, digest }))
})

const requestOf = ({ requestKind: kind, requestedBy: by }: Desired) =>
  kind === null || by === null ? null : { kind, by }

/** Where an attempt goes by an answer that is no acceptance (`design.md` §6). */
const movesTo = {
  Conflict: "conflict",
  Rejected: "rejected",
  NotApplied: "intended",
  Unknown: "unknown"
} as const

/** Writes what Nomad's answer proves; the answer of a register that lost its fence is dropped. */
const record = Effect.fnUntraced(function* (fence: Fence, id: AttemptId, registered: Registered) {
  const store = yield* StateStore
  yield* countRegister(registered._tag)
  if (registered._tag === "Accepted") {
    const { nomadIndex, evalId } = registered
    yield* store.accept(fence, id, { nomadIndex, nomadVersion: null, evalId })
    yield* Effect.logInfo("accepted").pipe(Effect.annotateLogs({ nomadIndex }))
    return
  }
  const { _tag: answer, words } = registered
  yield* store.move(fence, id, movesTo[answer], words)
  yield* Effect.logWarning("not accepted").pipe(Effect.annotateLogs({ answer, words }))
})
