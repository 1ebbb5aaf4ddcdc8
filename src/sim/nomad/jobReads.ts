import { allocationStub, isTerminal } from "./Allocation.ts"
import type { Cluster } from "./Cluster.ts"
import { deploymentJson } from "./Deployment.ts"
import { evaluationJson } from "./Evaluation.ts"
import { metadata, type Read } from "./Http.ts"
import { asList, groupOf, type Job, jobKey } from "./Job.ts"
import { jobDiff } from "./jobDiff.ts"
import { jobSummary } from "./jobViews.ts"
import { isObject, textOf } from "./Json.ts"

export const jobOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  return job === undefined
    ? { index: state.tables.jobs, missing: "job not found" }
    : { index: job.ModifyIndex, body: job }
}

export const summaryOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  return job === undefined
    ? { index: state.tables.summaries, missing: "job not found" }
    : { index: state.summaryIndex(job), body: jobSummary(state, job) }
}

/** Against which version the diffs are: each to the one before it, or all to that number or tag; `undefined` for none. */
export type Against = "each before" | { readonly version: number } | { readonly tag: string } | undefined

export const versionsOf = ({ state }: Cluster, namespace: string, id: string, against: Against): Read => {
  const versions = state.versionsOf(namespace, id)
  if (versions.length === 0) return { index: state.tables.jobs, missing: "job versions not found" }
  const index = Math.max(...versions.map((each: Job) => each.ModifyIndex))
  const body = { ...metadata, KnownLeader: true, Index: index, Versions: versions }
  if (against === undefined) return { index, body: { ...body, Diffs: null } }
  if (against === "each before") {
    // The oldest that is kept has none.
    const Diffs = versions.slice(1).map((older, at) => jobDiff(older, versions[at] ?? older, true))
    return { index, body: { ...body, Diffs } }
  }
  const isIt = (each: Job) =>
    "tag" in against ? each.VersionTag?.["Name"] === against.tag : each.Version === against.version
  const fixed = versions.find(isIt)
  if (fixed === undefined) {
    const what = "tag" in against ? `tag ${JSON.stringify(against.tag)}` : `version ${against.version}`
    return { index, refused: { status: 500, words: `${what} not found` } }
  }
  return { index, body: { ...body, Diffs: versions.map((each) => jobDiff(fixed, each, true)) } }
}

export const submissionOf = ({ state }: Cluster, namespace: string, id: string, version: number): Read => {
  const found = state.submissions.get(jobKey(namespace, id))?.find((each) => each.Version === version)
  return found === undefined
    ? { index: 0, missing: "job source not found" }
    : { index: found.JobModifyIndex, body: found }
}

export const allocationsOf = ({ state, node }: Cluster, namespace: string, id: string): Read => ({
  index: state.tables.allocations,
  body: state.allocationsOf(namespace, id).map((each) => allocationStub(each, node))
})

export const evaluationsOf = ({ state }: Cluster, namespace: string, id: string): Read => ({
  index: state.tables.evaluations,
  body: state.evaluationsOf(namespace, id).map(evaluationJson)
})

export const deploymentsOf = ({ state }: Cluster, namespace: string, id: string): Read => ({
  index: state.tables.deployments,
  body: state.deploymentsOf(namespace, id).map(deploymentJson)
})

export const deploymentOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const latest = state.latestDeployment(namespace, id)
  return { index: state.tables.deployments, body: latest === undefined ? null : deploymentJson(latest) }
}

/** `GET /v1/job/:id/scale`: how far each group is; canaries do not count. */
export const scaleOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  if (job === undefined) return { index: state.index, missing: "job not found" }
  const allocations = state
    .allocationsOf(namespace, id)
    .filter((each) => !isTerminal(each) && each.DeploymentStatus?.Canary !== true)
  const groups = job.TaskGroups.map(({ Name, Count }) => {
    const own = allocations.filter((each) => each.TaskGroup === Name)
    const healthy = (is: boolean) => own.filter((each) => each.DeploymentStatus?.Healthy === is).length
    const Events = state.scalings(namespace, id, Name)
    return [
      Name,
      {
        Desired: Count,
        Events: Events.length === 0 ? null : Events,
        Healthy: healthy(true),
        Placed: own.length,
        Running: own.filter(({ ClientStatus }) => ClientStatus === "running").length,
        Unhealthy: healthy(false)
      }
    ]
  })
  const { CreateIndex, ModifyIndex } = job
  return {
    index: Math.max(ModifyIndex, ...allocations.map((each) => each.ModifyIndex)),
    body: {
      JobCreateIndex: CreateIndex,
      JobID: id,
      JobModifyIndex: ModifyIndex,
      JobStopped: job.Stop,
      Namespace: namespace,
      TaskGroups: Object.fromEntries(groups)
    }
  }
}

/** `GET /v1/job/:id/services`: what Nomad's own discovery knows of the running allocations. */
export const servicesOf = ({ state, node }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  if (job === undefined) return { index: 0, missing: "job not found" }
  const running = state.allocationsOf(namespace, id).filter((each) => each.ClientStatus === "running")
  const found = running.flatMap((allocation) => {
    const group = groupOf(allocation.Job, allocation.TaskGroup)
    const named = [
      ...asList(group?.["Services"]),
      ...(group?.Tasks ?? []).flatMap((task) => asList(task["Services"]))
    ]
    return named.filter(isObject).flatMap((service) =>
      service["Provider"] !== "nomad"
        ? []
        : [
            {
              Address: "127.0.0.1",
              AllocID: allocation.ID,
              CreateIndex: allocation.CreateIndex,
              Datacenter: "dc1",
              ID: `_nomad-task-${allocation.ID}-group-${allocation.TaskGroup}-${textOf(service["Name"])}-${textOf(service["PortLabel"])}`,
              JobID: id,
              ModifyIndex: allocation.CreateIndex,
              Namespace: namespace,
              NodeID: node.id,
              Port: 0,
              ServiceName: service["Name"] ?? "",
              Tags: service["Tags"] ?? []
            }
          ]
    )
  })
  return { index: Math.max(1, ...found.map((each) => each.ModifyIndex)), body: found }
}

/** `GET /v1/job/:id/actions`: the commands that its tasks offer. */
export const actionsOf = ({ state }: Cluster, namespace: string, id: string): Read => {
  const job = state.job(namespace, id)
  if (job === undefined) return { index: 0, refused: { status: 500, words: `Unknown job "${id}"` } }
  const found = job.TaskGroups.flatMap((group) =>
    group.Tasks.flatMap((task) =>
      asList(task["Actions"])
        .filter(isObject)
        .map(({ Name, Command, Args }) => ({
          Args: Args ?? null,
          Command: Command ?? "",
          Name: Name ?? "",
          TaskGroupName: group.Name,
          TaskName: task.Name
        }))
    )
  )
  return { index: 0, body: found, byAgent: true }
}
