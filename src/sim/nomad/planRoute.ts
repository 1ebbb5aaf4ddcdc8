import { Effect } from "effect"
import { evaluationJson } from "./Evaluation.ts"
import { type Asked, may } from "./Asked.ts"
import { nextLaunch } from "./children.ts"
import { type Answer, bodyOf, writeAnswer } from "./Http.ts"
import { refuseForeignRegion } from "./registerRoute.ts"
import { withScalingIds } from "./scaling.ts"
import { millis, rfc3339, toMillis } from "./time.ts"
import type { Job } from "./Job.ts"
import { specChanged } from "./jobChange.ts"
import { type GroupDiff, type JobDiff, jobDiff, type TaskDiff } from "./jobDiff.ts"
import { isObject, textOf } from "./Json.ts"
import { newEvaluation } from "./newEvaluation.ts"
import { planJob } from "./planJob.ts"
import type { DesiredCount } from "./reconcileGroup.ts"
import { multiError, refuse, type Refusal } from "./Refusal.ts"
import { admit, type Writer } from "./registerJob.ts"

/** `POST /v1/job/:id/plan`: what a register would do at first. Nothing is stored. */
export const planRoute = (writer: Writer, request: Asked, id: string): Effect.Effect<Answer, Refusal> =>
  Effect.gen(function* () {
    const { cluster } = writer
    const body = yield* bodyOf(request)
    const given = body["Job"]
    if (!isObject(given)) return yield* refuse(400, "Job must be specified")
    if (textOf(given["ID"]) === "") return yield* refuse(400, "Job must have a valid ID")
    if (given["ID"] !== id) return yield* refuse(400, "Job ID does not match")
    yield* refuseForeignRegion(writer, request, body, given)
    const namespace = request.query.get("namespace") || textOf(given["Namespace"], "default")
    yield* request.who
    const { job: admitted, errors } = admit(cluster, given, namespace)
    if (errors.length > 0) return yield* refuse(500, multiError(errors))
    yield* may(request, namespace, "submit-job", "plan-job")
    // Before, it looks every token up among those of ACLs, where that of a task cannot be.
    const token = request.token ?? ""
    if (token !== "" && token.length !== 36 && !cluster.has("identityPlans")) {
      return yield* refuse(500, "acl token lookup failed: index error: UUID must be 36 characters")
    }
    const stored = cluster.state.job(namespace, id)
    const posted = { ...admitted, NomadTokenID: textOf(stored?.["NomadTokenID"]) }
    const job = withScalingIds(stored, posted, cluster.newId)
    const changed = stored === undefined || specChanged(stored, job)
    const next: Job = changed
      ? { ...job, Version: (stored?.Version ?? -1) + 1, JobModifyIndex: (stored?.JobModifyIndex ?? 0) + 1 }
      : stored
    const plan = planJob(cluster, { ID: "", Namespace: namespace, JobID: id }, next)
    const index = stored?.JobModifyIndex ?? 0
    const launch = nextLaunch(job, toMillis(cluster.now()))
    const counts = Object.fromEntries([...plan.groups].map(([name, group]) => [name, group.counts]))
    const blocked =
      plan.refused === null
        ? null
        : [
            evaluationJson(
              newEvaluation(cluster, next, "queued-allocs", 0, cluster.now(), {
                Status: "blocked",
                StatusDescription: "created to place remaining allocations",
                FailedTGAllocs: plan.refused
              })
            )
          ]
    return writeAnswer(index, {
      Annotations: { DesiredTGUpdates: plan.counts, PreemptedAllocs: null },
      CreatedEvals: blocked,
      Diff: body["Diff"] === true ? annotated(jobDiff(stored, next, true), counts) : null,
      FailedTGAllocs: plan.refused,
      Index: index,
      JobModifyIndex: index,
      NextPeriodicLaunch: rfc3339(launch === undefined ? null : millis(launch)),
      Warnings: ""
    })
  })

const updates: ReadonlyArray<readonly [DesiredCount, string]> = [
  ["Ignore", "ignore"],
  ["Place", "create"],
  ["Migrate", "migrate"],
  ["Stop", "destroy"],
  ["Canary", "canary"],
  ["InPlaceUpdate", "in-place update"],
  ["DestructiveUpdate", "create/destroy update"]
]

/** The diff with what the scheduler would do, and what each change of a task forces, by Nomad's rule of thumb. */
const annotated = (
  diff: JobDiff,
  counts: Readonly<Record<string, Readonly<Record<DesiredCount, number>>>>
): JobDiff => ({
  ...diff,
  TaskGroups: (diff.TaskGroups ?? []).map((group): GroupDiff => {
    const own = counts[group.Name]
    const found = updates.flatMap(([key, name]) => (own?.[key] ? [[name, own[key]] as const] : []))
    return {
      ...group,
      Updates: Object.fromEntries(found),
      Fields:
        group.Fields?.map((field) =>
          field.Name === "Count" ? { ...field, Annotations: [countForces(field)] } : field
        ) ?? null,
      Tasks: group.Tasks?.map((task) => ({ ...task, Annotations: taskForces(task, group) })) ?? null
    }
  })
})

const countForces = ({ Old, New }: { readonly Old: string; readonly New: string }): string =>
  Number(Old) < Number(New) ? "forces create" : "forces destroy"

const mild = new Set(["Service", "Constraint", "Affinity", "Spread"])

const taskForces = (task: TaskDiff, group: GroupDiff): ReadonlyArray<string> | null => {
  if (task.Type === "None") return null
  if (group.Type === "Added" && task.Type === "Added") return ["forces create"]
  if (group.Type === "Deleted" && task.Type === "Deleted") return ["forces destroy"]
  // Shown with its context a log's change counts as one of `Disabled`, whatever it was.
  const isHard =
    task.Fields?.some(({ Name }) => Name !== "KillTimeout") === true ||
    task.Objects?.some(({ Name }) => !mild.has(Name)) === true
  return [isHard ? "forces create/destroy update" : "forces in-place update"]
}
