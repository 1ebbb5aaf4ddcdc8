import type { Allocation } from "./Allocation.ts"
import type { Deployment } from "./Deployment.ts"
import { groupSummaries } from "./groupSummaries.ts"
import type { Evaluation } from "./Evaluation.ts"
import { EventLog, type EventType } from "./EventLog.ts"
import { type Job, jobKey } from "./Job.ts"
import type { Snapshot } from "./Snapshot.ts"
import { statusOf } from "./statusOf.ts"
import type { JsonObject } from "./Json.ts"
import type { Nanos } from "./time.ts"
import { trackedVersions, withVersion } from "./trackedVersions.ts"

/** The source of a job that was sent with its register. */
export interface Submission extends JsonObject {
  readonly Version: number
  readonly JobModifyIndex: number
}

export type Table = "jobs" | "summaries" | "evaluations" | "allocations" | "deployments"

/**
 * What the servers store: tables of values that are replaced, never changed, and one index that each
 * commit raises. Everything here is synchronous, so a commit is atomic as a Raft entry is.
 */
export class State {
  /** The index of the newest commit. */
  index = 1
  readonly namespaces = new Set(["default"])
  readonly nodePools = new Set(["default", "all"])
  readonly jobs = new Map<string, Job>()
  readonly versions = new Map<string, ReadonlyArray<Job>>()
  readonly scalingPolicies = new Map<string, JsonObject>()
  /** Keys of the periodic jobs, and of some that are none any more. */
  readonly periodic = new Set<string>()
  readonly submissions = new Map<string, ReadonlyArray<Submission>>()
  readonly evaluations = new Map<string, Evaluation>()
  readonly deployments = new Map<string, Deployment>()
  readonly allocations = new Map<string, Allocation>()
  /** Index at which each table was last written. */
  readonly tables: Record<Table, number> = {
    jobs: 1,
    summaries: 1,
    evaluations: 1,
    allocations: 1,
    deployments: 1
  }
  readonly #scalings = new Map<string, Readonly<Record<string, ReadonlyArray<JsonObject>>>>()
  readonly #summaries = new Map<string, { readonly at: number; readonly text: string }>()
  readonly #byJob = {
    evaluations: new Map<string, Set<string>>(),
    allocations: new Map<string, Set<string>>(),
    deployments: new Map<string, Set<string>>()
  }
  readonly #listeners = new Set<() => void>()
  readonly #now: () => Nanos
  /** What was committed, told as events. */
  readonly events = new EventLog()
  #touched = new Set<string>()

  constructor(now: () => Nanos) {
    this.#now = now
  }

  /**
   * One Raft entry: raises the index, writes, sets the status of the jobs it touched, tells the events of this
   * type (none where it has none), wakes who waits.
   */
  commit<A>(type: EventType | undefined, write: (index: number, now: Nanos) => A): A {
    this.index += 1
    this.#touched = new Set()
    const result = write(this.index, this.#now())
    // A job is stored in a transaction of its own, before its evaluation and the status that this gives it.
    if (type === "JobRegistered" || type === "JobDeregistered")
      this.events.publish(this.index, type, ({ topic }) => topic === "Job")
    for (const key of this.#touched) {
      this.#setStatus(key)
      this.#setSummary(key)
    }
    this.events.publish(this.index, type)
    for (const wake of this.#listeners) wake()
    return result
  }

  /** Calls `wake` after each commit, until the answer is called. */
  onCommit(wake: () => void): () => void {
    this.#listeners.add(wake)
    return () => {
      this.#listeners.delete(wake)
    }
  }

  job(namespace: string, id: string): Job | undefined {
    return this.jobs.get(jobKey(namespace, id))
  }

  /** Of a periodic or parameterized job. */
  childrenOf({ Namespace, ID }: Job): ReadonlyArray<Job> {
    return [...this.jobs.values()].filter((each) => each["ParentID"] === ID && each.Namespace === Namespace)
  }

  evaluationsOf(namespace: string, id: string): ReadonlyArray<Evaluation> {
    return this.#ofJob("evaluations", this.evaluations, namespace, id)
  }

  allocationsOf(namespace: string, id: string): ReadonlyArray<Allocation> {
    return this.#ofJob("allocations", this.allocations, namespace, id)
  }

  /** In the order of their ids, which says nothing of time. */
  deploymentsOf(namespace: string, id: string): ReadonlyArray<Deployment> {
    return this.#ofJob("deployments", this.deployments, namespace, id)
  }

  latestDeployment(namespace: string, id: string): Deployment | undefined {
    return this.deploymentsOf(namespace, id).reduce<Deployment | undefined>(
      (latest, each) => (latest === undefined || each.CreateIndex > latest.CreateIndex ? each : latest),
      undefined
    )
  }

  versionsOf(namespace: string, id: string): ReadonlyArray<Job> {
    return this.versions.get(jobKey(namespace, id)) ?? []
  }

  putEvaluation(evaluation: Evaluation): void {
    this.#put("evaluations", this.evaluations, evaluation)
    this.events.record({ topic: "Evaluation", value: evaluation })
  }

  putDeployment(deployment: Deployment): void {
    this.#put("deployments", this.deployments, deployment)
    this.events.record({ topic: "Deployment", value: deployment })
  }

  putAllocation(allocation: Allocation): void {
    this.#put("allocations", this.allocations, allocation)
    this.events.record({ topic: "Allocation", value: allocation })
  }

  /** Stores the job and its version. A version that is new may push out the oldest one without a tag. */
  putJob(job: Job): void {
    const key = jobKey(job.Namespace, job.ID)
    this.jobs.set(key, job)
    if (job.Periodic !== null) this.periodic.add(key)
    this.#putVersion(key, job)
    this.tables.jobs = this.index
    this.#touched.add(key)
    this.events.record({ topic: "Job", value: job })
  }

  /** Changes one stored version, and the job where it is that version. */
  changeVersion(namespace: string, id: string, version: number, change: (job: Job) => Job): void {
    const key = jobKey(namespace, id)
    const stored = this.versionsOf(namespace, id).find((each) => each.Version === version)
    if (stored === undefined) return
    const changed = { ...change(stored), ModifyIndex: this.index }
    if (this.jobs.get(key)?.Version === version) {
      this.jobs.set(key, changed)
      this.events.record({ topic: "Job", value: changed })
    }
    this.#putVersion(key, changed)
    this.tables.jobs = this.index
  }

  putSubmission(key: string, submission: Submission): void {
    const others = (this.submissions.get(key) ?? []).filter((each) => each.Version !== submission.Version)
    this.submissions.set(
      key,
      [submission, ...others]
        .toSorted((a, b) => b.JobModifyIndex - a.JobModifyIndex)
        .slice(0, trackedVersions)
    )
  }

  /** Removes a job with its versions, sources, deployments and allocations; its pending evaluations end. */
  purge(namespace: string, id: string, now: Nanos): void {
    const key = jobKey(namespace, id)
    const purged = this.jobs.get(key)
    if (purged !== undefined) this.events.record({ topic: "Job", value: purged, deleted: true })
    for (const policy of this.scalingPolicies.keys())
      if (policy.startsWith(`${key}\n`)) this.scalingPolicies.delete(policy)
    for (const { ID } of this.deploymentsOf(namespace, id)) this.deployments.delete(ID)
    for (const { ID } of this.allocationsOf(namespace, id)) this.allocations.delete(ID)
    this.#byJob.deployments.delete(key)
    this.#byJob.allocations.delete(key)
    for (const table of [this.jobs, this.versions, this.submissions, this.#summaries, this.#scalings])
      table.delete(key)
    for (const evaluation of this.evaluationsOf(namespace, id)) {
      if (evaluation.Status !== "pending") continue
      const words = { Status: "complete" as const, StatusDescription: `job ${id} deleted` }
      this.putEvaluation({ ...evaluation, ...words, ModifyIndex: this.index, ModifyTime: now })
    }
    for (const table of ["jobs", "summaries", "deployments", "allocations"] as const) {
      this.tables[table] = this.index
    }
  }

  /** Who scaled a group, newest first. */
  scalings(namespace: string, id: string, group: string): ReadonlyArray<JsonObject> {
    return this.#scalings.get(jobKey(namespace, id))?.[group] ?? []
  }

  /** Ten of a group are kept. */
  putScaling(namespace: string, id: string, group: string, event: JsonObject): void {
    const key = jobKey(namespace, id)
    const events = [event, ...this.scalings(namespace, id, group)].slice(0, 10)
    this.#scalings.set(key, { ...this.#scalings.get(key), [group]: events })
  }

  /** Index at which the summary of a job last changed. */
  summaryIndex(job: Job): number {
    return this.#summaries.get(jobKey(job.Namespace, job.ID))?.at ?? job.CreateIndex
  }

  #putVersion(key: string, job: Job): void {
    this.versions.set(key, withVersion(this.versions.get(key) ?? [], job))
  }

  #put<A extends { readonly ID: string; readonly Namespace: string; readonly JobID: string }>(
    table: "evaluations" | "allocations" | "deployments",
    into: Map<string, A>,
    value: A
  ): void {
    const key = jobKey(value.Namespace, value.JobID)
    const ids = this.#byJob[table].get(key) ?? new Set()
    this.#byJob[table].set(key, ids.add(value.ID))
    into.set(value.ID, value)
    this.tables[table] = this.index
    this.#touched.add(key)
  }

  /** Every table as it is now: values are never changed, so copies of the maps are enough. */
  snapshot(): Snapshot {
    const maps = this.#maps().map((map) => new Map(map))
    return { index: this.index, tables: { ...this.tables }, namespaces: [...this.namespaces], maps }
  }

  /** Everything is as it was then, the index too: it goes back. Those that wait are not told, as on a real server. */
  restore({ index, tables, namespaces, maps }: Snapshot): void {
    this.index = index
    Object.assign(this.tables, tables)
    this.namespaces.clear()
    for (const name of namespaces) this.namespaces.add(name)
    for (const [at, map] of this.#maps().entries()) {
      map.clear()
      for (const [key, value] of maps[at] ?? []) map.set(key, value)
    }
    for (const ids of Object.values(this.#byJob)) ids.clear()
    for (const table of ["evaluations", "deployments", "allocations"] as const) {
      for (const { Namespace, JobID, ID } of this[table].values()) {
        const key = jobKey(Namespace, JobID)
        this.#byJob[table].set(key, (this.#byJob[table].get(key) ?? new Set()).add(ID))
      }
    }
    this.events.forget()
  }

  /** The tables that hold something, in an order of their own. */
  #maps(): ReadonlyArray<Map<string, unknown>> {
    const { jobs, versions, submissions, evaluations, deployments, allocations, scalingPolicies } = this
    const open = [jobs, versions, submissions, evaluations, deployments, allocations, scalingPolicies]
    return [...open, this.#scalings, this.#summaries] as ReadonlyArray<Map<string, unknown>>
  }

  #ofJob<A extends { readonly ID: string }>(
    table: "evaluations" | "allocations" | "deployments",
    from: ReadonlyMap<string, A>,
    namespace: string,
    id: string
  ): ReadonlyArray<A> {
    return [...(this.#byJob[table].get(jobKey(namespace, id)) ?? [])].toSorted().flatMap((each) => {
      const value = from.get(each)
      return value === undefined ? [] : [value]
    })
  }

  #setStatus(key: string): void {
    const job = this.jobs.get(key)
    if (job === undefined) return
    const status = statusOf(this, job)
    if (status === job.Status) return
    const updated = { ...job, Status: status, ModifyIndex: this.index }
    this.jobs.set(key, updated)
    this.events.record({ topic: "Job", value: updated })
    this.#putVersion(key, updated)
    this.tables.jobs = this.index
  }

  #setSummary(key: string): void {
    const job = this.jobs.get(key)
    if (job === undefined) return
    const text = JSON.stringify(groupSummaries(this, job))
    if (this.#summaries.get(key)?.text === text) return
    this.#summaries.set(key, { at: this.index, text })
    this.tables.summaries = this.index
  }
}
