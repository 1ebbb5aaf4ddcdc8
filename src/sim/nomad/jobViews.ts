import { Effect } from "effect"
import type { Cluster } from "./Cluster.ts"
import { isActive, needsPromotion } from "./Deployment.ts"
import { childSummary, groupSummaries } from "./groupSummaries.ts"
import type { Read } from "./Http.ts"
import { type Job, jobKey } from "./Job.ts"
import { isObject, type Json, type JsonObject, textOf } from "./Json.ts"
import { byText, type Order, paginate } from "./paginate.ts"
import { refuse, type Refusal } from "./Refusal.ts"

/** All jobs in the order of the list. */
const jobsOf = ({ state }: Cluster): ReadonlyArray<Job> =>
  [...state.jobs].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, job]) => job)

const jobStub = ({ state }: Cluster, job: Job, meta: boolean): JsonObject => ({
  ID: job.ID,
  ParentID: job["ParentID"],
  Name: job.Name,
  Namespace: job.Namespace,
  Datacenters: job.Datacenters,
  NodePool: job.NodePool,
  Multiregion: job["Multiregion"],
  Type: job.Type,
  Priority: job.Priority,
  Periodic: job.Periodic !== null,
  ParameterizedJob: job.ParameterizedJob !== null,
  Stop: job.Stop,
  Status: job.Status,
  StatusDescription: "",
  JobSummary: jobSummary(state, job),
  CreateIndex: job.CreateIndex,
  ModifyIndex: job.ModifyIndex,
  JobModifyIndex: job.JobModifyIndex,
  SubmitTime: job.SubmitTime,
  Meta: meta && job.Meta !== null ? job.Meta : undefined
})

export const jobSummary = (state: Cluster["state"], job: Job): JsonObject => ({
  Children: childSummary(state, job),
  CreateIndex: job.CreateIndex,
  JobID: job.ID,
  ModifyIndex: state.summaryIndex(job),
  Namespace: job.Namespace,
  Summary: groupSummaries(state, job)
})

/** How many a page holds; `undefined` for all. */
export const pageSize = (query: URLSearchParams): Effect.Effect<number | undefined, Refusal> => {
  const asked = query.get("per_page")
  if (asked === null || asked === "") return Effect.succeed(undefined)
  return /^-?\d+$/.test(asked)
    ? Effect.succeed(Number(asked) > 0 ? Number(asked) : undefined)
    : refuse(400, "Expect a number for `per_page` query string parameter")
}

/** A Go boolean, `false` where absent. */
export const boolean = (query: URLSearchParams, name: string): Effect.Effect<boolean, Refusal> => {
  const asked = query.get(name)
  if (asked === null || asked === "") return Effect.succeed(false)
  if (/^(?:1|t|true)$/i.test(asked)) return Effect.succeed(true)
  if (/^(?:0|f|false)$/i.test(asked)) return Effect.succeed(false)
  const words = `Failed to parse value of "${name}" (${asked}) as a bool: strconv.ParseBool: parsing "${asked}": invalid syntax`
  return refuse(500, words)
}

/** `GET /v1/jobs`: stubs by (namespace, id), of the namespaces that who asks may list. */
export const jobList = (
  cluster: Cluster,
  query: URLSearchParams,
  isShown: (job: Job) => boolean,
  perPage: number | undefined,
  meta: boolean
): Read => {
  const { state } = cluster
  const prefix = query.get("prefix") ?? ""
  const matching = jobsOf(cluster).filter((job) => isShown(job) && job.ID.startsWith(prefix))
  const ordered = query.get("reverse") === "true" ? matching.toReversed() : matching
  const index = Math.max(state.tables.jobs, state.tables.summaries)
  const order = byText<Job>((job) => `${job.Namespace}.${job.ID}`)
  // The filter sees the whole job, whatever is shown of it.
  const page = paginate(ordered, query, perPage, order, (job) => job)
  if ("refused" in page) return { index, ...page }
  return { index, body: page.items.map((job) => jobStub(cluster, job, meta)), ...page.next }
}

