import { Effect } from "effect"
import { Conflict } from "../api/ApiError.ts"
import { Caller } from "../api/Authorization.ts"
import { type Attempt, isBeingFailed, type RolloutOrder, standingOrder } from "../domain/Attempt.ts"
import type { Watched } from "../domain/Watched.ts"
import { StateStore } from "../store/StateStore.ts"
import { attemptOf } from "./attemptOf.ts"
import { type Expected, isOutdated } from "./expected.ts"
import { orUnavailable } from "./orUnavailable.ts"
import type { Ordered } from "./orders.ts"

/** The canaries of this attempt's rollout are wanted: the rest of it follows. */
export const promote = (watched: Watched, id: string, expected: Expected) =>
  orderRollout(watched, id, { order: "promote", expected })

/**
 * This attempt's image is not wanted: its rollout fails, and no automatic move deploys its digest again (S11). Whether
 * the job goes back is for its own `auto_revert` to say.
 */
export const fail = (watched: Watched, id: string, why: string | undefined, expected: Expected) =>
  orderRollout(watched, id, { order: "fail", expected, ...(why !== undefined && { why }) })

const orderRollout = Effect.fn("orderRollout")(function* (
  { name, mode }: Watched,
  id: string,
  {
    order,
    why,
    expected
  }: {
    readonly order: RolloutOrder
    readonly why?: string
    readonly expected: Expected
  }
) {
  const store = yield* StateStore
  const attempt = yield* attemptOf(name, id)
  const { name: by, from } = yield* Caller
  if (mode === "plan") {
    return {
      message: `${name}: in mode "plan" no rollout is promoted or failed; nothing was changed`,
      desired: yield* orUnavailable(store.desired(name))
    } satisfies Ordered
  }
  const asked = {
    repository: name,
    attempt: attempt.id,
    order,
    ...(why !== undefined && { why }),
    ...(expected !== null && { expected })
  }
  const { desired, ordered } = yield* store.orderRollout({ ...asked, by, from }).pipe(
    Effect.catchTag("StaleGeneration", () => isOutdated(name)),
    (sent) => Effect.catchTag(sent, "StoreError", (error) => orUnavailable(Effect.fail(error)))
  )
  if (!ordered) {
    const because = whyNot(yield* attemptOf(name, id), order)
    return yield* new Conflict({ message: `${name}: ${because}; nothing was changed` })
  }
  return { message: `${name}: ${consequences[order](attempt)}`, desired } satisfies Ordered
})

const consequences: Record<RolloutOrder, (attempt: Attempt) => string> = {
  promote: ({ toTag }) => `the canaries of ${toTag} are promoted now, and the rest of its rollout follows`,
  fail: ({ toTag }) =>
    `the rollout of ${toTag} is failed now, and this image is not deployed again by itself; Nomad rolls the job back where it has auto_revert, else roll it back`
}

/** Of the attempt as it was found to be after the order was refused. */
const whyNot = (attempt: Attempt, order: RolloutOrder): string => {
  const { state, toTag, deploymentId, orderedDeployment, orderedBy, orderSentAt, canaries, words } = attempt
  const standing = standingOrder(attempt)
  if (state !== "accepted") return `attempt ${attempt.id} at ${toTag} is ${state}, and no rollout goes on`
  if (deploymentId === null)
    return `Nomad has no deployment for ${toTag}${order === "fail" ? ", so that none can fail: roll it back" : " yet"}`
  if (isBeingFailed(attempt)) return `${orderedBy} has ordered already that the rollout of ${toTag} fails`
  if (standing === "promote" || (orderedDeployment === deploymentId && orderSentAt !== null))
    return `the canaries of ${toTag} are being promoted already${attempt.ordered === null ? "" : `, as ${orderedBy} ordered`}`
  if (canaries !== null && canaries.ended > 0)
    return `${canaries.healthy} of ${canaries.desired} canaries of ${toTag} are healthy, and Nomad replaces none that ended: fail the rollout`
  return `the rollout of ${toTag} does not wait to be promoted${words === null ? "" : ` (${words})`}`
}
