import { Effect } from "effect"
import type { Deployer } from "../deployer/Deployer.ts"
import { type JobRef, scopeKey } from "../domain/JobRef.ts"
import { Unread } from "../domain/Observed.ts"
import type { Pace } from "../reconcile/Pace.ts"
import { paceOf } from "../reconcile/poll.ts"
import type { RegistryClient } from "../registry/RegistryClient.ts"
import { RegistryError, Unavailable } from "../registry/RegistryError.ts"

/** What a host said last while it did not answer, to those who come before it is asked again. */
export type Faults = Map<string, string>

const askedAgain = (words: string, left: number): string =>
  `${words}; it is asked again in ${Math.ceil(left / 1000)} s`

/** A client that leaves a registry alone which did not answer, until its back-off is over (L7). */
export const pacedRegistry = (
  client: RegistryClient["Service"],
  pace: Pace,
  faults: Faults
): RegistryClient["Service"] => {
  const paced = <A>(
    host: string,
    { registry, image }: { readonly registry: string; readonly image: string },
    call: Effect.Effect<A, RegistryError>
  ): Effect.Effect<A, RegistryError> =>
    Effect.gen(function* () {
      const left = yield* pace.wait(host)
      if (left > 0) {
        const words = askedAgain(faults.get(host) ?? "it did not answer", left)
        const reason = new Unavailable({ words, retryAfter: Math.ceil(left), cause: "back-off" })
        return yield* new RegistryError({ registry, image, reason })
      }
      return yield* call.pipe(
        Effect.tap(pace.answered(host)),
        Effect.tapError(({ reason }) => {
          // Any other word of the host's is an answer.
          if (reason._tag !== "Unavailable") return Effect.asVoid(pace.answered(host))
          faults.set(host, reason.words)
          return Effect.asVoid(pace.failed(host, reason.retryAfter))
        })
      )
    })
  return {
    tags: (repository) => paced(paceOf(repository.registry, "fault"), repository, client.tags(repository)),
    resolve: (repository, tag) =>
      paced(paceOf(repository.registry, "fault"), repository, client.resolve(repository, tag)),
    manifest: (repository, reference) =>
      paced(paceOf(repository.registry, "manifestFault"), repository, client.manifest(repository, reference))
  }
}

/** A deployer that leaves Nomad alone about the namespace of this job while it does not answer for it. */
export const pacedDeployer = (
  deployer: Deployer["Service"],
  job: JobRef,
  pace: Pace,
  faults: Faults
): Deployer["Service"] => {
  const scope = scopeKey(job)
  const heard = ({ reason, words }: Unread) => {
    if (reason !== "nomad_unreachable") return Effect.asVoid(pace.answered(scope))
    faults.set(scope, words)
    return Effect.asVoid(pace.failed(scope, null))
  }
  const silent = (left: number): Unread =>
    Unread.make({
      reason: "nomad_unreachable",
      words: askedAgain(faults.get(scope) ?? "Nomad did not answer", left)
    })
  return {
    ...deployer,
    observe: Effect.fnUntraced(function* (mapping) {
      const left = yield* pace.wait(scope)
      if (left > 0) return { observed: silent(left), base: undefined }
      const observation = yield* deployer.observe(mapping)
      const { observed } = observation
      yield* observed._tag === "Unread" ? heard(observed) : pace.answered(scope)
      return observation
    }),
    // Asked right after the job was read, which the pace let through.
    plan: (base, target) =>
      deployer.plan(base, target).pipe(Effect.tap(pace.answered(scope)), Effect.tapError(heard))
  }
}
