import { Effect, Option, Schema } from "effect"
import type { JobRef } from "../../domain/JobRef.ts"
import type { Unread } from "../../domain/Observed.ts"
import type { RawJob } from "./editJob.ts"
import { decodeAnswer, makeRead, makeScopeQuery, type Scope, unreachable } from "./makeRead.ts"
import { makeRefuseStale } from "./makeRefuseStale.ts"
import type { NomadAnswer, NomadHttp } from "./NomadHttp.ts"
import { NomadJob } from "./NomadJob.ts"
import { Allocation, Deployment, Evaluation, JobStatus } from "./NomadRollout.ts"
import { lastLine } from "./plainLine.ts"
import { Submission } from "./rewriteSubmission.ts"
import type { LogPlace } from "./tellFailure.ts"

/** A job as read, and what we look at in it. */
export interface ReadJob {
  readonly raw: RawJob
  readonly view: NomadJob
}

/**
 * Nomad's router looks at the end of the decoded path, so `/v1/job/` with one of these ids calls another endpoint of
 * another job (`nomad-api.md` §2.2). Their versions can be read.
 */
const hidesJob =
  /\/(?:plan|versions|deployments?|allocations|evaluations|evaluate|summary|scale|services|submission|revert|stable|dispatch|dispatch\/payload|actions?|tag|periodic\/force)$/

const perPage = "1000"
/** A million jobs in one namespace; past that a server that repeats itself is likelier (X13). */
const maxPages = 1_000

const RawObject = Schema.Record(Schema.String, Schema.Unknown)
const decodeJob = decodeAnswer(RawObject, "a job")
const decodeVersions = decodeAnswer(
  Schema.Struct({ Versions: Schema.NullOr(Schema.Array(RawObject)) }),
  "a list of job versions"
)
const decodeDeployment = decodeAnswer(Schema.NullOr(Deployment), "a deployment")
const decodeDeployments = decodeAnswer(Schema.Array(Deployment), "a list of deployments")
const decodeEvaluations = decodeAnswer(Schema.Array(Evaluation), "a list of evaluations")
const decodeAllocations = decodeAnswer(Schema.Array(Allocation), "a list of allocations")
const notAllocations = "Nomad's answer is not a list of allocations"
const decodeStatuses = decodeAnswer(Schema.Array(JobStatus), "a list of job statuses")
const decodeStubs = decodeAnswer(
  Schema.Array(Schema.Struct({ ID: Schema.String, ModifyIndex: Schema.Int })),
  "a list of jobs"
)
const decodeSubmission = Schema.decodeUnknownOption(Schema.fromJsonString(Submission))
const decodeView = Schema.decodeUnknownOption(NomadJob)

/** What a task wrote last; a line is told in 200 characters, so that more would be read for nothing. */
const logBytes = 4_096
/** The client that has the log may be slow or gone; the outcome waits for it, so not for long. */
const logDeadline = "3 seconds"

const pathOf = (ref: JobRef) => `/v1/job/${encodeURIComponent(ref.job)}`

