import { Effect } from "effect"
import type { AttemptAnswer } from "../api/AttemptAnswer.ts"
import { until } from "./DemoError.ts"
import { ask, imageOf, summaries, type Summary } from "./Scene.ts"
import type { Stage } from "./Stage.ts"

type Attempt = typeof AttemptAnswer.Encoded

/** The instance that acts, once there is one. */
export const acting = (stage: Stage) =>
  until(
    "an instance to act",
    Effect.gen(function* () {
      for (const each of stage.instances) if (yield* each.leads) return each
      return undefined
    })
  )

/** Every attempt at this digest, the newest first. */
export const attemptsAt = (stage: Stage, repository: string, digest: string) =>
  Effect.map(
    ask<{ readonly attempts: ReadonlyArray<Attempt> }>(stage, `/v1/repositories/${repository}/attempts`),
    ({ attempts }) => attempts.filter(({ to }) => to.digest === digest)
  )

/** Waits until Nomad runs exactly this image, and the controller says that nothing is left to do. */
export const deployed = Effect.fnUntraced(function* (
  stage: Stage,
  repository: string,
  tag: string,
  digest: string
) {
  const image = `${stage.registry.origin.host}/${repository}:${tag}@${digest}`
  const rolledOut = Effect.map(stage.nomad.job("default", repository), (job) =>
    job?.Stable === true && imageOf(job) === image ? true : undefined
  )
  yield* until(`Nomad to run ${image}`, rolledOut)
  yield* until(
    `the attempt at ${tag} to have succeeded`,
    attemptState(stage, repository, digest, "succeeded")
  )
  return yield* inSync(stage, repository)
})

/** The newest attempt at this digest, once it is in that state. */
export const attemptState = (stage: Stage, repository: string, digest: string, state: Attempt["state"]) =>
  Effect.map(attemptsAt(stage, repository, digest), ([newest]) =>
    newest?.state === state ? newest : undefined
  )

/** The repository as it is shown once its decision is such a one. */
export const decided = (
  stage: Stage,
  repository: string,
  what: string,
  isIt: (decision: NonNullable<Summary["decision"]>) => boolean
) =>
  until(
    what,
    Effect.map(summaries(stage), (known) => {
      const summary = known.get(repository)
      return summary?.decision != null && isIt(summary.decision) ? summary : undefined
    })
  )

/** The repository once nothing is left to do. */
export const inSync = (stage: Stage, repository: string) =>
  decided(stage, repository, `${repository} to be in sync`, ({ decision }) => decision === "in_sync")

/** How often the controller listed the tags of a repository; whoever else does names no page size. */
export const listings = (stage: Stage, repository: string) =>
  Effect.map(
    stage.registry.requests,
    (requests) => requests.filter(({ path }) => path.startsWith(`/v2/${repository}/tags/list?n=`)).length
  )
