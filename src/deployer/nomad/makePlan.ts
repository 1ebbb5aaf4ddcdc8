import { Effect, Option, Redacted } from "effect"
import type { JobRef } from "../../domain/JobRef.ts"
import type { PlanOutcome } from "../../domain/JobPlan.ts"
import type { RawJob } from "./editJob.ts"
import { decodeAnswer, readAnswer, unreachable } from "./makeRead.ts"
import type { NomadHttp } from "./NomadHttp.ts"
import type { NomadReads } from "./NomadReads.ts"
import { PlanAnswer, readPlan } from "./readPlan.ts"
import { readRegistered } from "./readRegistered.ts"

const decodePlan = decodeAnswer(PlanAnswer, "a plan")

/** Asks Nomad what a register of `job` would do; `index` is the `JobModifyIndex` that it was read at. */
export const makePlan = (http: NomadHttp, reads: NomadReads) =>
  Effect.fnUntraced(function* (ref: JobRef, job: RawJob, index: number) {
    const query = reads.scopeQuery(ref)
    const { namespace } = query
    const answer = yield* http({
      method: "POST",
      path: `/v1/job/${encodeURIComponent(ref.job)}/plan`,
      query,
      body: Redacted.make(JSON.stringify({ Job: job, Diff: true }))
    }).pipe(Effect.mapError(({ words }) => unreachable(`Nomad did not answer: ${words}`)))
    const said = readRegistered(answer, { namespace, baseIndex: index })
    if (said._tag === "Rejected") return { _tag: "Refused", words: said.words } satisfies PlanOutcome
    const read = yield* readAnswer(answer, "plan-job (submit-job before Nomad 1.11.2)", namespace)
    if (Option.isNone(read)) return yield* Effect.fail(unreachable("Nomad has no plans"))
    const planned = yield* decodePlan(read.value)
    // A diff against somebody else's change would show what that put in.
    if (planned.JobModifyIndex !== index)
      return yield* Effect.fail(unreachable("somebody wrote the job meanwhile: ask again"))
    return { _tag: "Planned", plan: readPlan(planned) } satisfies PlanOutcome
  })
