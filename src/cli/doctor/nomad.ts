import { Effect, Option, Redacted, Stream } from "effect"
import type { Config } from "../../config/Config.ts"
import { Deployer, type Rights } from "../../deployer/Deployer.ts"
import { jobKey, type JobRef } from "../../domain/JobRef.ts"
import type { Observed, UnfitReason, Unread } from "../../domain/Observed.ts"
import type { Watched } from "../../domain/Watched.ts"
import { atOnce, type Finding, ok, type Report, warning, wrong } from "./Finding.ts"

const policy = "deploy/policy.hcl has a policy with every right"

/**
 * The list of jobs in each namespace and its events, then each repository's job, its tasks, and the rights on it. Where Nomad does
 * not answer for the first, the jobs are not asked for.
 */
export const examineNomad = Effect.fn("examineNomad")(function* (config: Config, report: Report) {
  const deployer = yield* Deployer
  const scopes = new Map(
    config.watched.map(({ mapping: { job } }) => [jobKey({ ...job, job: "" }), job] as const)
  )
  const tell = (finding: Finding) => Effect.as(report(finding), finding)
  const lists = yield* Effect.forEach(scopes.values(), (scope) =>
    Effect.match(deployer.indexes(scope), {
      onSuccess: ({ size }) => ({
        answers: true,
        finding: ok(ofScope(scope), `list-jobs: ${size} ${size === 1 ? "job" : "jobs"}`)
      }),
      onFailure: (unread) => {
        const answers = unread.reason === "forbidden"
        // The service then reads every job in full, as it would anyway after a change.
        const finding = answers
          ? warning(
              ofScope(scope),
              unread.words,
              `without it each job is read in full each interval; ${policy}`
            )
          : wrong(ofScope(scope), unread.words, remedyOf(config, unread))
        return { answers, finding }
      }
    }).pipe(Effect.tap(({ finding }) => report(finding)))
  )
  const listed = lists.map(({ finding }) => finding)
  if (!lists.every(({ answers }) => answers)) return listed
  const streams = yield* Effect.forEach(
    scopes.values(),
    (scope) => Effect.flatMap(examineStream(scope), tell),
    {
      concurrency: atOnce
    }
  )
  const findings = [...listed, ...streams]
  const jobs = yield* Effect.forEach(
    config.watched,
    (watched) => Effect.flatMap(examineJob(config, watched), tell),
    { concurrency: atOnce }
  )
  return [...findings, ...jobs]
})

const ofScope = ({ namespace, region }: JobRef): string =>
  `nomad, namespace ${namespace}${region === "" ? "" : `, region ${region}`}`

/** Whether Nomad tells of changes; where it refuses by silence, ten seconds pass before that is known. */
const examineStream = Effect.fnUntraced(function* (scope: JobRef) {
  const deployer = yield* Deployer
  const check = `events of ${ofScope(scope)}`
  const first = yield* Stream.runHead(deployer.changes({ ...scope, jobs: [] }))
  const hint = Option.getOrUndefined(first)
  if (hint?._tag !== "Closed") return ok(check, "Nomad tells of changes as they happen")
  return warning(
    check,
    hint.words,
    `without it a change made in Nomad is seen within an interval, not within a second; ${policy}`
  )
})

const examineJob = Effect.fnUntraced(function* (config: Config, { name, mapping }: Watched) {
  const deployer = yield* Deployer
  const check = `job ${mapping.job.job} of ${name}`
  const { observed, base } = yield* deployer.observe(mapping)
  if (observed._tag === "Unread") return wrong(check, observed.words, remedyOf(config, observed))
  if (observed._tag === "Unfit" || base === undefined)
    return wrong(
      check,
      wordsOf(observed),
      remedies[observed._tag === "Unfit" ? observed.reason : "job_absent"]
    )
  return ofRights(check, wordsOf(observed), yield* deployer.rights(base))
})

const ofRights = (check: string, runs: string, { register, logs }: Rights): Finding => {
  if (register._tag === "Missing") return wrong(check, register.words, policy)
  if (register._tag === "Untold") {
    const words = `${runs}; whether it may be registered can not be told: ${register.words}`
    return wrong(check, words, "mend what Nomad says of the job, then ask again")
  }
  const rights = `${runs}; read-job and register are held`
  switch (logs._tag) {
    case "Held":
      return ok(check, `${rights}, and so is read-logs`)
    case "Missing":
      return warning(
        check,
        `${rights}; ${logs.words}`,
        `without it a failure is told without its log; ${policy}`
      )
    case "Untold":
      return ok(check, `${rights}; read-logs was not tried: ${logs.words}`)
  }
}

const wordsOf = (observed: Exclude<Observed, Unread>): string =>
  observed._tag === "Unfit"
    ? observed.words
    : observed.tasks.map(({ group, task, image }) => `${group}.${task} has ${image}`).join(", ")

const remedies: Readonly<Record<UnfitReason, string>> = {
  job_absent: "run the job once, or correct nomad_job_name and nomad_namespace",
  job_stopped: "start it again (`nomad job run`), or watch another",
  job_child: "name its parent in nomad_job_name",
  job_multiregion: "watch a job of one region",
  task_not_found:
    "correct nomad_task_name and nomad_group_name, or leave them out for every task with this image",
  image_interpolated: "write the image into the job in full",
  image_malformed: "correct the image in the job",
  image_foreign: "correct registry and prefix of the entry, or set image_name to the name that the job has"
}

const remedyOf = ({ nomad }: Config, { reason }: Unread): string => {
  if (reason === "nomad_unreachable") {
    // A server that wants a certificate closes the connection without a word of it (TLS 1.3).
    const isBare = nomad.address.protocol === "https:" && nomad.clientCertificate === undefined
    const certificate = isBare ? " Does it want a client's certificate (NOMAD_CLIENT_CERT)?" : ""
    return `is NOMAD_ADDR (${nomad.address.href}) right, and does Nomad run there?${certificate}`
  }
  const hasToken = nomad.tokenFile !== undefined || Redacted.value(nomad.token ?? Redacted.make("")) !== ""
  return !hasToken ? `set NOMAD_TOKEN, or run as a task with an identity; ${policy}` : policy
}
