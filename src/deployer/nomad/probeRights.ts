import { Effect, Option, Redacted } from "effect"
import type { JobRef } from "../../domain/JobRef.ts"
import type { ObservedTask } from "../../domain/Observed.ts"
import type { Right, Rights } from "../Deployer.ts"
import { postable, type RawJob } from "./editJob.ts"
import type { NomadHttp } from "./NomadHttp.ts"
import type { NomadJob } from "./NomadJob.ts"
import type { NomadReads } from "./NomadReads.ts"
import { readRegistered } from "./readRegistered.ts"

/**
 * No job ever has it. Nomad looks at the rights of a register, then at check-and-set, then writes (`doRegister` in
 * `nomad/job_endpoint.go`): a conflict proves that the rights are there, and nothing is written.
 */
const impossibleIndex = Number.MAX_SAFE_INTEGER

const held: Right = { _tag: "Held" }
const missing = (words: string): Right => ({ _tag: "Missing", words })
const untold = (words: string): Right => ({ _tag: "Untold", words })

/**
 * Tries the rights on one job. A plan would not do: it asks for `plan-job`, which a deploy does not need, and says
 * nothing of the right to the job's volumes (`nomad-api.md` §1.7).
 */
export const makeProbeRights = (
  http: NomadHttp,
  reads: NomadReads,
  vaultToken: Redacted.Redacted | undefined
) => {
  const register = Effect.fnUntraced(function* (ref: JobRef, job: RawJob, view: NomadJob) {
    const query = reads.scopeQuery(ref)
    const same = postable(job, view)
    const body = {
      Job: vaultToken === undefined ? same : { ...same, VaultToken: Redacted.value(vaultToken) },
      EnforceIndex: true,
      JobModifyIndex: impossibleIndex,
      PreserveCounts: true
    }
    const call = {
      method: "POST",
      path: "/v1/jobs",
      query,
      body: Redacted.make(JSON.stringify(body))
    } as const
    const answer = yield* Effect.catch(http(call), Effect.succeed)
    const said = readRegistered(answer, { namespace: query.namespace, baseIndex: impossibleIndex })
    if (said._tag === "Conflict") return held
    if (said._tag === "Accepted") return untold("Nomad took a register that check-and-set had to refuse")
    return said._tag === "NotApplied" && said.forbidden ? missing(said.words) : untold(said.words)
  })

  const logs = Effect.fnUntraced(
    function* (ref: JobRef, tasks: ReadonlyArray<ObservedTask>) {
      const allocations = yield* reads.allocations(ref)
      const places = Option.getOrElse(allocations, () => []).flatMap(({ ID, TaskGroup, TaskStates }) =>
        tasks.flatMap(({ group, task }) =>
          group === TaskGroup && TaskStates?.[task] !== undefined ? [{ allocation: ID, task }] : []
        )
      )
      const [place] = places
      if (place === undefined) return untold("no allocation has a log to try it on")
      const query = {
        ...reads.scopeQuery(ref),
        task: place.task,
        type: "stderr",
        plain: "true",
        origin: "end",
        offset: "1"
      }
      const path = `/v1/client/fs/logs/${encodeURIComponent(place.allocation)}`
      const { status } = yield* http({ method: "GET", path, query })
      if (status === 403) return missing(`the token needs read-logs in namespace "${query.namespace}"`)
      // 404: the task has written nothing; whether it may be read was looked at before.
      return status === 200 || status === 404 ? held : untold(`Nomad answered ${status}`)
    },
    Effect.catch(({ words }) => Effect.succeed(untold(words)))
  )

  return (
    ref: JobRef,
    job: RawJob,
    view: NomadJob,
    tasks: ReadonlyArray<ObservedTask>
  ): Effect.Effect<Rights> => Effect.all({ register: register(ref, job, view), logs: logs(ref, tasks) })
}