/** Its page tokens are indexes, and its order turns round what `reverse` says. */
const byChange: Order<Job> = {
  tokenOf: (job) => String(job.ModifyIndex),
  compare: (job, token) => Number(token) - job.ModifyIndex
}

/** `GET|POST /v1/jobs/statuses`: job, newest deployment and allocations of many jobs at once, newest first. */
export const jobStatuses = (
  cluster: Cluster,
  query: URLSearchParams,
  isShown: (job: Job) => boolean,
  wanted: ReadonlyArray<Json> | undefined,
  perPage: number | undefined
): Read => {
  const { state } = cluster
  const keys = wanted?.map((each) =>
    isObject(each) ? jobKey(textOf(each["Namespace"], "default"), textOf(each["ID"])) : ""
  )
  const newest = jobsOf(cluster)
    .filter((job) => isShown(job) && (keys === undefined || keys.includes(jobKey(job.Namespace, job.ID))))
    .toSorted((a, b) => b.ModifyIndex - a.ModifyIndex)
  const ordered = query.get("reverse") === "true" ? newest.toReversed() : newest
  // Unlike every other list it fails with 500 on its filter.
  const page = paginate(ordered, query, keys?.length ?? perPage, byChange, (job) => job, 500)
  if ("refused" in page) return { index: state.tables.jobs, ...page }
  const indexes = page.items.flatMap((job) => [
    job.ModifyIndex,
    ...state.allocationsOf(job.Namespace, job.ID).map((each) => each.ModifyIndex),
    state.latestDeployment(job.Namespace, job.ID)?.ModifyIndex ?? 0
  ])
  return {
    index: indexes.length === 0 ? state.tables.jobs : Math.max(...indexes),
    body: page.items.map((job) => jobStatus(cluster, job)),
    ...page.next
  }
}

const jobStatus = ({ state, node }: Cluster, job: Job): JsonObject => {
  const allocations = state.allocationsOf(job.Namespace, job.ID)
  const deployment = state.latestDeployment(job.Namespace, job.ID)
  const groups = Object.values(deployment?.TaskGroups ?? {})
  const isRunning = deployment?.Status === "running"
  return {
    ID: job.ID,
    Namespace: job.Namespace,
    Name: job.Name,
    Type: job.Type,
    NodePool: job.NodePool,
    Datacenters: job.Datacenters,
    Priority: job.Priority,
    Version: job.Version,
    SubmitTime: job.SubmitTime,
    ModifyIndex: job.ModifyIndex,
    Allocs:
      allocations.length === 0
        ? null
        : allocations.map((each) => ({
            ID: each.ID,
            Group: each.TaskGroup,
            ClientStatus: each.ClientStatus,
            NodeID: node.id,
            DeploymentStatus: {
              Canary: each.DeploymentStatus?.Canary ?? false,
              Healthy: each.DeploymentStatus?.Healthy ?? null
            },
            JobVersion: each.Job.Version,
            FollowupEvalID: each.FollowupEvalID,
            HasPausedTask: false
          })),
    GroupCountSum: job.TaskGroups.reduce((sum, group) => sum + group.Count, 0),
    ChildStatuses: null,
    ParentID: job["ParentID"],
    LatestDeployment:
      deployment === undefined
        ? null
        : {
            ID: deployment.ID,
            IsActive: isActive(deployment),
            JobVersion: deployment.JobVersion,
            Status: deployment.Status,
            StatusDescription: deployment.StatusDescription,
            AllAutoPromote:
              isRunning && groups.every((group) => group.DesiredCanaries === 0 || group.AutoPromote),
            RequiresPromotion: isRunning && needsPromotion(deployment)
          },
    Stop: job.Stop,
    IsPack: job.Meta !== null && "pack.name" in job.Meta,
    Status: job.Status
  }
}
