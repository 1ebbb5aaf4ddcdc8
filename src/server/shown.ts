import type { AttemptAnswer } from "../api/AttemptAnswer.ts"
import type { BrakeAnswer } from "../api/BrakeAnswer.ts"
import type { PlanAnswer } from "../api/PlanAnswer.ts"
import type { DecisionAnswer, DesiredAnswer, ObservedAnswer, ViewAnswer } from "../api/RepositoryAnswer.ts"
import { type Attempt, refusedOrder, standingOrder } from "../domain/Attempt.ts"
import type { BrakeState, Move } from "../domain/BrakeState.ts"
import type { Decision } from "../domain/Decision.ts"
import type { Desired } from "../domain/Desired.ts"
import type { Digest } from "../domain/Digest.ts"
import { type Observed, tagsOf } from "../domain/Observed.ts"
import type { Tag } from "../domain/Tag.ts"
import type { View } from "../domain/View.ts"
import type { Foretold } from "../foresee/Foresight.ts"

/** The domain's values as `/v1` spells them. */

export const showDesired = (desired: Desired): typeof DesiredAnswer.Type => {
  const { requestedGeneration, requestKind, requestedBy } = desired
  const isOpen = requestedGeneration !== null && requestKind !== null && requestedBy !== null
  return {
    generation: desired.generation,
    pinned_tag: desired.pinnedTag,
    auto_deploy: desired.autoDeploy,
    hold: desired.hold,
    request: isOpen
      ? {
          generation: requestedGeneration,
          kind: requestKind,
          by: requestedBy,
          tag: desired.requestTag,
          digest: desired.requestDigest
        }
      : null,
    high_water_mark: desired.highWaterMark,
    updated_by: desired.updatedBy,
    updated_at: desired.updatedAt
  }
}

/** The kinds of decisions. */
export const kinds = {
  InSync: "in_sync",
  Deploy: "deploy",
  Follow: "follow",
  Settle: "settle",
  Wait: "wait",
  Stall: "stall"
} as const

/** `digest` null: of the view, where that has one. */
export const showTarget = (
  { tag, digest }: { readonly tag: Tag; readonly digest: Digest | null },
  view: View | null
) => ({ tag, digest: digest ?? view?.digests.get(tag) ?? null })

/** What a decision is about, or would deploy if nothing stood in the way. */
export const targetOf = (decision: Decision): (typeof DecisionAnswer.Type)["target"] => {
  switch (decision._tag) {
    case "InSync":
    case "Deploy":
      return { tag: decision.tag, digest: decision.digest }
    case "Wait":
    case "Stall":
      return decision.would
    case "Follow":
    case "Settle":
      return null
  }
}

export const showDecision = (decision: Decision, since: Date): typeof DecisionAnswer.Type => ({
  decision: kinds[decision._tag],
  reason: "reason" in decision ? decision.reason : null,
  words: "words" in decision ? decision.words : null,
  target: targetOf(decision),
  attempt: decision._tag === "Settle" ? decision.attempt : null,
  verdict: decision._tag === "Wait" ? decision.verdict : null,
  since
})

/** The tags that the job has, each once, in its order. */
export const runningTags = (observed: Observed | null): ReadonlyArray<Tag> => [...new Set(tagsOf(observed))]

export const showObserved = (observed: Observed, at: Date | null): typeof ObservedAnswer.Type => {
  if (observed._tag !== "Runs") {
    const { reason, words } = observed
    return { at, reason, words, version: null, tasks: [], deployment: null }
  }
  const { version, tasks, deployment } = observed
  return {
    at,
    reason: null,
    words: null,
    version,
    tasks: tasks.map(({ marker, ...task }) => ({ ...task, attempt: marker })),
    deployment: deployment && {
      id: deployment.id,
      status: deployment.status,
      description: deployment.description,
      job_version: deployment.jobVersion,
      requires_promotion: deployment.requiresPromotion
    }
  }
}

export const showView = (view: View, readAt: Date): typeof ViewAnswer.Type => {
  const { takenAt, tags, suspect, doubt = null } = view
  return {
    taken_at: takenAt,
    age_seconds: secondsBetween(takenAt, readAt),
    tags: tags === null ? null : tags.length,
    suspect,
    doubt: doubt && {
      listed: doubt.listed,
      lost: doubt.lost,
      sample: doubt.sample,
      running: doubt.running,
      since: doubt.since
    }
  }
}

export const secondsBetween = (from: Date, to: Date): number =>
  Math.max(0, Math.round((to.getTime() - from.getTime()) / 1000))

export const showAttempt = (attempt: Attempt): AttemptAnswer => {
  const { region, namespace, job } = attempt
  const refused = refusedOrder(attempt)
  const order = standingOrder(attempt) ?? refused?.order ?? null
  return {
    id: attempt.id,
    repository: attempt.repository,
    job: { region, namespace, job },
    generation: attempt.generation,
    reason: attempt.reason,
    request_kind: attempt.requestKind,
    requested_by: attempt.requestedBy,
    from: { tag: attempt.fromTag, digest: attempt.fromDigest },
    to: { tag: attempt.toTag, digest: attempt.toDigest },
    image_sent: attempt.imageSent,
    state: attempt.state,
    phase: attempt.phase,
    words: attempt.words,
    blame: attempt.blame,
    base_index: attempt.baseIndex,
    base_version: attempt.baseVersion,
    nomad_index: attempt.nomadIndex,
    nomad_version: attempt.nomadVersion,
    eval_id: attempt.evalId,
    deployment_id: attempt.deploymentId,
    canaries: attempt.canaries && {
      healthy: attempt.canaries.healthy,
      desired: attempt.canaries.desired,
      since: attempt.canariesSince
    },
    ordered: order && {
      order,
      by: refused === null ? attempt.orderedBy : refused.by,
      why: refused === null ? attempt.orderedWhy : refused.why,
      done_at: attempt.orderDoneAt,
      refused: refused?.words ?? null
    },
    created_at: attempt.createdAt,
    submitted_at: attempt.submittedAt,
    accepted_at: attempt.acceptedAt,
    changed_at: attempt.changedAt,
    ended_at: attempt.endedAt
  }
}

/** `own`: the repositories whose moves are shown; null: all. */
export const showBrake = (brake: BrakeState, own: ReadonlyArray<string> | null): typeof BrakeAnswer.Type => {
  const visible = (moves: ReadonlyArray<Move>) =>
    moves.filter(({ repository }) => own === null || own.includes(repository))
  return {
    id: brake.id,
    since: brake.since,
    stopped: visible(brake.stopped),
    released_at: brake.releasedAt,
    released_by: brake.releasedBy,
    released: brake.released === null ? null : visible(brake.released)
  }
}

export const showPlan = ({
  foreseen: { decision, isExplained, registryFault, viewedAt, readAt },
  would
}: Foretold): PlanAnswer => {
  const outcome = would?.outcome
  return {
    decision: showDecision(decision, readAt),
    explained: isExplained,
    registry_fault: registryFault,
    viewed_at: registryFault === null ? null : viewedAt,
    tag: would?.tag ?? null,
    plan: outcome?._tag === "Planned" ? outcome.plan : null,
    refused: outcome?._tag === "Refused" ? outcome.words : null,
    fault: outcome?._tag === "Untold" ? outcome.words : null
  }
}