/** Everything that is read of Nomad, as far as it was answered in full, from the leader, of the job asked for. */
export const makeNomadReads = (http: NomadHttp, fallback: Scope) => {
  const scopeQuery = makeScopeQuery(fallback)
  const read = makeRead(http, scopeQuery)
  const refuseStale = makeRefuseStale()
  const withoutStatuses = new Set<string>()

  const view = (ref: JobRef, raw: RawJob): Effect.Effect<ReadJob, Unread> =>
    Option.match(decodeView(raw), {
      onNone: () => Effect.fail(unreachable("Nomad's answer is not a job as we know it")),
      onSome: (job) =>
        job.ID === ref.job && job.Namespace === scopeQuery(ref).namespace
          ? Effect.succeed({ raw, view: job })
          : Effect.fail(unreachable(`Nomad answered with job "${job.ID}" of namespace "${job.Namespace}"`))
    })

  /** Every version that Nomad keeps, the newest register last; empty: there is no job. */
  const versions = Effect.fnUntraced(function* (ref: JobRef, floor = 0) {
    const answer = yield* read(ref, "read-job", `${pathOf(ref)}/versions`)
    if (Option.isNone(answer)) return []
    const { Versions: list } = yield* decodeVersions(answer.value)
    const jobs = yield* Effect.forEach(list ?? [], (raw) => view(ref, raw))
    const byIndex = jobs.toSorted((a, b) => a.view.JobModifyIndex - b.view.JobModifyIndex)
    const newest = byIndex.at(-1)
    if (newest !== undefined) yield* refuseStale(ref, newest.view, floor)
    return byIndex
  })

  const job = Effect.fnUntraced(function* (ref: JobRef) {
    if (hidesJob.test(ref.job)) return Option.fromUndefinedOr((yield* versions(ref)).at(-1))
    const answer = yield* read(ref, "read-job", pathOf(ref))
    if (Option.isNone(answer)) return Option.none<ReadJob>()
    const found = yield* Effect.flatMap(decodeJob(answer.value), (raw) => view(ref, raw))
    yield* refuseStale(ref, found.view, 0)
    return Option.some(found)
  })

  /** A list of the job's; Nomad has an empty one for a job that it does not have. */
  const listOf =
    <A>(part: string, decode: (answer: NomadAnswer) => Effect.Effect<ReadonlyArray<A>, Unread>) =>
    (ref: JobRef) =>
      read(ref, "read-job", `${pathOf(ref)}/${part}`).pipe(
        Effect.flatMap(Option.match({ onNone: () => Effect.succeed<ReadonlyArray<A>>([]), onSome: decode }))
      )

  const latestDeployment = (ref: JobRef) =>
    read(ref, "read-job", `${pathOf(ref)}/deployment`).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.succeed(null), onSome: decodeDeployment }))
    )

  const deployment = (scope: Scope, id: string) =>
    read(scope, "read-job", `/v1/deployment/${encodeURIComponent(id)}`).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.succeed(null), onSome: decodeDeployment }))
    )

  const deploymentAllocations = (scope: Scope, id: string) =>
    read(scope, "read-job", `/v1/deployment/allocations/${encodeURIComponent(id)}`).pipe(
      Effect.flatMap(Option.match({ onNone: () => Effect.succeed([]), onSome: decodeAllocations }))
    )

  /**
   * The stored source of a version. `unreadable`: there is one, and the server can not give it: a flag with a
   * bare `%` is a 500 `invalid URL escape` on every second read (`nomad-api.md` §2.4).
   */
  const submission = (ref: JobRef, version: number) =>
    read(ref, "read-job", `${pathOf(ref)}/submission`, { query: { version: String(version) } }).pipe(
      Effect.map(
        Option.match({
          onNone: () => "none" as const,
          onSome: ({ text }) => Option.getOrElse(decodeSubmission(text), () => "unreadable" as const)
        })
      ),
      Effect.catchIf(
        ({ words }) => words.includes("invalid URL escape"),
        () => Effect.succeed("unreadable" as const)
      )
    )

  /** Of the named jobs of one namespace, in one call; `None` on servers before 1.8, which have no such call. */
  const statuses = Effect.fnUntraced(function* (scope: Scope, jobs: ReadonlyArray<string>) {
    const { region, namespace } = scopeQuery(scope)
    if (withoutStatuses.has(region)) return Option.none()
    const body = { Jobs: jobs.map((ID) => ({ ID, Namespace: namespace })) }
    const answer = yield* read(scope, "read-job", "/v1/jobs/statuses", { body }).pipe(
      Effect.catchIf(
        ({ words }) => /^Nomad answered 40[45]:/.test(words),
        () => Effect.succeedNone
      )
    )
    if (Option.isSome(answer)) return Option.some(yield* decodeStatuses(answer.value))
    withoutStatuses.add(region)
    return Option.none()
  })

  /** Succeeds where the token has `read-job` in the namespace: what the event stream asks for, and does not say. */
  const tryReadJob = (scope: Scope) =>
    read(scope, "read-job", "/v1/deployments", { query: { per_page: "1" } })

  const indexes = Effect.fnUntraced(function* (scope: Scope) {
    const found = new Map<string, number>()
    let next = ""
    for (let page = 0; page < maxPages; page++) {
      const query = { per_page: perPage, next_token: next }
      const answer = yield* read(scope, "list-jobs", "/v1/jobs", { query })
      if (Option.isNone(answer)) return yield* Effect.fail(unreachable("Nomad has no list of jobs"))
      for (const stub of yield* decodeStubs(answer.value)) found.set(stub.ID, stub.ModifyIndex)
      const token = answer.value.headers.get("x-nomad-nexttoken") ?? ""
      if (token === "") return found
      if (token === next) break
      next = token
    }
    return yield* Effect.fail(unreachable("Nomad's list of jobs does not end"))
  })

  /** The last line of one of a task's logs; undefined: it has none, or it can not be read, for want of `read-logs` say. */
  const readLog = (scope: Scope, { allocation, task }: LogPlace, type: "stderr" | "stdout") =>
    http({
      method: "GET",
      path: `/v1/client/fs/logs/${encodeURIComponent(allocation)}`,
      query: { ...scopeQuery(scope), task, type, plain: "true", origin: "end", offset: String(logBytes) },
      // Nomad sends what was asked for, and what was written meanwhile.
      maxBytes: 16 * logBytes
    }).pipe(
      Effect.map(({ status, text }) => (status === 200 ? lastLine(text) : undefined)),
      Effect.orElseSucceed(() => undefined)
    )

  /** What a task said last, as part of a sentence: on stderr, else on stdout; undefined where nothing can be read. */
  const lastWords = Effect.fnUntraced(
    function* (scope: Scope, place: LogPlace) {
      for (const type of ["stderr", "stdout"] as const) {
        const line = yield* readLog(scope, place, type)
        if (line !== undefined) return `last line of ${type}: ${line}`
      }
      return undefined
    },
    Effect.timeoutOption(logDeadline),
    Effect.map(Option.getOrUndefined)
  )

  return {
    scopeQuery,
    job,
    versions,
    latestDeployment,
    deployment,
    deploymentAllocations,
    /** Of this life of the job, in no order. */
    deployments: listOf("deployments", decodeDeployments),
    evaluations: listOf("evaluations", decodeEvaluations),
    /** None where Nomad's list is not one that we can read; what it would tell, a later look tells no better. */
    allocations: (ref: JobRef) =>
      listOf(
        "allocations",
        decodeAllocations
      )(ref).pipe(
        Effect.asSome,
        Effect.catchIf(
          ({ words }) => words === notAllocations,
          () => Effect.succeedNone
        )
      ),
    lastWords,
    submission,
    statuses,
    tryReadJob,
    indexes
  }
}
export type NomadReads = ReturnType<typeof makeNomadReads>
